extension OptionTable where Options: CommandOptions {
  /// The help text, wrapped to `width` columns.
  public func help(width: Int = 80) -> String {
    var lines = [summary, "", "Usage: \(name) \(usage)"]
    for group in OptionGroup.allCases {
      var entries = rows.filter { $0.group == group }.map { ($0.label, text(of: $0)) }
      if group == .run {
        entries += [("--help", "Show this text."), ("--version", "Show the version.")]
      }
      guard !entries.isEmpty else { continue }
      lines += ["", group.rawValue + ":"] + columns(entries, at: labelWidth, width: width)
    }
    if !examples.isEmpty { lines += ["", "Examples:"] + examples.map { "  " + $0 } }
    return lines.joined(separator: "\n")
  }

  /// Where the explanations start: after the longest label, but not too far right.
  private var labelWidth: Int { min(30, (rows.map(\.label.count).max() ?? 0) + 4) }

  private func text(of row: Row) -> String {
    var text = row.help
    if row.expectation.hasPrefix("one of ") {
      text += " " + row.expectation.prefix(1).uppercased() + row.expectation.dropFirst() + "."
    }
    if row.isRequired { return text + " [required]" }
    let value = row.get(Options())
    let shown = row.placeholder == nil ? (value == "true" ? "on" : "") : value
    return shown.isEmpty ? text : text + " [\(shown)]"
  }
}

extension OptionTable.Row {
  /// The option as one types it.
  var label: String {
    if isPositional { return "<\(name)>" }
    guard let placeholder else { return "--[no-]" + name }
    return "--\(name) <\(placeholder)>"
  }
}

/// Two columns: labels, and their explanations wrapped beside or, after a long label, below them.
func columns(_ entries: [(label: String, text: String)], at column: Int, width: Int) -> [String] {
  var lines: [String] = []
  for (label, text) in entries {
    let head = "  " + label
    var wrapped = wrap(text, width: width - column)[...]
    if head.count + 2 > column {
      lines.append(head)
    } else {
      let space = String(repeating: " ", count: column - head.count)
      lines.append(head + space + (wrapped.popFirst() ?? ""))
    }
    lines += wrapped.map { String(repeating: " ", count: column) + $0 }
  }
  return lines
}

/// Breaks a text between words into lines of at most `width` columns.
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
