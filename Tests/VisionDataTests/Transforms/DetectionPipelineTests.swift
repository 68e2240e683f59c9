import CounterRandom
import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

/// The training pipeline of mmdetection's Swin configuration with the same draws
/// (`Tests/References/openmmlab_data.py`).
@Suite("Detection pipeline against mmdetection")
struct DetectionPipelineTests {
  private struct Expected: Decodable {
    let factor: Double
    let sample: Int
    let size: [Int]
    let image: String
    let labels: [Int]
    let boxes: [[Double]]
    let masks: [String]
  }

  private static let width = 150, height = 110, count = 7

  private static func digest<Value>(_ values: [Value]) -> String {
    values.withUnsafeBytes { SHA256.digest($0) }
  }

  /// The twin of `objects()` in the script, on its picture.
  private static func sample() -> DetectionSample {
    let values = DeterministicFill.values("objects", count: count * 4, bound: 0.5, centre: 0.5)
    let boxes = (0..<count).map { k in
      let (x1, y1) = (values[4 * k] * Float(120), values[4 * k + 1] * Float(88))
      return CornerBox(
        x1, y1, min(x1 + 8 + values[4 * k + 2] * 40, Float(width)),
        min(y1 + 8 + values[4 * k + 3] * 40, Float(height)))
    }
    let masks = boxes.enumerated().map { k, box in
      let bytes = SegmentationScenes.picture("mask \(k)", width: width, height: height)
      let (rows, columns) = (Int(box.y1)..<Int(box.y2), Int(box.x1)..<Int(box.x2))
      return LabelMap(
        width: width, height: height,
        labels: (0..<width * height).map { at in
          rows.contains(at / width) && columns.contains(at % width) && bytes[3 * at] > 100 ? 1 : 0
        })
    }
    return DetectionSample(
      image: RGBImage(
        width: width, height: height,
        pixels: SegmentationScenes.picture("picture", width: width, height: height)),
      target: DetectionTarget(boxes: boxes, labels: Array(0..<count), masks: masks))
  }

  @Test("Pixels, masks, labels and boxes are those of the configuration's own pipeline")
  func pipeline() throws {
    let path = SourceTree.fixture("VisionData/openmmlab.json")
    let expected = try JSONDecoder().decode(
      [Expected].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    let sample = Self.sample()
    var masks = 0
    for one in expected {
      let what = "sample \(one.sample) at \(one.factor)"
      var stream = RandomStream(seed: 21, purpose: .augmentation, epoch: 1, sample: one.sample)
      let seen = DetectionAugmentation().scaled(by: one.factor)(sample, stream: &stream)
      #expect([seen.image.width, seen.image.height] == one.size, "\(what)")
      #expect(Self.digest(seen.image.pixels) == one.image, "\(what)")
      #expect(seen.target.labels == one.labels, "\(what)")
      for (box, other) in zip(seen.target.boxes, one.boxes) {
        expectClose(
          [box.x1, box.y1, box.x2, box.y2], other, relative: 1e-5,
          absolute: 1e-4, what)
      }
      for (mask, digest) in zip(seen.target.masks, one.masks) {
        #expect(mask.map { Self.digest($0.labels) } == digest, "\(what)")
        masks += 1
      }
    }
    #expect(expected.count == 28 && masks > 150)
  }
}
