import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing

@testable import VisionData

private struct Flavours: Decodable {
  struct CropBox: Decodable {
    let width, height: Int
    let numbers: [Double]
    let region: [Int]
  }
  let files, labels: [String: String]
  let hueHash: String
  let normalized: [UInt32]
  let cropBoxes: [CropBox]

  static func path(_ name: String) -> String { SourceTree.fixture("VisionData/flavours/\(name)") }

  static func load() throws -> Flavours {
    let data = try Data(contentsOf: URL(fileURLWithPath: path("flavours.json")))
    return try JSONDecoder().decode(Flavours.self, from: data)
  }
}

@Suite("Image files of every flavour")
struct ImageFlavourTests {
  @Test("Every flavour of PNG and JPEG decodes to the reference's pixels")
  func decoding() throws {
    let files = try Flavours.load().files
    #expect(files.count == 37)
    for (name, hash) in files {
      let parts = name.split(separator: " ")
      let image = try ImageFile.decode(
        path: Flavours.path(String(parts[0])), appliesOrientation: parts.last == "oriented",
        damage: parts.last == "accepted" ? .accepted : .refused)
      #expect(image.pixels.withUnsafeBytes { SHA256.digest($0) } == hash, "\(name)")
    }
  }

  @Test("Labels are the stored numbers, whatever gamma and palette say")
  func labels() throws {
    let labels = try Flavours.load().labels
    #expect(labels.count == 3)
    for (name, hash) in labels {
      let map = try ImageFile.decodeLabels(path: Flavours.path(name))
      #expect(map.labels.withUnsafeBytes { SHA256.digest($0) } == hash, "\(name)")
    }
  }

  @Test("Images that are no label maps are refused by name of their kind")
  func refusedLabels() {
    for (name, kind) in [
      ("rgb8.png", "8-bit PNG of 3"), ("gray16.png", "16-bit PNG of 1"),
      ("gray4.png", "4-bit PNG of 1"), ("gray-alpha8.png", "8-bit PNG of 2"),
      ("gray.jpg", "8-bit JPEG of 1"),
    ] {
      let error = #expect(throws: ImageError.self) {
        try ImageFile.decodeLabels(path: Flavours.path(name))
      }
      #expect(error?.problem.contains(kind) == true, "\(name): \(String(describing: error))")
    }
  }

  @Test("A header tells size, depth and kind without the pixels")
  func headers() throws {
    let cmyk = try ImageFile.inspect(path: Flavours.path("ycck.jpg"))
    #expect(cmyk.isCMYK && cmyk.channelCount == 4 && cmyk.format == .jpeg)
    #expect((cmyk.width, cmyk.height) == (37, 27))
    let palette = try ImageFile.inspect(path: Flavours.path("palette4-interlaced.png"))
    #expect(palette.isPalette && palette.isProgressive && palette.bitDepth == 4)
    #expect(!palette.hasAlpha)
    #expect(try ImageFile.inspect(path: Flavours.path("rgb8-transparent.png")).hasAlpha)
    #expect(try ImageFile.inspect(path: Flavours.path("420-progressive.jpg")).isProgressive)
    let turned = try ImageFile.inspect(path: Flavours.path("orientation6-little-endian.jpg"))
    #expect(turned.orientation == 6)
    #expect((turned.width, turned.height) == (11, 7))
  }

  @Test("Crop boxes follow from the drawn numbers as in the reference")
  func cropBoxes() throws {
    let boxes = try Flavours.load().cropBoxes
    #expect(boxes.count == 64)
    for row in boxes {
      var left = row.numbers[...]
      let box = RandomResizedCrop().box(
        width: row.width, height: row.height, numbers: &left,
        uniform: { $0.popFirst() ?? .nan },
        below: { Int(($0.popFirst() ?? .nan) * Double($1)) })
      #expect([box.left, box.top, box.width, box.height] == row.region)
      #expect(left.isEmpty, "\(left.count) numbers too few were drawn")
    }
  }

  @Test("Turning the hue gives the reference's colours over the whole colour cube")
  func hue() throws {
    var pixels: [UInt8] = []
    for red in stride(from: UInt8(0), through: 255, by: 15) {
      for green in stride(from: UInt8(0), through: 255, by: 15) {
        for blue in stride(from: UInt8(0), through: 255, by: 15) { pixels += [red, green, blue] }
      }
    }
    let cube = RGBImage(width: 18 * 18 * 18, height: 1, pixels: pixels)
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for fraction in [-0.31, 0, 0.1] {
      for byte in cube.hueShifted(by: fraction).pixels {
        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
      }
    }
    #expect(try Flavours.load().hueHash == String(hash))
  }

  @Test("Normalized values have the reference's bits for all 256 levels")
  func normalization() throws {
    let expected = try Flavours.load().normalized
    let ramp = RGBImage(
      width: 16, height: 16, pixels: (0...255).flatMap { [UInt8](repeating: $0, count: 3) })
    var planes = [Float](repeating: 0, count: 768)
    planes.withUnsafeMutableBufferPointer { PixelNormalization.imageNet.write(ramp, to: $0) }
    #expect(planes.map(\.bitPattern) == expected)
  }
}
