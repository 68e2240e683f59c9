import CocoFormat
import CounterRandom
import Evaluation
import Foundation
import TestSupport
import Testing
import VisionData

@Suite("Resampled detection", .timeLimit(.minutes(1)))
struct ResampledDetectionTests {
  /// Forty images with two objects each.
  private func truth() throws -> CocoAnnotations {
    let folder = try TemporaryDirectory()
    let images = (1...40).map {
      "{\"id\":\($0),\"file_name\":\"\($0).png\",\"width\":100,\"height\":100}"
    }
    let objects = (0..<80).map { number in
      "{\"id\":\(number + 1),\"image_id\":\(number / 2 + 1),\"category_id\":\(number % 3 + 1),"
        + "\"bbox\":[\(10 + number % 2 * 45),20,40,40],\"area\":1600,\"iscrowd\":0}"
    }
    let text =
      "{\"images\":[\(images.joined(separator: ","))],\"annotations\":[\(objects.joined(separator: ","))],"
      + "\"categories\":[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"},{\"id\":3,\"name\":\"c\"}]}"
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file("a.json")))
    return try CocoAnnotations(path: folder.file("a.json"))
  }

  /// A detector that misplaces boxes by up to `noise` pixels and sometimes sees what is not there.
  private func records(_ truth: CocoAnnotations, noise: Double, seed: UInt64) throws -> MatchRecords
  {
    var results: [CocoResult] = []
    for number in 0..<80 {
      var stream = RandomStream(seed: seed, purpose: .test, sample: number)
      let box = CocoBox(
        x: Double(10 + number % 2 * 45) + stream.uniform(-noise, noise),
        y: 20 + stream.uniform(-noise, noise), width: 40, height: 40)
      results.append(
        CocoResult(
          imageID: number / 2 + 1, categoryID: number % 3 + 1, box: box,
          score: stream.uniformDouble()))
      if number % 5 == 0 {
        results.append(
          CocoResult(
            imageID: number / 2 + 1, categoryID: 2,
            box: CocoBox(x: 0, y: 70, width: 20, height: 20), score: stream.uniformDouble()))
      }
    }
    return CocoEvaluator.match(
      try CocoDetections(results, groundTruth: truth), to: truth, overlapType: .bbox)
  }

  @Test("Every image once gives COCO's AP, AP50 and AP75")
  func plain() throws {
    let records = try records(truth(), noise: 8, seed: 1)
    let own = ResampledDetection([records])
    #expect(own.metricNames == ["bbox/AP", "bbox/AP50", "bbox/AP75"])
    let values = own.values(weights: [Int32](repeating: 1, count: own.images.count))
    let official = CocoScores(records).metrics().prefix(3).map(\.value)
    #expect(Set(values).count == 3)
    for (a, b) in paired(values, official) { #expect(abs(a - b) < 1e-12) }
  }

  @Test("The paired resampling is the detection bootstrap's, draw for draw")
  func sameDraws() throws {
    let truth = try truth()
    let first = try records(truth, noise: 6, seed: 1)
    let second = try records(truth, noise: 9, seed: 2)
    let resampling = PairedResampling(
      first: ResampledDetection([first]), second: ResampledDetection([second]), resampleCount: 200,
      seed: 4)
    for (place, threshold) in [nil, 0.5, 0.75].enumerated() {
      let own = try #require(resampling.outcomes[place])
      let other = DetectionBootstrap(
        first: first, second: second, metric: .averagePrecision(threshold: threshold),
        resampleCount: 200, seed: 4)
      #expect(abs(own.estimate - other.estimate) < 1e-12)
      #expect(abs(own.interval.low - other.interval.low) < 1e-12)
      #expect(abs(own.interval.high - other.interval.high) < 1e-12)
      #expect(abs(own.standardError - other.standardError) < 1e-12)
    }
  }

  @Test("Without objects in the drawn images there is no number")
  func noObjects() throws {
    let records = try records(truth(), noise: 6, seed: 1)
    let own = ResampledDetection([records])
    let none = own.values(weights: [Int32](repeating: 0, count: own.images.count))
    #expect(none.allSatisfy { $0.isNaN })
  }

  @Test("The AP of an image alone is COCO's on a set of that image")
  func singleImages() throws {
    let records = try records(truth(), noise: 12, seed: 5)
    let own = records.imagePrecisions()
    #expect(own.count == 40 && Set(own).count > 3)
    for image in own.indices {
      let copies = own.indices.map { $0 == image ? 1 : 0 }
      let official = CocoScores(records, copies: copies).averagePrecision()
      #expect(abs(own[image] - official) < 1e-12)
    }
  }
}
