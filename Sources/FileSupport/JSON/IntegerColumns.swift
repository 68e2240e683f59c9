/// Chosen whole numbers of many record lines, column by column.
///
/// A run on ImageNet has 50,000 lines, and a report reads twenty runs: the lines' members are
/// scanned as bytes, without a document for each.
public struct IntegerColumns: Sendable, Equatable {
  /// One list a column, in the order asked for; `absent` where a row lacks the member.
  public let columns: [[Int]]
  /// Stands where a row has no such number.
  public static let absent = Int.min

  /// Reads columns of a file of record lines.
  ///
  /// - Parameter names: Members of the rows. Of a member that is a list, its first number is taken.
  /// - Throws: `FileError` when the file is missing or damaged before its last line.
  public init(path: String, names: [String]) throws(FileError) {
    let bytes = try FileBytes.read(path)
    let keys = names.map { Array($0.utf8) }
    var columns = [[Int]](repeating: [], count: names.count)
    _ = try RecordLines.forEachRow(of: bytes, path: path) { text in
      var scanner = MemberScanner(bytes: text)
      guard let row = scanner.row(keys) else { return false }
      for (at, value) in row.enumerated() { columns[at].append(value) }
      return true
    }
    self.columns = columns
  }
}

/// Walks over the members of one flat JSON object.
private struct MemberScanner {
  let bytes: UnsafeBufferPointer<UInt8>
  var at = 0

  init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The numbers under the keys; nil when the text is no object.
  mutating func row(_ keys: [[UInt8]]) -> [Int]? {
    var values = [Int](repeating: IntegerColumns.absent, count: keys.count)
    guard take("{") else { return nil }
    if take("}") { return values }
    repeat {
      guard let key = string(), take(":") else { return nil }
      let wanted = keys.firstIndex { $0.elementsEqual(bytes[key]) }
      let start = at
      guard skipValue() else { return nil }
      if let wanted { values[wanted] = integer(at: start) }
    } while take(",")
    return take("}") ? values : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  /// The bytes between two quotation marks.
  private mutating func string() -> Range<Int>? {
    guard take("\"") else { return nil }
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard at < bytes.count else { return nil }
    at += 1
    return start..<at - 1
  }

  /// Goes past a value, whatever it holds.
  private mutating func skipValue() -> Bool {
    let start = at
    var depth = 0
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\""):
        guard string() != nil else { return false }
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        if depth == 0 { return at > start }
        depth -= 1
      case UInt8(ascii: ","):
        if depth == 0 { return at > start }
      default: break
      }
      at += 1
    }
    return false
  }

  private func integer(at start: Int) -> Int {
    var at = start
    if at < bytes.count, bytes[at] == UInt8(ascii: "[") { at += 1 }
    let isNegative = at < bytes.count && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let first = at
    var value = 0
    while at < bytes.count, case let digit = Int(bytes[at]) - 0x30, (0...9).contains(digit) {
      guard at - first < 18 else { return IntegerColumns.absent }
      value = value * 10 + digit
      at += 1
    }
    guard at > first, at < bytes.count, bytes[at] != UInt8(ascii: "."),
      bytes[at] != UInt8(ascii: "e"), bytes[at] != UInt8(ascii: "E")
    else { return IntegerColumns.absent }
    return isNegative ? -value : value
  }
}
