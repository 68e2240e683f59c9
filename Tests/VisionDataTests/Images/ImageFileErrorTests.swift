import CounterRandom
import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing

@testable import VisionData

private func flavour(_ name: String) throws -> [UInt8] {
  try FileBytes.read(SourceTree.fixture("VisionData/flavours/\(name)"))
}

private func failure(_ bytes: [UInt8]) -> ImageError? {
  do throws(ImageError) {
    _ = try ImageFile.decode(bytes: bytes, name: "x")
    return nil
  } catch {
    return error
  }
}

@Suite("Image files that cannot be used")
struct ImageFileErrorTests {
  @Test("Other types are named")
  func otherTypes() {
    let cases: [([UInt8], String)] = [
      ([], "empty"), (Array("BM123456".utf8), "BMP"), (Array("GIF89a..".utf8), "GIF"),
      (Array("RIFF1234WEBPVP8 ".utf8), "WebP"), ([0x49, 0x49, 0x2A, 0, 8, 0, 0, 0], "TIFF"),
      ([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20, 13, 10], "JPEG 2000"),
      (Array("\u{0}\u{0}\u{0}\u{18}ftypavif".utf8), "AVIF"), ([0x1F, 0x8B, 8, 0], "gzip"),
      (Array("\n<!DOCTYPE html><html>".utf8), "web page"),
      (Array("version https://git-lfs.".utf8), "LFS"),
      ([UInt8](repeating: 0, count: 4096), "zero bytes"), (Array("hello".utf8), "no known type"),
      ([0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0], "lossless"),
      ([0xFF, 0xD8, 0xFF, 0xC1, 0, 11, 12, 0, 1, 0, 1, 1, 1, 0x11, 0], "12 bits"),
      ([0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0], "JPEG-LS"),
    ]
    for (bytes, word) in cases {
      let error = failure(bytes)
      #expect(error?.problem.contains(word) == true, "\(word): \(String(describing: error))")
    }
  }

  @Test("A missing file has the exit code of a missing file")
  func missing() {
    let error = #expect(throws: ImageError.self) { try ImageFile.decode(path: "/nowhere/a.jpg") }
    #expect(error?.exitCode == .missingFile)
    #expect(error?.description.contains("/nowhere/a.jpg") == true)
  }

