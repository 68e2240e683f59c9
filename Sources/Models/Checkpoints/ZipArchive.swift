import FileSupport
import Foundation

/// The table of contents of a zip file, checked before anything is read from it.
struct ZipArchive {
  /// One file inside.
  struct Entry {
    let name: String
    let method: Int
    let checksum: UInt32
    let compressedSize: Int
    let size: Int
    /// Where its bytes lie.
    let range: Range<Int>
  }

  let entries: [String: Entry]
  private let file: FileBytes

  static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 4 && bytes.loadUnaligned(as: UInt32.self) == 0x0403_4B50
  }

  init(_ file: FileBytes) throws(CheckpointError) {
    self.file = file
    let bytes = file.bytes
    func fault(_ problem: String) -> CheckpointError {
      CheckpointError(path: file.path, problem: problem)
    }
    func number(_ at: Int, _ size: Int) throws(CheckpointError) -> Int {
      guard at >= 0, at <= bytes.count - size else { throw fault("is cut off") }
      var value: UInt64 = 0
      for i in (0..<size).reversed() { value = value << 8 | UInt64(bytes[at + i]) }
      guard value <= UInt64(Int.max) else { throw fault("has a size that cannot be") }
      return Int(value)
    }
    // The end record is 22 bytes and a comment of at most 65,535.
    var end = bytes.count - 22
    let lowest = max(0, end - 65_535)
    while end >= lowest, try number(end, 4) != 0x0605_4B50 { end -= 1 }
    guard end >= lowest, end >= 0 else {
      throw fault("is cut off: the zip directory at its end is missing")
    }
    var count = try number(end + 10, 2)
    var directory = try number(end + 16, 4)
    if end >= 20, try number(end - 20, 4) == 0x0706_4B50 {
      let record = try number(end - 12, 8)
      guard try number(record, 4) == 0x0606_4B50 else { throw fault("has a damaged zip directory") }
      count = try number(record + 32, 8)
      directory = try number(record + 48, 8)
    }
    guard count <= bytes.count / 46 else { throw fault("has a damaged zip directory") }
    var entries: [String: Entry] = [:]
    var at = directory
    for _ in 0..<count {
      guard try number(at, 4) == 0x0201_4B50 else { throw fault("has a damaged zip directory") }
      let method = try number(at + 10, 2)
      let checksum = UInt32(truncatingIfNeeded: try number(at + 16, 4))
      var compressed = try number(at + 20, 4)
      var size = try number(at + 24, 4)
      let nameLength = try number(at + 28, 2)
      let extraLength = try number(at + 30, 2)
      let commentLength = try number(at + 32, 2)
      var offset = try number(at + 42, 4)
      guard at + 46 + nameLength + extraLength <= bytes.count else { throw fault("is cut off") }
      let name = String(decoding: bytes[at + 46..<at + 46 + nameLength], as: UTF8.self)
      var extra = at + 46 + nameLength
      let extraEnd = extra + extraLength
      while extra + 4 <= extraEnd {
        let (kind, length) = (try number(extra, 2), try number(extra + 2, 2))
        var field = extra + 4
        if kind == 1 {  // Zip64: the sizes that did not fit, in this order
          if size == 0xFFFF_FFFF {
            size = try number(field, 8)
            field += 8
          }
          if compressed == 0xFFFF_FFFF {
            compressed = try number(field, 8)
            field += 8
          }
          if offset == 0xFFFF_FFFF { offset = try number(field, 8) }
        }
        extra += 4 + length
      }
      at = extraEnd + commentLength
      guard RelativePath.staysInside(name)
      else { throw fault("holds an entry named '\(name)', which leads out of the archive") }
      guard offset >= 0, offset <= bytes.count - 30, try number(offset, 4) == 0x0403_4B50 else {
        throw fault("has no data for its entry '\(name)'")
      }
      // The local header's own name and padding decide where the data begin.
      let start = offset + 30 + (try number(offset + 26, 2)) + (try number(offset + 28, 2))
      guard start <= bytes.count, compressed <= bytes.count - start else {
        throw fault("is cut off: entry '\(name)' needs \(compressed) bytes")
      }
      guard
        entries.updateValue(
          Entry(
            name: name, method: method, checksum: checksum, compressedSize: compressed, size: size,
            range: start..<start + compressed), forKey: name) == nil
      else { throw fault("holds entry '\(name)' twice") }
    }
    let ranges = entries.values.map(\.range).filter { !$0.isEmpty }
      .sorted { $0.lowerBound < $1.lowerBound }
    for (first, second) in zip(ranges, ranges.dropFirst())
    where first.upperBound > second.lowerBound {
      throw fault("has overlapping zip entries")
    }
    self.entries = entries
  }

  /// An entry's bytes: where they lie in the file when stored, or inflated.
  enum Contents {
    case stored(Range<Int>)
    case inflated([UInt8])

    /// How many bytes there are.
    var count: Int {
      switch self {
      case .stored(let range): range.count
      case .inflated(let bytes): bytes.count
      }
    }
  }

  /// The contents of an entry, its checksum compared.
  func contents(_ entry: Entry) throws(CheckpointError) -> Contents {
    func fault(_ problem: String) -> CheckpointError {
      CheckpointError(path: file.path, problem: problem)
    }
    let raw = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
    switch entry.method {
    case 0:
      guard entry.size == entry.compressedSize else {
        throw fault("gives two sizes for its entry '\(entry.name)'")
      }
      guard crc32(raw) == entry.checksum else {
        throw fault("is damaged: the checksum of entry '\(entry.name)' is wrong")
      }
      return .stored(entry.range)
    case 8:
      // Deflate shrinks to a 1032nd at most; more is an attack.
      guard entry.size <= 1 << 32, entry.size / 1032 <= entry.compressedSize else {
        throw fault("has an entry '\(entry.name)' that inflates to \(entry.size) bytes")
      }
      guard let data = inflated(raw, size: entry.size),
        data.withUnsafeBytes({ crc32($0) }) == entry.checksum
      else { throw fault("is damaged: entry '\(entry.name)' does not inflate") }
      return .inflated(data)
    default:
      throw CheckpointError(
        path: file.path,
        problem: "compresses entry '\(entry.name)' by method \(entry.method), which is not read",
        remedy: "pack it again without compression")
    }
  }
}
