/// Rows of fields: CSV as RFC 4180 writes it, or the same with tabs or semicolons.
///
/// A field in quotes may hold the separator, line ends and doubled quotes. The separator is the first
/// of tab, comma and semicolon that the first line has. Lines end as on any system.
public enum DelimitedText {
  /// A row, and the line that it begins on, from 1.
  public typealias Row = (line: Int, fields: [String])

  /// Splits a text into rows; empty lines are left out.
  ///
  /// - Throws: `FileError` when a quote is not closed.
  public static func rows(_ bytes: [UInt8], path: String) throws(FileError) -> [Row] {
    let (quote, newline, carriage) = (UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    let firstLine = bytes.prefix { $0 != newline && $0 != carriage }
    let comma = UInt8(ascii: ",")
    let separator =
      [UInt8(ascii: "\t"), comma, UInt8(ascii: ";")].first(where: firstLine.contains) ?? comma
    var rows: [Row] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var (line, start, isQuoted, at) = (1, 1, false, 0)
    func finishRow() {
      fields.append(String(decoding: field, as: UTF8.self))
      if fields.count > 1 || !fields[0].isEmpty { rows.append((start, fields)) }
      (fields, field) = ([], [])
    }
    while at < bytes.count {
      var byte = bytes[at]
      at += 1
      if byte == carriage, !isQuoted, at == bytes.count || bytes[at] != newline { byte = newline }
      if byte == newline { line += 1 }
      if isQuoted {
        if byte != quote {
          field.append(byte)
        } else if at < bytes.count, bytes[at] == quote {
          field.append(quote)
          at += 1
        } else {
          isQuoted = false
        }
      } else if byte == quote, field.isEmpty {
        isQuoted = true
      } else if byte == separator {
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
      } else if byte == newline {
        finishRow()
        start = line
      } else if byte != carriage {
        field.append(byte)
      }
    }
    guard !isQuoted else {
      throw FileError(
        path: path, problem: "has a quote in line \(start) that is not closed",
        remedy: "close it, or write the file again", exitCode: .badData)
    }
    if !field.isEmpty || !fields.isEmpty { finishRow() }
    return rows
  }
}
