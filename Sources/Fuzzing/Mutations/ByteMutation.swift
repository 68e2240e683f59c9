import CounterRandom

/// Bytes that differ from sound ones in a few places.
enum ByteMutation {
  /// Lengths and counts at which arithmetic goes wrong.
  static let numbers: [UInt64] = [
    0, 1, 2, 3, 7, 8, 15, 16, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF,
    0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000, 1 << 40, 1 << 61, 1 << 62,
    0x7FFF_FFFF_FFFF_FFFF, 1 << 63, 0xFFFF_FFFF_FFFF_FFFF, 0x7FF8_0000_0000_0000,
  ]

  /// Changes one to four places.
  static func changed(_ bytes: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.below(4) { change(&bytes, &random) }
    return bytes
  }

  private static func change(_ bytes: inout [UInt8], _ random: inout RandomStream) {
    guard !bytes.isEmpty else {
      bytes = (0..<random.below(16)).map { _ in UInt8(random.below(256)) }
      return
    }
    let at = random.below(bytes.count)
    let rest = bytes.count - at
    switch random.below(8) {
    case 0: bytes[at] ^= 1 << UInt8(random.below(8))
    case 1: bytes[at] = UInt8(random.below(256))
    case 2, 3:
      // A number of some size, in either order of bytes.
      let size = min(rest, random.pick([1, 2, 4, 8]))
      let number = random.pick(numbers)
      let isBig = random.once(in: 2)
      for place in 0..<size {
        bytes[at + (isBig ? size - 1 - place : place)] = UInt8(
          truncatingIfNeeded: number >> (8 * UInt64(place)))
      }
    case 4: bytes.removeSubrange(at..<at + 1 + random.below(min(rest, 64)))
    case 5:
      let part = Array(bytes[at..<at + 1 + random.below(min(rest, 256))])
      bytes.insert(contentsOf: part, at: random.below(bytes.count))
    case 6: bytes.removeLast(1 + random.below(rest))
    default:
      let count = 1 + random.below(32)
      bytes.insert(contentsOf: (0..<count).map { _ in UInt8(random.below(256)) }, at: at)
    }
  }
}

extension [UInt8] {
  /// A whole number as its lowest bytes, the lowest first.
  static func little(_ value: UInt64, _ size: Int) -> [UInt8] {
    (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  /// A whole number as its lowest bytes, the highest first.
  static func big(_ value: UInt64, _ size: Int) -> [UInt8] { little(value, size).reversed() }
}
