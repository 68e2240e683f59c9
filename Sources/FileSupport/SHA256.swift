import CFormats

/// A running SHA-256 over bytes given piece by piece.
public struct SHA256: ~Copyable {
  private var state: UnsafeMutableRawPointer?

  /// Starts with nothing hashed.
  public init() { state = cf_sha256_begin() }

  deinit {
    guard let state else { return }
    var digest = [UInt8](repeating: 0, count: 32)
    cf_sha256_finish(state, &digest)
  }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    cf_sha256_update(state, bytes.baseAddress, bytes.count)
  }

  /// Adds a string's UTF-8 bytes.
  public mutating func update(_ text: String) {
    Array(text.utf8).withUnsafeBytes { update($0) }
  }

  /// The digest as 64 hexadecimal digits; the hash starts anew.
  public mutating func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    cf_sha256_finish(state, &digest)
    state = cf_sha256_begin()
    return hexadecimal(digest)
  }

  /// The digest of some bytes.
  public static func digest(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }

  /// The digest of a file's bytes.
  ///
  /// - Throws: `FileError` when it is missing or unreadable.
  public static func digest(file path: String) throws(FileError) -> String {
    let file = try FileBytes(path: path)
    return withExtendedLifetime(file) { digest(file.bytes) }
  }

  /// The digest of a string's UTF-8 bytes.
  public static func digest(_ text: String) -> String {
    Array(text.utf8).withUnsafeBytes { digest($0) }
  }
}

/// Two lower-case digits a byte.
func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(
    decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// The CRC-32 of bytes, as zip files and record lines carry it.
public func crc32(_ bytes: UnsafeRawBufferPointer, startingFrom start: UInt32 = 0) -> UInt32 {
  cf_crc32(start, bytes.baseAddress, bytes.count)
}

/// The CRC-32 of a string's UTF-8 bytes.
public func crc32(_ text: String) -> UInt32 {
  Array(text.utf8).withUnsafeBytes { crc32($0) }
}

/// Inflates raw deflate data whose inflated size is known; nil when it is anything else.
public func inflated(_ bytes: UnsafeRawBufferPointer, size: Int) -> [UInt8]? {
  var failed = true
  let out = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
    failed =
      cf_inflate(
        bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count, buffer.baseAddress,
        size) != 0
    filled = size
  }
  return failed ? nil : out
}
