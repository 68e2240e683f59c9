import Evaluation
import FileSupport

/// A table of results that renders as Markdown, CSV and JSON.
public struct Table: Sendable, Equatable {
  /// A column: its heading, and whether its cells stand to the right.
  public struct Column: Sendable, Equatable {
    /// The heading.
    public let title: String
    /// Numbers stand to the right, words to the left.
    public let isNumeric: Bool

    /// A column.
    public init(_ title: String, isNumeric: Bool = true) {
      self.title = title
      self.isNumeric = isNumeric
    }
  }

  /// What stands above the table.
  public var caption: String
  /// The columns.
  public var columns: [Column]
  /// Cells as text, one row a list.
  public var rows: [[String]]
  /// Lines below the table: protocol, n, what was short.
  public var notes: [String]

  /// A table without rows.
  public init(caption: String, columns: [Column], notes: [String] = []) {
    self.caption = caption
    self.columns = columns
    rows = []
    self.notes = notes
  }

  /// Adds a row.
  ///
  /// - Precondition: there is one cell a column.
  public mutating func add(_ cells: [String]) {
    precondition(cells.count == columns.count, "\(cells.count) cells, \(columns.count) columns")
    rows.append(cells)
  }

  /// Aligned Markdown that also reads well in a terminal.
  public var markdown: String {
    func escaped(_ text: String) -> String { MarkdownText.escaped(text, isCell: true) }
    let titles = columns.map { escaped($0.title) }
    let cells = rows.map { $0.map(escaped) }
    let widths = columns.indices.map { column in
      max(3, titles[column].count, cells.map { $0[column].count }.max() ?? 0)
    }
    func line(_ cells: [String]) -> String {
      "| "
        + cells.enumerated().map { column, cell in
          let space = String(repeating: " ", count: widths[column] - cell.count)
          return columns[column].isNumeric ? space + cell : cell + space
        }.joined(separator: " | ") + " |"
    }
    let rule =
      "|"
      + columns.indices.map { column in
        let dashes = String(repeating: "-", count: widths[column] + 1)
        return columns[column].isNumeric ? dashes + ":" : dashes + "-"
      }.joined(separator: "|") + "|"
    let title = MarkdownText.escaped(caption, isBold: true)
    var lines = ["**\(title)**", "", line(titles), rule]
    lines += cells.map(line)
    if !notes.isEmpty { lines += [""] + notes.map { "- " + MarkdownText.escaped($0) } }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Comma-separated values with CRLF line ends (RFC 4180).
  ///
  /// A text that a spreadsheet would take for a formula, as a name that begins with `=`, is led by an
  /// apostrophe; numbers stay as they are.
  public var csv: String {
    func isFormula(_ text: String) -> Bool {
      guard let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first)
      else { return false }
      return text != "-" && Double(text) == nil
    }
    func field(_ text: String) -> String {
      let text = isFormula(text) ? "'" + text : text
      // Bytes, because Swift takes CR LF for one character.
      return text.utf8.contains { $0 == 0x2C || $0 == 0x22 || $0 == 0x0D || $0 == 0x0A }
        ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
    let lines = [columns.map(\.title)] + rows
    return lines.map { $0.map(field).joined(separator: ",") + "\r\n" }.joined()
  }

  /// The table as a document: caption, notes, and each row by heading.
  public var json: JSONValue {
    .object([
      "caption": .string(caption), "notes": .array(notes.map { .string($0) }),
      "columns": .array(columns.map { .string($0.title) }),
      "rows": .array(rows.map { .array($0.map { .string($0) }) }),
    ])
  }
}

/// A fraction as a percentage with its interval: `75.3 [74.9, 75.7]`.
public func percentage(_ value: Double, _ interval: Interval? = nil) -> String {
  guard value.isFinite else { return "-" }
  func text(_ x: Double) -> String {
    let tenths = (x * 1000).rounded()
    guard abs(tenths) < 1e15 else { return x.isFinite ? "\(x * 100)" : "-" }
    let whole = Int(abs(tenths)) / 10
    return (tenths < 0 ? "-" : "") + "\(whole).\(Int(abs(tenths)) % 10)"
  }
  return text(value) + (interval.map { " [\(text($0.low)), \(text($0.high))]" } ?? "")
}
