import CounterRandom
import Geometry
import TestSupport
import Testing

@testable import VisionData

@Suite("Writing images and reading them back")
struct ImageRoundTripTests {
  private func noise(_ count: Int) -> [UInt8] {
    var stream = RandomStream(seed: 3, purpose: .test)
    return (0..<count).map { _ in UInt8(stream.below(256)) }
  }

  @Test("PNG keeps every pixel and every label, down to 1x1")
  func png() throws {
    for (width, height) in [(1, 1), (7, 13), (130, 3), (64, 64)] {
      let image = RGBImage(width: width, height: height, pixels: noise(width * height * 3))
      #expect(try ImageFile.decode(bytes: ImageFile.png(image), name: "x") == image)
      let map = LabelMap(width: width, height: height, labels: noise(width * height))
      #expect(try ImageFile.decodeLabels(bytes: ImageFile.png(map), name: "x") == map)
    }
  }

  @Test("JPEG stays within its quality, and full chroma is nearer than half")
  func jpeg() throws {
    var image = RGBImage(width: 45, height: 33)
    for y in 0..<33 {
      for x in 0..<45 {
        let at = (y * 45 + x) * 3
        image.pixels[at] = UInt8(x * 5)
        image.pixels[at + 1] = UInt8(y * 7)
        image.pixels[at + 2] = x % 2 == 0 ? 200 : 60
      }
    }
    func error(_ quality: Int, subsamples: Bool) throws -> Double {
      let bytes = try ImageFile.jpeg(image, quality: quality, subsamplesColor: subsamples)
      let back = try ImageFile.decode(bytes: bytes, name: "x")
      #expect((back.width, back.height) == (45, 33))
      let sum = zip(back.pixels, image.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      return Double(sum) / Double(image.pixels.count)
    }
    let full = try error(95, subsamples: false)
    let half = try error(95, subsamples: true)
    let poor = try error(20, subsamples: false)
    #expect(full < 2 && full < half && full < poor, "\(full), \(half), \(poor)")
  }

  @Test("An image that a format cannot hold is an error")
  func impossible() {
    let wide = RGBImage(width: 65_501, height: 1)
    let error = #expect(throws: ImageError.self) { try ImageFile.jpeg(wide) }
    #expect(error?.problem.contains("65500") == true, "\(String(describing: error))")
  }

  @Test("Turning as EXIF says and back gives the image again")
  func orientations() {
    let image = RGBImage(width: 5, height: 3, pixels: noise(45))
    for (there, back) in [(2, 2), (3, 3), (4, 4), (5, 5), (6, 8), (7, 7), (8, 6)] {
      let turned = image.oriented(there)
      #expect((turned.width, turned.height) == (there >= 5 ? (3, 5) : (5, 3)))
      #expect(turned != image)
      #expect(turned.oriented(back) == image)
    }
    #expect(image.oriented(1) == image && image.oriented(9) == image)
  }
}