  @Test("A header that announces too many pixels is refused before memory is asked for")
  func bombs() throws {
    var png = try flavour("rgb8.png")
    png.replaceSubrange(16..<24, with: [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF])
    var crc = CRC(png[12..<29])
    png.replaceSubrange(29..<33, with: crc.bytes)
    #expect(failure(png)?.problem.contains("65535x65535") == true)
    png.replaceSubrange(16..<24, with: [0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF])
    crc = CRC(png[12..<29])
    png.replaceSubrange(29..<33, with: crc.bytes)
    #expect(failure(png)?.problem.contains("2147483647x2147483647") == true)

    var jpeg = try flavour("gray.jpg")
    let frame = try #require(jpeg.indices.first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xDC, 0xFF, 0xDC])
    #expect(failure(jpeg)?.problem.contains("65500x65500") == true)

    let whole = try flavour("gray.jpg")
    #expect(throws: ImageError.self) {
      try ImageFile.decode(bytes: whole, name: "x", pixelLimit: 37 * 27 - 1)
    }
    #expect(try ImageFile.decode(bytes: whole, name: "x", pixelLimit: 37 * 27).width == 37)
  }

  @Test("A picture whose one side is a thousand times the other is refused; a label map is not")
  func slender() throws {
    for (width, height) in [(1, 60_000), (60_000, 1), (2, 2001)] {
      let picture = try ImageFile.png(RGBImage(width: width, height: height))
      #expect(failure(picture)?.problem.contains("\(width)x\(height)") == true)
      let labels = [UInt8](repeating: 1, count: width * height)
      let map = LabelMap(width: width, height: height, labels: labels)
      #expect(try ImageFile.decodeLabels(bytes: ImageFile.png(map), name: "x") == map)
    }
    let longest = try ImageFile.png(RGBImage(width: 2, height: 2000))
    #expect(try ImageFile.decode(bytes: longest, name: "x").height == 2000)
  }

  @Test("Compressed texts in a PNG are passed over, not unpacked")
  func textBombs() throws {
    let png = try flavour("rgb8.png")
    let text = Array("zTXtk".utf8) + [0, 0] + deflatedZeros(7 << 20)
    let length = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: (text.count - 4) >> $0) }
    let chunk = length + text + CRC(text[...]).bytes
    let bytes = png[..<33] + (0..<300).flatMap { _ in chunk } + png[33...]
    let started = Date()
    #expect(
      try ImageFile.decode(bytes: Array(bytes), name: "x").pixels
        == ImageFile.decode(bytes: png, name: "x").pixels)
    // Unpacking two gigabytes takes a minute.
    #expect(Date().timeIntervalSince(started) < 10)
  }

  @Test("A JPEG of a thousand scans is refused after the first hundred")
  func scans() throws {
    let bytes = try flavour("420-progressive.jpg")
    // The first scan says the same again as often as one likes.
    func marker(from at: Int) -> Int? {
      bytes.indices.first { $0 >= at && bytes[$0] == 0xFF && ![0, 0xFF].contains(bytes[$0 + 1]) }
    }
    let scan = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xDA })
    let end = try #require(marker(from: scan + 14))
    func repeated(_ count: Int) -> [UInt8] {
      Array(bytes[..<end]) + (0..<count).flatMap { _ in bytes[scan..<end] } + bytes[end...]
    }
    #expect(failure(repeated(50)) == nil)
    #expect(failure(repeated(1000))?.problem.contains("more than 100 progressive scans") == true)
    #expect(failure(bytes) == nil)
  }

  @Test("A file that is cut off says after which row")
  func truncated() throws {
    for name in ["rgb8.png", "444.jpg", "420-progressive.jpg", "rgba8-interlaced.png"] {
      let bytes = try flavour(name)
      let error = try #require(failure(Array(bytes[..<(bytes.count * 3 / 4)])), "\(name)")
      #expect(error.problem.contains("row "), "\(error)")
      #expect(error.problem.contains("the file ends too early"), "\(error)")
      #expect(error.exitCode == .badData)
    }
  }

  @Test("A PNG without its end is cut off, too")
  func withoutEnd() throws {
    let bytes = try flavour("rgb8.png")
    #expect(failure(Array(bytes.dropLast(12)))?.problem.contains("after the last row") == true)
  }

  @Test("Damage inside a JPEG is an error unless it is accepted")
  func damage() throws {
    let bytes = try flavour("damaged.jpg")
    let error = try #require(failure(bytes))
    #expect(error.problem.contains("after row"), "\(error)")
    let image = try ImageFile.decode(bytes: bytes, name: "x", damage: .accepted)
    #expect((image.width, image.height) == (37, 27))
    // Cut off, it is an error all the same.
    #expect(throws: ImageError.self) {
      try ImageFile.decode(bytes: Array(bytes.prefix(700)), name: "x", damage: .accepted)
    }
  }

  @Test("No cut and no flipped byte makes a decoder stop the program")
  func fuzz() throws {
    var stream = RandomStream(seed: 7, purpose: .test)
    var decoded = 0
    var refused = 0
    for name in [
      "420-progressive.jpg", "444.jpg", "ycck.jpg", "restarts.jpg", "rgba16.png",
      "palette4-interlaced.png", "labels-palette2.png", "orientation6-little-endian.jpg",
    ] {
      let bytes = try flavour(name)
      var variants = stride(from: 0, to: bytes.count, by: 97).map { Array(bytes[..<$0]) }
      for _ in 0..<500 {
        var changed = bytes
        for _ in 0...stream.below(3) {
          changed[stream.below(changed.count)] ^= UInt8(1 + stream.below(255))
        }
        variants.append(changed)
      }
      for variant in variants {
        // A small limit, so that a flipped size does not ask for gigabytes.
        do throws(ImageError) {
          let image = try ImageFile.decode(
            bytes: variant, name: name, appliesOrientation: true, damage: .accepted,
            pixelLimit: 1 << 20)
          #expect(image.pixels.count == image.width * image.height * 3)
          decoded += 1
        } catch {
          #expect(error.description.hasSuffix(".") && error.problem.count > 10)
          refused += 1
        }
        _ = try? ImageFile.decodeLabels(bytes: variant, name: name, pixelLimit: 1 << 20)
      }
    }
    // Both happen: the files are damaged, and not all damage is fatal.
    #expect(decoded > 100 && refused > 1000, "\(decoded) decoded, \(refused) refused")
  }

  @Test("Every awkward real file decodes or says why not", .needs(sharedData: "edge"))
  func realFiles() throws {
    let folder = try #require(SourceTree.sharedData("edge"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names.count > 40)
    for name in names {
      do throws(ImageError) {
        let image = try ImageFile.decode(path: folder + "/" + name, appliesOrientation: true)
        #expect(image.width > 0 && image.height > 0)
      } catch {
        #expect(error.description.contains(name) && error.problem.count > 10, "\(error)")
        let refused = ["corrupt", "mislabelled__bmp", "unusual", "oddheader__ultrahdr"]
        #expect(refused.contains { name.hasPrefix($0) }, "\(error)")
      }
    }
  }
}

/// A zlib stream of zeros: one literal, then copies of 258, in a block of fixed codes.
private func deflatedZeros(_ count: Int) -> [UInt8] {
  var bytes: [UInt8] = [0x78, 0x9C]
  var (bits, held) = (UInt32(0), 0)
  func put(_ value: UInt32, _ size: Int) {
    bits |= value << UInt32(held)
    held += size
    while held >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: bits))
      bits >>= 8
      held -= 8
    }
  }
  // Last block, fixed codes; the literal 0 is 00110000, read from its first bit.
  put(0b1, 1)
  put(0b01, 2)
  put(0b0000_1100, 8)
  for _ in 0..<count / 258 {
    // Length 258 is code 285, 11000101; distance 1 is 00000.
    put(0b1010_0011, 8)
    put(0, 5)
  }
  put(0, 7)
  put(0, 7)
  let total = 1 + count / 258 * 258
  // Adler-32 of zeros: the first sum stays 1.
  let sum = UInt32(total % 65_521) << 16 | 1
  return bytes + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
}

/// The checksum of a PNG chunk.
private struct CRC {
  var bytes: [UInt8]

  init(_ data: ArraySlice<UInt8>) {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in data {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    let value = ~crc
    bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
