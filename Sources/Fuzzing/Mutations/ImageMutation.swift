import CounterRandom

/// PNG files, chunk by chunk, every checksum right.
enum PNGMutation {
  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  private struct Chunk {
    var type: [UInt8]
    var data: [UInt8]

    var bytes: [UInt8] {
      .big(UInt64(data.count), 4) + type + data + .big(UInt64(checksum(type + data)), 4)
    }
  }

  /// A picture of random size, kind and data.
  static func drawn(_ random: inout RandomStream) -> [UInt8] {
    let sides: [UInt64] = [1, 2, 3, 7, 8, 9, 16, 33, 200]
    let wild: [UInt64] = [0, 65535, 60000, 1_000_000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
    let width = random.once(in: 16) ? random.pick(wild) : random.pick(sides)
    let height = random.once(in: 16) ? random.pick(wild) : random.pick(sides)
    let kind = random.once(in: 16) ? random.below(256) : random.pick([0, 2, 3, 3, 4, 6])
    let depths = [0: [1, 2, 4, 8, 16], 3: [1, 2, 4, 8]][kind] ?? [8, 16]
    let depth = random.once(in: 16) ? random.below(256) : random.pick(depths)
    let isInterlaced = random.once(in: 4)
    let channels = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][kind] ?? 1
    let rowBits = Int(min(width, 4096)) * channels * max(1, depth)
    let room = (1 + (rowBits + 7) / 8) * Int(min(height, 300)) * (isInterlaced ? 2 : 1)
    let count = random.once(in: 8) ? random.below(room + 64) : room
    var data = [UInt8](repeating: 0, count: min(count, 200_000))
    let row = max(1, 1 + (rowBits + 7) / 8)
    for at in data.indices {
      data[at] =
        at % row == 0
        ? UInt8(random.below(random.once(in: 20) ? 6 : 5))
        : UInt8(truncatingIfNeeded: random.next32())
    }
    let header: [UInt8] =
      .big(width, 4) + .big(height, 4)
      + [UInt8(truncatingIfNeeded: depth), UInt8(kind), 0, 0, isInterlaced ? 1 : 0]
    var chunks = [Chunk(type: Array("IHDR".utf8), data: header)]
    if kind == 3 || random.once(in: 6) {
      let colors = random.pick([0, 1, 2, 16, 255, 256, 257])
      chunks.append(
        Chunk(
          type: Array("PLTE".utf8),
          data: (0..<colors * 3).map { UInt8(truncatingIfNeeded: $0 &* 7) }))
    }
    for name in ["tRNS", "gAMA", "bKGD", "sBIT", "eXIf", "pHYs"] where random.once(in: 8) {
      chunks.append(Chunk(type: Array(name.utf8), data: noise(random.below(40), &random)))
    }
    chunks.append(Chunk(type: Array("IDAT".utf8), data: Deflate.zlib(data)))
    chunks.append(Chunk(type: Array("IEND".utf8), data: []))
    if random.once(in: 12) { chunks.swapAt(random.below(chunks.count), random.below(chunks.count)) }
    return signature + chunks.flatMap(\.bytes)
  }

  /// A sound file with chunks changed.
  static func changed(_ bytes: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    var chunks: [Chunk] = []
    var at = signature.count
    while at + 12 <= bytes.count {
      let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - at - 12 else { break }
      chunks.append(
        Chunk(type: Array(bytes[at + 4..<at + 8]), data: Array(bytes[at + 8..<at + 8 + length])))
      at += 12 + length
    }
    for _ in 0...random.below(3) {
      guard !chunks.isEmpty else { break }
      let place = random.below(chunks.count)
      switch random.below(6) {
      case 0: chunks.remove(at: place)
      case 1: chunks.insert(chunks[place], at: random.below(chunks.count))
      case 2:
        let name = random.pick(["zTXt", "iCCP", "tEXt", "eXIf", "tRNS", "PLTE", "acTL", "abCd"])
        let body = Array("a\u{0}\u{0}".utf8) + Deflate.zlib(noise(random.below(300), &random))
        chunks.insert(
          Chunk(type: Array(name.utf8), data: random.once(in: 2) ? body : noise(20, &random)),
          at: place)
      default: chunks[place].data = ByteMutation.changed(chunks[place].data, &random)
      }
    }
    return signature + chunks.flatMap(\.bytes)
  }

  private static func noise(_ count: Int, _ random: inout RandomStream) -> [UInt8] {
    (0..<count).map { _ in UInt8(random.below(256)) }
  }
}

/// JPEG files, segment by segment; the format has no checksums.
enum JPEGMutation {
  /// A sound file with segments changed.
  static func changed(_ bytes: [UInt8], _ random: inout RandomStream) -> [UInt8] {
    var segments: [[UInt8]] = []
    var at = 2
    while at + 4 <= bytes.count, bytes[at] == 0xFF {
      let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
      let end = min(bytes.count, at + 2 + length)
      segments.append(Array(bytes[at..<end]))
      at = end
      if segments.last?[1] == 0xDA { break }
    }
    // The numbers of the picture belong to the last segment.
    var picture = Array(bytes[min(at, bytes.count)...])
    for _ in 0...random.below(3) {
      guard !segments.isEmpty else { break }
      let place = random.below(segments.count)
      switch random.below(8) {
      case 0: segments.remove(at: place)
      case 1: segments.insert(segments[place], at: random.below(segments.count))
      case 2: segments[place][1] = random.pick([0xC0, 0xC2, 0xC4, 0xDB, 0xDD, 0xE1, 0xFE, 0xC9])
      case 3:
        let exif =
          Array("Exif\u{0}\u{0}".utf8)
          + random.pick([Array("II*\u{0}".utf8), Array("MM\u{0}*".utf8)])
        let body = ByteMutation.changed(
          exif + .little(8, 4) + .little(1, 2) + .little(0x0112, 2) + .little(3, 2) + .little(1, 4)
            + .little(UInt64(random.below(12)), 4), &random)
        segments.insert([0xFF, 0xE1] + .big(UInt64(body.count + 2), 2) + body, at: 0)
      case 4: picture = ByteMutation.changed(picture, &random)
      case 5:
        // Scan after scan over the same numbers.
        guard let scan = segments.last, segments.count < 40 else { break }
        let count = random.pick([2, 20, 1500])
        if picture.count * count < 400_000 {
          picture += [[UInt8]](repeating: scan + picture, count: count).joined()
        }
      default:
        let body = Array(segments[place].dropFirst(4))
        let changed = ByteMutation.changed(body, &random)
        segments[place] =
          Array(segments[place].prefix(2)) + .big(UInt64(changed.count + 2), 2) + changed
      }
    }
    return [0xFF, 0xD8] + segments.joined() + picture
  }
}
