import CounterRandom
import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

/// Pixels of OpenCV and boxes, made by `Tests/References/segmentation_data.py`.
private struct Expected: Decodable {
  struct Boxes: Decodable { let limit: Double, boxes: [[Int]] }
  struct Windows: Decodable { let of: [Int], boxes: [[Int]] }
  let resize, nearest, color: [String: String]
  let sizes: [[Double]], distortion: [String], training: [[String]]
  let boxes: [Boxes], passes: [String: [String]], windows: [Windows]

  static func load() throws -> Expected {
    let path = SourceTree.fixture("VisionData/segmentation.json")
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func digest<Value>(_ values: [Value]) -> String {
  values.withUnsafeBytes { SHA256.digest($0) }
}

private func picture(_ width: Int, _ height: Int) -> RGBImage {
  RGBImage(
    width: width, height: height,
    pixels: SegmentationScenes.picture("picture", width: width, height: height))
}

private func regions(_ name: String, _ width: Int, _ height: Int, _ classes: Int) -> LabelMap {
  LabelMap(
    width: width, height: height,
    labels: SegmentationScenes.regions(name, width: width, height: height, classes: classes))
}

@Suite("Segmentation transforms", .timeLimit(.minutes(5)))
struct SegmentationTransformTests {
  /// `w x h w x h` as numbers.
  private func sizes(_ name: String) -> [Int] {
    name.split { " x".contains($0) }.compactMap { Int($0) }
  }

  @Test("Bilinear and nearest resizing equal OpenCV's to the last bit")
  func resizing() throws {
    let expected = try Expected.load()
    #expect(expected.resize.count > 10)
    for (name, hash) in expected.resize {
      let s = sizes(name)
      let image = picture(s[0], s[1]).linearlyResized(width: s[2], height: s[3])
      #expect(digest(image.pixels) == hash, "\(name)")
    }
    for (name, hash) in expected.nearest {
      let s = sizes(name)
      let bytes = SegmentationScenes.picture("map", width: s[0], height: s[1])
      let map = LabelMap(
        width: s[0], height: s[1], labels: (0..<s[0] * s[1]).map { bytes[3 * $0] })
      #expect(digest(map.nearestResized(width: s[2], height: s[3]).labels) == hash, "\(name)")
    }
  }

  @Test("Resizing a window equals resizing and cropping")
  func window() {
    let image = picture(64, 48)
    let map = regions("window", 64, 48, 9)
    for (width, height) in [(64, 48), (32, 24), (90, 71), (33, 47), (200, 150)] {
      let whole = image.linearlyResized(width: width, height: height)
      let wholeMap = map.nearestResized(width: width, height: height)
      for (left, top, w, h) in [
        (0, 0, width, height), (3, 5, 20, 11), (width - 9, height - 4, 9, 4),
      ] {
        let box = PixelBox(left: left, top: top, width: w, height: h)
        #expect(
          image.linearlyResized(width: width, height: height, window: box) == whole.cropped(to: box)
        )
        let part = map.nearestResized(width: width, height: height, window: box)
        #expect(part == wholeMap.cropped(to: box))
        #expect(part.labels[0] == wholeMap.labels[top * width + left])
      }
    }
  }

  @Test("Sizes follow the rounding of mmcv")
  func limits() throws {
    let limit = ResizeLimit(long: 2048, short: 512)
    for row in try Expected.load().sizes {
      let size = limit.scaled(by: row[2]).size(width: Int(row[0]), height: Int(row[1]))
      #expect(size == (Int(row[3]), Int(row[4])), "\(row)")
    }
    #expect(limit.size(width: 683, height: 512) == (683, 512))
    #expect(limit.scaled(by: 0.5).size(width: 683, height: 512) == (342, 256))
    #expect(limit.size(width: 500, height: 364) == (703, 512))
    #expect(limit.size(width: 1, height: 5000).width >= 1)
  }

  @Test("Changes of values, saturation and hue equal OpenCV's to the last bit")
  func colors() throws {
    let levels = stride(from: 0, to: 256, by: 3).map { UInt8($0) }
    let pixels = levels.flatMap { a in levels.flatMap { b in levels.flatMap { c in [a, b, c] } } }
    let cube = RGBImage(width: 86, height: pixels.count / 3 / 86, pixels: pixels)
    let expected = try Expected.load().color
    #expect(expected.count > 12)
    for (name, hash) in expected where name != "normalized" {
      let parts = name.split(separator: " ")
      let numbers = parts.dropFirst().compactMap { Double($0) }
      let result =
        switch parts[0] {
        case "saturation": cube.saturationScaled(by: numbers[0])
        case "hue": cube.hueTurned(by: Int(numbers[0]))
        default: cube.scaledValues(alpha: numbers[0], beta: numbers[1])
        }
      #expect(digest(result.pixels) == hash, "\(name)")
    }
    var planes = [Float](repeating: -1, count: pixels.count)
    planes.withUnsafeMutableBufferPointer { ByteNormalization.imageNet.write(cube, to: $0) }
    #expect(digest(planes) == expected["normalized"])
  }

  @Test("The photometric distortion equals the reference for the same draws")
  func distortion() throws {
    let image = picture(100, 40)
    var kinds = Set<String>()
    for (index, hash) in try Expected.load().distortion.enumerated() {
      var stream = RandomStream(seed: 5, purpose: .augmentation, epoch: 1, sample: index)
      let distortion = PhotometricDistortion()
      let draw = distortion.draw(&stream)
      #expect(digest(distortion.apply(draw, to: image).pixels) == hash, "\(draw)")
      if draw.brightness != nil { kinds.insert("brightness") }
      if draw.contrast != nil { kinds.insert(draw.contrastIsFirst ? "first" : "last") }
      if draw.saturation != nil { kinds.insert("saturation") }
      if draw.hue != nil { kinds.insert("hue") }
    }
    #expect(kinds == ["brightness", "first", "last", "saturation", "hue"])
  }

  @Test("The whole training pipeline equals the reference for the same draws")
  func training() throws {
    let transform = SegmentationAugmentation(cropSize: 96)
    let (image, labels) = (picture(150, 110), regions("train", 150, 110, 4))
    for (index, hashes) in try Expected.load().training.enumerated() {
      var stream = RandomStream(seed: 9, purpose: .augmentation, epoch: 2, sample: index)
      let sample = transform(image, labels, stream: &stream)
      #expect(digest(sample.image.pixels) == hashes[0], "image \(index)")
      #expect(digest(sample.labels.labels) == hashes[1], "labels \(index)")
      var planes = [Float](repeating: -1, count: 3 * 96 * 96)
      var full = [UInt8](repeating: 7, count: 96 * 96)
      planes.withUnsafeMutableBufferPointer { planes in
        full.withUnsafeMutableBufferPointer { full in
          guard let full = full.baseAddress else { return }
          sample.writeImage(size: 96, to: planes)
          sample.writeLabels(size: 96, to: full)
        }
      }
      #expect(digest(planes) == hashes[2], "planes \(index)")
      #expect(digest(full) == hashes[3], "padded labels \(index)")
    }
  }

  @Test("Crops are accepted and refused as in the reference")
  func crops() throws {
    var labels = regions("boxes", 70, 60, 3)
    for y in 0..<60 {
      for x in 0..<70 {
        if y >= 30 {
          labels.labels[y * 70 + x] = 255
        } else if x < 40 {
          labels.labels[y * 70 + x] = 1
        }
      }
    }
    for row in try Expected.load().boxes {
      var stream = RandomStream(seed: 1, purpose: .augmentation)
      let crop = CategoryLimitedCrop(size: 24, maximumShare: row.limit)
      for expected in row.boxes {
        let box = crop.box(labels: labels, stream: &stream)
        #expect([box.top, box.left, box.height, box.width] == expected)
      }
    }
  }

  @Test("Each test pass has the reference's size, pixels and mirror image")
  func passes() throws {
    let expected = try Expected.load().passes
    let image = picture(48, 36)
    let plan = SegmentationTesting.multiScale
    #expect(plan.passes.count == 12)
    for pass in plan.passes {
      let result = plan(image, pass)
      let name = "\(pass.ratio) \(result.width)x\(result.height)"
      let hashes = try #require(expected[name], "\(name)")
      #expect(digest(result.pixels) == hashes[pass.isFlipped ? 1 : 0], "\(name)")
    }
    #expect(SegmentationTesting.singleScale.passes == [TestPass(ratio: 1, isFlipped: false)])
    #expect(plan.passes[1] == TestPass(ratio: 0.5, isFlipped: true))
  }

  @Test("Sliding windows lie where the reference puts them and cover every pixel")
  func windows() throws {
    for row in try Expected.load().windows {
      let windows = SlidingWindows(size: row.of[2], stride: row.of[3])
        .windows(width: row.of[0], height: row.of[1])
      #expect(windows.map { [$0.left, $0.top, $0.width, $0.height] } == row.boxes, "\(row.of)")
      for (length, spans) in [
        (row.of[0], windows.map { $0.left..<$0.left + $0.width }),
        (row.of[1], windows.map { $0.top..<$0.top + $0.height }),
      ] {
        #expect((0..<length).allSatisfy { at in spans.contains { $0.contains(at) } })
      }
    }
  }

  @Test("The same seed, epoch and sample give the same sample; another gives another")
  func determinism() {
    let transform = SegmentationAugmentation(cropSize: 32)
    let (image, labels) = (picture(60, 44), regions("train", 60, 44, 4))
    func sample(_ seed: UInt64, _ epoch: Int, _ index: Int) -> SegmentationSample {
      var stream = RandomStream(seed: seed, purpose: .augmentation, epoch: epoch, sample: index)
      return transform(image, labels, stream: &stream)
    }
    #expect(sample(1, 2, 3) == sample(1, 2, 3))
    #expect(sample(1, 2, 3) != sample(1, 3, 3))
    #expect(sample(1, 2, 3) != sample(2, 2, 3))
    #expect(sample(1, 2, 3) != sample(1, 2, 4))
  }
}
