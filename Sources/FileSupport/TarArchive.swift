import Foundation

/// An uncompressed tar archive whose members are found by reading its headers alone, and read later
/// by their place.
///
/// The three forms that are met are read: ustar, GNU's long names and sizes, and POSIX's extended
/// headers. Everything that a header says is checked before it is used.
///
/// Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".
public final class TarArchive {
  /// A file of an archive.
  public struct Member: Sendable, Equatable {
    /// Its path in the archive, without a leading `./`.
    public let name: String
    /// Where its bytes are in the archive's file.
    public let range: Range<Int>
    /// Whether it is a link, which has no bytes of its own.
    public let isLink: Bool
  }

  /// The archive's path.
  public let path: String
  /// The archive as it was when it was opened.
  public let stamp: FileStamp
  private let descriptor: Int32
  // Headers are read with the page that they begin, in which small members lie whole.
  private var window: [UInt8] = []
  private var windowStart = 0

  private static let block = 512, windowSize = 4096
  /// The most that a long name or an extended header may take.
  private static let extensionLimit = 1 << 20

  /// Opens an archive.
  ///
  /// - Throws: `DatasetError` when it is missing, compressed, or no regular file.
  public init(path: String) throws(DatasetError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0, let stamp = FileStamp(descriptor: descriptor) else {
      if descriptor >= 0 { close(descriptor) }
      throw DatasetError(
        path: path, problem: "could not be opened (\(String(cString: strerror(errno))))",
        remedy: "check path and permissions", exitCode: .missingFile)
    }
    self.stamp = stamp
    let start = try bytes(0..<min(Self.block, stamp.size))
    if let kind = start.withUnsafeBytes({ FileKind($0) }) {
      throw fault(
        "is \(kind.name), not a plain tar archive, whose files can be read at any place",
        "unpack the compression (gunzip, zstd -d, …) and keep the .tar")
    }
  }

  deinit { close(descriptor) }

  /// Some bytes of the archive's file.
  ///
  /// - Throws: `DatasetError` where it ends before.
  public func bytes(_ range: Range<Int>) throws(DatasetError) -> [UInt8] {
    guard let bytes = FileStamp.read(descriptor, range) else {
      throw fault("ends before byte \(range.upperBound)", "download it again")
    }
    return bytes
  }

  // MARK: Members

