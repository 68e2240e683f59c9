import Foundation
import Geometry
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
  }

  @Test(
    "Boxes, classes, scores and masks of three images of another shape are mmdetection's",
    arguments: [
      ("mask", DetectorConfiguration.maskRCNN), ("cascade", .cascadeMaskRCNN),
    ])
  func detections(name: String, base: DetectorConfiguration) throws {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/detections.json"))
    let all = try JSONDecoder().decode(
      [String: [[Expected]]].self, from: Data(contentsOf: url))
    let images = try #require(all[name])
    #expect(images.count == SmallDetector.originals.count)
    let detector = SmallDetector.make(base)
    for (index, expected) in images.enumerated() {
      let original = SmallDetector.originals[index]
      let found = detector.detections(SmallDetector.shown(index), original: original)
      // More pass the threshold and the suppression than an image may have.
      #expect(expected.count == detector.configuration.detectionLimit)
      try #require(found.count == expected.count)
      for (number, (one, other)) in zip(found, expected).enumerated() {
        let what = "\(name), image \(index), detection \(number)"
        #expect(one.label == other.label, "\(what)")
        expectClose(
          [one.box.x1, one.box.y1, one.box.x2, one.box.y2], other.box, relative: 0,
          absolute: 2e-3, what)
        expectClose([one.score], [other.score], relative: 0, absolute: 8e-6, what)
        #expect(one.mask.runs == other.runs, "\(what)")
      }
    }
  }
}
