/// How much a help text says.
public enum HelpLevel: Sendable {
  /// The commands and options that one needs first.
  case first
  /// Every option.
  case all
}

extension OptionTable where Options: CommandOptions {
  /// Commands that a short help shows, and options from which on there is one.
  private static var firstCount: Int { 3 }
  private static var fewCount: Int { 12 }

  /// The help text, wrapped to `width` columns.
  ///
  /// The short one has three commands and the options that say what is read, how large it is and
  /// where results go; a command of few options has one text.
  ///
  /// - Parameter first: Commands of the whole program; the short text takes the first of them in.
  public func help(
    _ level: HelpLevel = .all, first: [String] = [], width: Int = 80
  ) -> String {
    let isShort = level == .first && rows.count > Self.fewCount
    return (isShort ? shortHelp(first, width) : completeHelp(width)).joined(separator: "\n")
  }

  private func completeHelp(_ width: Int) -> [String] {
    var lines = [summary, "", "Usage: \(name) \(usage)"]
    for group in OptionGroup.allCases {
      var entries = rows.filter { $0.group == group }.map { ($0.label, text(of: $0)) }
      if group == .run { entries += Question.allCases.map { ($0.label, $0.help) } }
      guard !entries.isEmpty else { continue }
      lines += ["", group.rawValue + ":"] + columns(entries, at: labelWidth, width: width)
    }
    if !examples.isEmpty { lines += ["", "Examples:"] + examples.map { "  " + Command.typed($0) } }
    return lines
  }

  private func shortHelp(_ first: [String], _ width: Int) -> [String] {
    let own = examples.prefix(Self.firstCount - (first.isEmpty ? 0 : 1))
    let shown = rows.filter { row in
      row.isRequired || row.group == .input || row.name == "output"
        || Options.basis.contains(row.name)
    }
    let entries = shown.map { ($0.label, text(of: $0)) }
    var lines = [summary, "", "Usage: \(name) \(usage)", "", "Start with:"]
    lines += (own + first.prefix(1)).map { "  " + Command.typed($0) }
    lines += ["", "First options:"]
    lines += columns(
      entries + [(Question.everything.label, "All \(rows.count) options.")], at: labelWidth,
      width: width)
    return lines
  }

  /// Where the explanations start: after the longest label, but not too far right.
  private var labelWidth: Int {
    let labels = rows.map(\.label) + Question.allCases.map(\.label)
    return min(30, (labels.map(\.count).max() ?? 0) + 4)
  }

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

/// What a program can be asked about itself; it answers and ends.
enum Question: String, CaseIterable {
  case help
  case everything = "help-all"
  case completions
  case version

  var label: String { self == .completions ? "--completions <shell>" : "--" + rawValue }

  var help: String {
    switch self {
    case .help: "Show what one needs first."
    case .everything: "Show every option."
    case .completions:
      "Print completions of options and commands: "
        + Completion.Shell.allCases.map(\.rawValue).joined(separator: ", ") + "."
    case .version: "Show the version."
    }
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
