import FileSupport

/// The CRC-32 of bytes.
func checksum(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { crc32($0) } }

/// Deflated data that were not made smaller: any bytes can be put behind the checksum of their
/// container.
enum Deflate {
  /// Raw deflate data: stored blocks.
  static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var at = 0
    repeat {
      let count = min(65535, bytes.count - at)
      result.append(at + count == bytes.count ? 1 : 0)
      result += .little(UInt64(count), 2) + .little(~UInt64(count), 2)
      result += bytes[at..<at + count]
      at += count
    } while at < bytes.count
    return result
  }

  /// The same as zlib data, with their checksum.
  static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var (a, b) = (UInt32(1), UInt32(0))
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return [0x78, 0x01] + stored(bytes) + .big(UInt64(b << 16 | a), 4)
  }
}
