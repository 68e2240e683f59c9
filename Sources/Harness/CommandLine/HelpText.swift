extension OptionTable where Options: CommandOptions {
  /// The help text, wrapped to `width` columns.
  public func help(width: Int = 80) -> String {
    var lines = [summary, "", "Usage: \(name) \(usage)"]
    let defaults = Options()
    let labels = rows.map { row in
      "--" + row.name + (row.placeholder.map { " <\($0)>" } ?? "")
    }
    let column = min(30, (labels.map(\.count).max() ?? 0) + 4)
    for group in OptionGroup.allCases {
      let members = zip(rows, labels).filter { $0.0.group == group }
      guard !members.isEmpty else { continue }
      lines += ["", group.rawValue + ":"]
      for (row, label) in members {
        let value = row.get(defaults)
        let shown = row.placeholder == nil ? (value == "true" ? "on" : "") : value
        var text = row.help
        if row.expectation.hasPrefix("one of ") {
          text += " " + row.expectation.prefix(1).uppercased() + row.expectation.dropFirst() + "."
        }
        if !shown.isEmpty { text += " [\(shown)]" }
        let wrapped = wrap(text, width: width - column)
        let head = "  " + label
        if head.count + 2 > column {
          lines.append(head)
          lines += wrapped.map { String(repeating: " ", count: column) + $0 }
        } else {
          for (index, line) in wrapped.enumerated() {
            let left = index == 0 ? head : ""
            lines.append(left + String(repeating: " ", count: column - left.count) + line)
          }
        }
      }
    }
    lines += ["", "Examples:"] + examples.map { "  " + $0 }
    return lines.joined(separator: "\n")
  }

  private func wrap(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + [line]
  }
}
