import Foundation
import Reporting

/// Lines of a file that only grows, each with the checksum of its own text.
///
///     {"crc":"1c291ca3","row":{"index":0,"label":3}}
///
/// A crash can tear the last line only; that one is dropped. Damage anywhere else is an error,
/// because dropping what follows it would lose intact records.
enum RecordLines {
  private static let opening = Array("{\"crc\":\"".utf8)
  private static let middle = Array("\",\"row\":".utf8)
  private static let newline = UInt8(ascii: "\n")

  /// What a file holds.
  struct Contents {
    /// The intact rows in order.
    var rows: [JSONValue] = []
    /// Bytes that they take; what follows is a torn line.
    var length = 0
  }

  /// One row as a line.
  static func line(_ row: JSONValue) -> String {
    let text = row.text()
    let digits = String(crc32(text), radix: 16)
    let padded = String(repeating: "0", count: 8 - digits.count) + digits
    return "{\"crc\":\"\(padded)\",\"row\":\(text)}\n"
  }

  /// Reads a file; one that does not exist has no rows.
  ///
  /// - Throws: `FileError` when it cannot be read, or a line other than the last is damaged.
  static func read(_ path: String) throws(FileError) -> Contents {
    guard FileManager.default.fileExists(atPath: path) else { return Contents() }
    let bytes = try FileBytes.read(path)
    var contents = Contents()
    var start = 0
    var number = 1
    while let end = bytes[start...].firstIndex(of: newline) {
      guard let row = row(bytes[start..<end]) else {
        if bytes[(end + 1)...].contains(newline) {
          throw FileError(
            path: path, problem: "line \(number) is damaged, but lines follow it",
            remedy: "check the disk, then move the file away and run again", exitCode: .badData)
        }
        return contents
      }
      contents.rows.append(row)
      start = end + 1
      contents.length = start
      number += 1
    }
    return contents
  }

  /// The row of one line without its end; nil when it is torn or its checksum is wrong.
  private static func row(_ line: ArraySlice<UInt8>) -> JSONValue? {
    let head = opening.count + 8 + middle.count
    guard line.count > head + 1, line.last == UInt8(ascii: "}"), line.starts(with: opening) else {
      return nil
    }
    let digits = line.dropFirst(opening.count).prefix(8)
    guard line.dropFirst(opening.count + 8).starts(with: middle) else { return nil }
    // The text itself is checked, not a second rendering of its meaning.
    let text = line.dropFirst(head).dropLast()
    guard let expected = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
      text.withUnsafeBytes({ crc32($0) }) == expected
    else { return nil }
    return JSONValue(parsing: Array(text))
  }
}
