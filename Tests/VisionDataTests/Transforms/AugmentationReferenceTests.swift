import CounterRandom
import FileSupport
import Foundation
import Geometry
import Models
import TestSupport
import Testing
import VisionData

private struct Expected: Decodable {
  let pixels: [String: String]
  let orders: [String: [Int]]
  /// Width, height, probability, sample, and the erased rectangle's left, top, width and height.
  let erasures: [[Double]]

  static func load() throws -> Expected {
    let path = SourceTree.fixture("VisionData/augmentations.json")
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func digest(_ image: RGBImage) -> String {
  image.pixels.withUnsafeBytes { SHA256.digest($0) }
}

/// The twin of `dim()` in augmentations.py.
private func dim() -> RGBImage {
  var image = RGBImage(width: 64, height: 64)
  for y in 0..<64 {
    for x in 0..<64 {
      let at = (y * 64 + x) * 3
      image.pixels[at] = UInt8(40 + (7 * x + 3 * y) % 50)
      image.pixels[at + 1] = UInt8(x * y % 256)
      image.pixels[at + 2] = 77
    }
  }
  return image
}

@Suite("Augmentations against timm")
struct AugmentationReferenceTests {
  private let fill = RandAugment().fill

  @Test("Every operation gives timm's pixels at every strength")
  func operations() throws {
    let expected = try Expected.load().pixels
    let scene = try ImageFile.decode(path: SourceTree.fixture("VisionData/scene.png"))
    var compared = 0
    for (title, image) in [("scene", scene), ("dim", dim())] {
      for operation in AugmentationOperation.allCases {
        for magnitude in [0.0, 3.7, 8.6, 9.0, 9.31, 10.0] {
          for sign in ["+", "-"] {
            let name = "\(title) \(operation.rawValue) \(sign)\(magnitude)"
            let hash = try #require(expected[name], "\(name)")
            let result = operation.apply(
              to: image, magnitude: magnitude, isNegated: sign == "-", fill: fill)
            #expect(digest(result) == hash, "\(name)")
            compared += 1
          }
        }
      }
      for degrees in [-400.5, -90.0, 0.0, 12.0, 45.0, 90.0, 180.0, 270.0, 360.0] {
        let name = "\(title) rotate by \(degrees)"
        let hash = try #require(expected[name], "\(name)")
        #expect(digest(image.rotated(degrees: degrees, fill: fill)) == hash, "\(name)")
        compared += 1
      }
    }
    #expect(compared == expected.count)
  }

  @Test("Constant images of a few pixels stay as they are")
  func smallImages() {
    for (width, height) in [(1, 1), (2, 5), (5, 2)] {
      let image = RGBImage(width: width, height: height, red: 9, green: 200, blue: 31)
      for operation in [
        AugmentationOperation.sharpness, .autoContrast, .equalize, .color, .shearX, .shearY,
      ] {
        // A constant image has nothing to sharpen, stretch or shear into, but for the fill.
        let result = operation.apply(
          to: image, magnitude: operation == .color ? 0 : 9, isNegated: false,
          fill: FillColor(9, 200, 31))
        #expect(result == image, "\(operation) of \(width)x\(height)")
      }
    }
  }

  @Test("Repeated augmentation deals the images as timm's sampler does")
  func repeatedOrders() throws {
    for (name, order) in try Expected.load().orders {
      let numbers = try name.split(separator: " ").map { try #require(Int($0)) }
      let result = RepeatedAugmentation().order(
        Array(0..<numbers[0]), rank: numbers[1], world: numbers[2])
      #expect(result == order, "\(name)")
    }
  }

  @Test("Random erasing takes timm's rectangles for the same draws")
  func erasing() throws {
    let expected = try Expected.load().erasures
    #expect(expected.count == 90)
    for row in expected {
      var stream = RandomStream(seed: 4, purpose: .augmentation, epoch: 1, sample: Int(row[3]))
      let box = RandomErasing(probability: row[2])
        .box(width: Int(row[0]), height: Int(row[1]), stream: &stream)
      #expect(
        (box.map { [$0.left, $0.top, $0.width, $0.height] } ?? []) == row[4...].map { Int($0) })
    }
  }

  @Test("Mixup and CutMix give timm's batches and targets")
  func mixing() throws {
    let fixture = try SafetensorsFixture("VisionData/augmentations.safetensors")
    let labels = [1, 0, 2, 1, 1, 4]
    let cases = fixture.keys.filter { $0.hasPrefix("mix/") && $0.hasSuffix("/images") }
    #expect(cases.count == 6)
    for key in cases {
      let name = key.split(separator: "/")[1]
      let words = name.split(separator: " ")
      let share = try #require(Double(words[1]))
      var mix = MixupCutmix.Mix.blend(share: share)
      if words[0] == "paste" {
        let (x, y) = (try #require(Int(words[2])), try #require(Int(words[3])))
        mix = .paste(MixupCutmix.box(share: share, centerX: x, centerY: y, width: 10, height: 8))
      }
      var images = DeterministicFill.values("mixup", count: 6 * 3 * 8 * 10)
      images.withUnsafeMutableBufferPointer {
        MixupCutmix.apply(mix, to: $0, count: 6, height: 8, width: 10)
      }
      #expect(images.map { Double($0) } == (try fixture.values(key)), "\(name)")
      let targets = MixupCutmix().targets(
        labels, classCount: 5, share: mix.share(width: 10, height: 8))
      expectClose(
        targets, try fixture.values("mix/\(name)/targets"), relative: 1e-7, absolute: 0, "\(name)")
    }
  }
}

@Suite("BYOL's operations on real numbers")
struct BYOLReferenceTests {
  @Test("Every operation agrees with its definition")
  func operations() throws {
    let fixture = try SafetensorsFixture("VisionData/augmentations.safetensors")
    let scene = try ImageFile.decode(path: SourceTree.fixture("VisionData/scene.png"))
    let whole = PixelBox(left: 0, top: 0, width: scene.width, height: scene.height)
    let shape = try fixture.shape("byol/input")
    let image = FloatImage(
      width: shape[2], height: shape[1], values: try fixture.values("byol/input").map { Float($0) })
    var results = [
      "resize 20x20": FloatImage(resizing: scene, box: whole, width: 20, height: 20),
      "resize 24x26 of box": FloatImage(
        resizing: scene, box: PixelBox(left: 5, top: 7, width: 11, height: 23), width: 24,
        height: 26),
      "gray": image.grayscaled(), "solarize": image.solarized(), "input": image,
    ]
    for delta in [-0.4, 0.13, 0.4] {
      results["brightness \(delta)"] = image.brightened(adding: Float(delta))
    }
    for factor in [0.6, 1.37] {
      results["contrast \(factor)"] = image.contrasted(by: Float(factor))
    }
    for factor in [0.8, 1.2] {
      results["saturation \(factor)"] = image.saturated(by: Float(factor))
    }
    for delta in [-0.1, 0.04, 0.1] { results["hue \(delta)"] = image.hueShifted(by: Float(delta)) }
    for (deviation, radius) in [(0.1, 2), (0.9, 3), (2.0, 11)] {
      results["blur \(deviation) \(radius)"] = image.gaussianBlurred(
        deviation: Float(deviation), radius: radius)
    }
    let names = fixture.keys.filter { $0.hasPrefix("byol/") && $0 != "byol/normalized" }
    #expect(names.count == results.count)
    for key in names {
      let name = String(key.dropFirst(5))
      let result = try #require(results[name], "\(name) is not tested")
      expectClose(result.values, try fixture.values(key), relative: 0, absolute: 1e-6, name)
    }
    var planes = [Float](repeating: 0, count: image.values.count)
    planes.withUnsafeMutableBufferPointer { PixelNormalization.imageNet.write(image, to: $0) }
    expectClose(
      planes, try fixture.values("byol/normalized"), relative: 1e-6, absolute: 1e-6, "normalized")
  }

  @Test("Without a change of size, resizing and rounding give the image back")
  func identity() throws {
    let scene = try ImageFile.decode(path: SourceTree.fixture("VisionData/scene.png"))
    let whole = PixelBox(left: 0, top: 0, width: scene.width, height: scene.height)
    let image = FloatImage(
      resizing: scene, box: whole, width: scene.width, height: scene.height)
    #expect(image.rounded == scene)
    #expect(image.flippedHorizontally().rounded == scene.flippedHorizontally())
    #expect(image.flippedHorizontally().flippedHorizontally() == image)
  }

  @Test("The blur's kernel is 23 wide at 224")
  func kernel() {
    #expect(BYOLView(size: 224, isSecond: false).blurRadius == 11)
    #expect(BYOLView(size: 96, isSecond: true).blurRadius == 4)
    #expect(BYOLView(size: 64, isSecond: true).blurRadius == 3)
  }
}
