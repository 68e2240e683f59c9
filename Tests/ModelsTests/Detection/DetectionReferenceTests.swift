import Foundation
import Geometry
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Detectors' inference against mmdetection", .serialized)
struct DetectionReferenceTests {
  private struct Expected: Decodable {
    let box: [Double]
    let label: Int
    let score: Double
    let runs: [UInt32]
    /// Pixels so near to one half that rounding decides.
    let unclear: Int
  }

  /// In how many pixels two masks of one size differ.
  private static func differing(_ one: [UInt32], _ other: [UInt32]) -> Int {
    func pixels(_ runs: [UInt32]) -> [Bool] {
      runs.enumerated().flatMap { [Bool](repeating: $0 % 2 == 1, count: Int($1)) }
    }
    return zip(pixels(one), pixels(other)).count { $0 != $1 }
  }

  @Test(
    "Boxes, classes, scores and masks of three images of another shape are mmdetection's",
    arguments: [
      ("mask", DetectorConfiguration.maskRCNN), ("cascade", .cascadeMaskRCNN),
    ])
  func detections(name: String, base: DetectorConfiguration) throws {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/detections.json"))
    let reference = try JSONDecoder().decode(
      [String: [[Expected]]].self, from: Data(contentsOf: url))
    let images = try #require(reference[name])
    #expect(images.count == SmallDetector.originals.count)
    let detector = SmallDetector.make(base)
    for (key, tensor) in detector.parameters where key.hasSuffix("conv_logits.weight") {
      // Masks of trained networks are sure of most pixels.
      tensor.assign(tensor.values.map { $0 * 30 })
    }
    // All but very few pixels are sure.
    let all = images.flatMap { $0 }
    let pixels = all.reduce(0) { $0 + $1.runs.reduce(0) { $0 + Int($1) } }
    #expect(all.reduce(0) { $0 + $1.unclear } * 1000 < pixels)
    for (index, expected) in images.enumerated() {
      let original = SmallDetector.originals[index]
      let found = try #require(
        detector.detections(SmallDetector.shown(index), original: original))
      // More pass the threshold and the suppression than an image may have.
      #expect(expected.count == detector.configuration.detectionLimit)
      try #require(found.count == expected.count)
      for (number, (one, other)) in zip(found, expected).enumerated() {
        let what = "\(name), image \(index), detection \(number)"
        #expect(one.label == other.label, "\(what)")
        expectClose(
          [one.box.x1, one.box.y1, one.box.x2, one.box.y2], other.box, relative: 0,
          absolute: 2e-3, what)
        expectClose([one.score], [other.score], relative: 0, absolute: 2e-5, what)
        #expect(one.mask.runs.reduce(0, +) == other.runs.reduce(0, +), "\(what)")
        #expect(Self.differing(one.mask.runs, other.runs) <= other.unclear, "\(what)")
      }
    }
  }
}
