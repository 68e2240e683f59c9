import Foundation

/// Lines of a file that only grows, each with the checksum of its own text.
///
///     {"crc":"1c291ca3","row":{"index":0,"label":3}}
///
/// A crash can tear the last line only; that one is dropped. Damage anywhere else is an error,
/// because dropping what follows it would lose intact records.
public enum RecordLines {
  private static let opening = Array("{\"crc\":\"".utf8)
  private static let middle = Array("\",\"row\":".utf8)
  private static let newline = UInt8(ascii: "\n")

  /// What a file holds.
  public struct Contents {
    /// The intact rows in order.
    public var rows: [JSONValue] = []
    /// Bytes that they take; what follows is a torn line.
    public var length = 0
  }

  /// One row as a line.
  public static func line(_ row: JSONValue) -> String {
    let text = row.text()
    let digits = String(crc32(text), radix: 16)
    let padded = String(repeating: "0", count: 8 - digits.count) + digits
    return "{\"crc\":\"\(padded)\",\"row\":\(text)}\n"
  }

  /// Reads a file; one that does not exist has no rows.
  ///
  /// - Throws: `FileError` when it cannot be read, or a line other than the last is damaged.
  public static func read(_ path: String) throws(FileError) -> Contents {
    try read(path) { _ in true }
  }

  /// Reads the rows whose text is wanted; what others mean is not looked at.
  ///
  /// - Throws: `FileError` when it cannot be read, or a line other than the last is damaged.
  public static func read(
    _ path: String, where isWanted: (UnsafeBufferPointer<UInt8>) -> Bool
  ) throws(FileError) -> Contents {
    guard FileManager.default.fileExists(atPath: path) else { return Contents() }
    let bytes = try FileBytes.read(path)
    var contents = Contents()
    contents.length = try forEachRow(of: bytes, path: path) { text in
      guard isWanted(text) else { return true }
      guard let row = JSONValue(parsing: Array(text)) else { return false }
      contents.rows.append(row)
      return true
    }
    return contents
  }

  /// Hands on the text of each intact row.
  ///
  /// - Parameter body: Takes a row's text; false says that it is no row.
  /// - Returns: Bytes that the intact rows take.
  /// - Throws: `FileError` when a line other than the last is damaged.
  static func forEachRow(
    of bytes: [UInt8], path: String, _ body: (UnsafeBufferPointer<UInt8>) -> Bool
  ) throws(FileError) -> Int {
    var start = 0
    var number = 1
    while let end = bytes[start...].firstIndex(of: newline) {
      let isIntact = bytes.withUnsafeBufferPointer { buffer in
        text(UnsafeBufferPointer(rebasing: buffer[start..<end])).map(body) ?? false
      }
      guard isIntact else {
        if bytes[(end + 1)...].contains(newline) {
          throw FileError(
            path: path, problem: "line \(number) is damaged, but lines follow it",
            remedy: "check the disk, then move the file away and run again", exitCode: .badData)
        }
        return start
      }
      start = end + 1
      number += 1
    }
    return start
  }

  /// The row's text in one line without its end; nil when it is torn or its checksum is wrong.
  private static func text(_ line: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    let head = opening.count + 8 + middle.count
    guard line.count > head + 1, line.last == UInt8(ascii: "}"), line.starts(with: opening),
      line[(opening.count + 8)...].starts(with: middle)
    else { return nil }
    let digits = line[opening.count..<opening.count + 8]
    // The text itself is checked, not a second rendering of its meaning.
    let text = UnsafeBufferPointer(rebasing: line[head..<line.count - 1])
    guard let expected = UInt32(String(decoding: digits, as: UTF8.self), radix: 16),
      crc32(UnsafeRawBufferPointer(text)) == expected
    else { return nil }
    return text
  }
}
