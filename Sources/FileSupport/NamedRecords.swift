import Foundation

/// A file of records by name: CSV with a header, or one JSON object a line.
public enum NamedRecords: Sendable {
  /// The header's names, each another, and rows of as many fields with the line that each begins
  /// on; none has spaces around it.
  case columns([String], rows: [DelimitedText.Row])
  /// Objects and their lines, from 1.
  case objects([(line: Int, value: JSONValue)])

  /// Reads a file or a pipe.
  ///
  /// - Parameter remedy: What records must be, for the sentence about one that is not.
  /// - Throws: `FileError` that names the line.
  public init(path: String, remedy: String) throws(FileError) {
    let bytes = try FileBytes.readText(path, readsPipes: true)
    let start = bytes.first { $0 > 32 }
    guard start != nil else {
      throw FileError(
        path: path, problem: "is empty", remedy: remedy, exitCode: .badData)
    }
    guard start != UInt8(ascii: "[") else {
      throw Self.fault(path, 1, "begins a JSON list, not an object a line", remedy)
    }
    guard start == UInt8(ascii: "{") else {
      let table = try DelimitedText.rows(bytes, path: path).map { row in
        (line: row.line, fields: row.fields.map { $0.trimmingCharacters(in: .whitespaces) })
      }
      let header = table.first?.fields ?? []
      for (line, fields) in table where fields.count != header.count {
        throw Self.fault(
          path, line, "has \(fields.count) fields, the header \(header.count)", remedy)
      }
      try Self.checkHeader(header, path, remedy)
      self = .columns(header, rows: Array(table.dropFirst()))
      return
    }
    var objects: [(line: Int, value: JSONValue)] = []
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, text) in lines.enumerated() where text.contains(where: { $0 > 32 }) {
      let value: JSONValue?
      do throws(JSONFault) {
        value = try JSONValue(document: Array(text))
      } catch {
        if case .repeatedKey = error.reason {
          throw Self.fault(path, number + 1, error.words, remedy)
        }
        value = nil
      }
      guard let value, case .object = value else {
        let isNumberless = ["NaN", "Infinity"].contains {
          String(decoding: text, as: UTF8.self).contains($0)
        }
        throw Self.fault(
          path, number + 1,
          "is no JSON object" + (isNumberless ? ": JSON has no NaN and no Infinity" : ""), remedy)
      }
      objects.append((number + 1, value))
    }
    self = .objects(objects)
  }

  private static func checkHeader(
    _ header: [String], _ path: String, _ remedy: String
  ) throws(FileError) {
    var seen: Set<String> = []
    for (at, name) in header.enumerated() where header.count > 1 {
      guard !name.isEmpty else {
        throw fault(
          path, 1, "has no name for column \(at + 1)",
          "name it, or leave it out; pandas writes none with index=False")
      }
      guard seen.insert(name).inserted else {
        throw fault(path, 1, "names the column '\(name.prefix(40))' twice", remedy)
      }
    }
  }

  /// What is wrong with a line.
  public static func fault(
    _ path: String, _ line: Int, _ problem: String, _ remedy: String
  ) -> FileError {
    FileError(path: path, problem: "line \(line) \(problem)", remedy: remedy, exitCode: .badData)
  }
}