  /// Calls a function with every file and link, in the archive's order.
  ///
  /// - Parameter range: The part of the file that is an archive: a member that is one itself.
  /// - Throws: `DatasetError` for an archive that is damaged or cut off, a name that leads out of
  ///   it, and what the function throws.
  public func forEachMember(
    in range: Range<Int>? = nil, _ body: (Member) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    var (at, end) = (range?.lowerBound ?? 0, range?.upperBound ?? stamp.size)
    var longName: String?
    var longSize: Int?
    while true {
      guard at + Self.block <= end else {
        throw fault(
          "ends at byte \(at) without the mark of its end, so it is probably cut off",
          "download it again")
      }
      let header = try window(at)
      if header.allSatisfy({ $0 == 0 }) { return }
      guard Self.hasRightSum(header) else {
        throw fault("has no header of a file at byte \(at)", "download it again, or pack it anew")
      }
      at += Self.block
      let kind = header[header.startIndex + 156]
      let ownSize = Self.number(header.dropFirst(124).prefix(12))
      let extends = [UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K")]
        .contains(kind)
      guard let size = extends ? ownSize : longSize ?? ownSize, size >= 0, size <= end - at else {
        throw fault(
          "says that a file at byte \(at) is longer than the archive, which is probably cut off",
          "download it again")
      }
      let data = at..<at + size
      at = min(end, at + (size + Self.block - 1) / Self.block * Self.block)
      if extends {
        guard size <= Self.extensionLimit else {
          throw fault("has a header of \(size) bytes at byte \(data.lowerBound)", "pack it anew")
        }
        let content = try bytes(data)
        switch kind {
        case UInt8(ascii: "L"): longName = try text(content.prefix { $0 != 0 }, at: data.lowerBound)
        case UInt8(ascii: "x"):
          let records = try records(content, at: data.lowerBound)
          if let path = records["path"] { longName = path }
          if let size = records["size"] { longSize = Int(size) ?? -1 }
        default: break
        }
        continue
      }
      let name = if let longName { longName } else { try self.name(header, at: data.lowerBound) }
      (longName, longSize) = (nil, nil)
      try take(name, kind, data, body)
    }
  }

  private func take(
    _ name: String, _ kind: UInt8, _ data: Range<Int>,
    _ body: (Member) throws(DatasetError) -> Void
  ) throws(DatasetError) {
    var name = name
    while name.hasPrefix("./") { name.removeFirst(2) }
    switch kind {
    case UInt8(ascii: "5"): return
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      if name.hasSuffix("/") || name.isEmpty { return }
      try expectInside(name)
      try body(Member(name: name, range: data, isLink: false))
    case UInt8(ascii: "1"), UInt8(ascii: "2"):
      try expectInside(name)
      try body(Member(name: name, range: data, isLink: true))
    default:
      throw fault(
        "holds '\(name)' as a kind of file that is not read (sparse, of several volumes, or a device)",
        "pack it anew as plain files")
    }
  }

  private func expectInside(_ name: String) throws(DatasetError) {
    guard RelativePath.staysInside(name) else {
      throw fault("holds '\(name)', a name that leads out of it", "pack it anew from inside")
    }
  }

  // MARK: Headers

  private func window(_ at: Int) throws(DatasetError) -> ArraySlice<UInt8> {
    if at < windowStart || at + Self.block > windowStart + window.count {
      window = try bytes(at..<min(stamp.size, at + Self.windowSize))
      windowStart = at
    }
    return window[at - windowStart..<at - windowStart + Self.block]
  }

  private static func hasRightSum(_ header: ArraySlice<UInt8>) -> Bool {
    guard let stored = number(header.dropFirst(148).prefix(8)) else { return false }
    var sum = 0
    var signed = 0
    for (place, byte) in header.enumerated() {
      let counted = (148..<156).contains(place) ? UInt8(ascii: " ") : byte
      sum += Int(counted)
      signed += Int(Int8(bitPattern: counted))
    }
    return stored == sum || stored == signed
  }

  /// A number in octal digits or, where the first bit is set, in binary.
  static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      var value = Int(first & 0x3F)
      guard first & 0x40 == 0 else { return nil }
      for byte in field.dropFirst() {
        guard value < 1 << 54 else { return nil }
        value = value << 8 | Int(byte)
      }
      return value
    }
    let digits = field.drop { $0 == UInt8(ascii: " ") }
      .prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
    return digits.isEmpty ? 0 : Int(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  private func name(_ header: ArraySlice<UInt8>, at: Int) throws(DatasetError) -> String {
    let own = header.prefix(100).prefix { $0 != 0 }
    let prefix = header.dropFirst(345).prefix(155).prefix { $0 != 0 }
    // GNU's archives have other things where POSIX's have the folders of long names.
    let isPosix = header.dropFirst(257).prefix(6).elementsEqual("ustar\0".utf8)
    guard isPosix, !prefix.isEmpty else { return try text(own, at: at) }
    return try text(prefix + [UInt8(ascii: "/")] + own, at: at)
  }

  /// The records of an extended header: `length key=value`, each with a line break.
  private func records(_ content: [UInt8], at: Int) throws(DatasetError) -> [String: String] {
    var rest = content[...]
    var found: [String: String] = [:]
    while let first = rest.first, first != 0 {
      guard let space = rest.firstIndex(of: UInt8(ascii: " ")),
        let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
        length > space - rest.startIndex + 1, length <= rest.count,
        let equals = rest[space...].firstIndex(of: UInt8(ascii: "=")),
        equals < rest.startIndex + length
      else { throw fault("has a damaged extended header at byte \(at)", "download it again") }
      let key = String(decoding: rest[(space + 1)..<equals], as: UTF8.self)
      let end = rest.startIndex + length
      found[key] = try text(rest[(equals + 1)..<max(equals + 1, end - 1)], at: at)
      rest = rest[end...]
      guard !key.hasPrefix("GNU.sparse") else {
        throw fault("holds a sparse file at byte \(at)", "pack it anew with --hole-detection=raw")
      }
    }
    return found
  }

  private func text(_ bytes: ArraySlice<UInt8>, at: Int) throws(DatasetError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw fault("holds a name at byte \(at) that is not UTF-8", "pack it anew with such names")
    }
    return text
  }

  private func fault(_ problem: String, _ remedy: String) -> DatasetError {
    DatasetError(path: path, problem: problem, remedy: remedy)
  }
}
