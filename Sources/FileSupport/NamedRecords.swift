/// A file of records by name: CSV with a header, or one JSON object a line.
public enum NamedRecords: Sendable {
  /// The header's names, and rows of as many fields with the line that each begins on.
  case columns([String], rows: [DelimitedText.Row])
  /// Objects and their lines, from 1.
  case objects([(line: Int, value: JSONValue)])

  /// Reads a file or a pipe.
  ///
  /// - Parameter remedy: What records must be, for the sentence about one that is not.
  /// - Throws: `FileError` that names the line.
  public init(path: String, remedy: String) throws(FileError) {
    let bytes = try FileBytes.readText(path, readsPipes: true)
    guard bytes.first(where: { $0 > 32 }) == UInt8(ascii: "{") else {
      let table = try DelimitedText.rows(bytes, path: path)
      let header = table.first?.fields ?? []
      for (line, fields) in table where fields.count != header.count {
        throw Self.fault(
          path, line, "has \(fields.count) fields, the header \(header.count)", remedy)
      }
      self = .columns(header, rows: Array(table.dropFirst()))
      return
    }
    var objects: [(line: Int, value: JSONValue)] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, text) in lines.enumerated() where text.contains(where: { $0 > 32 }) {
      guard let value = JSONValue(parsing: Array(text)), case .object = value else {
        throw Self.fault(path, number + 1, "is no JSON object", remedy)
      }
      objects.append((number + 1, value))
    }
    self = .objects(objects)
  }

  /// What is wrong with a line.
  public static func fault(
    _ path: String, _ line: Int, _ problem: String, _ remedy: String
  ) -> FileError {
    FileError(path: path, problem: "line \(line) \(problem)", remedy: remedy, exitCode: .badData)
  }
}
