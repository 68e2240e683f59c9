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
    #expect(own.metricNames.prefix(3) == ["bbox/AP", "bbox/AP50", "bbox/AP75"])
    #expect(own.metricNames.count == CocoScores.headlines.count)
    let values = own.values(weights: [Int32](repeating: 1, count: own.images.count))
    let scores = CocoScores(records)
    let official = CocoScores.headlines.map { scores.averagePrecision(threshold: $0.threshold) }
    #expect(Set(values).count == values.count)
    for (a, b) in TestSupport.paired(values, official) { #expect(abs(a - b) < 1e-12) }
  }

  @Test("Each resample of the bootstrap is the score of its images, accumulated anew")
  func resamples() throws {
    let records = try records(truth(), noise: 6, seed: 1)
    let own = ResampledDetection([records])
    let count = 25
    let drawn = (0..<count).map { number -> Double in
      var stream = RandomStream(seed: 4, purpose: .bootstrap, sample: number)
      var copies = [Int](repeating: 0, count: records.imageIDs.count)
      for _ in copies { copies[stream.below(copies.count)] += 1 }
      let exact = CocoScores(records, copies: copies).averagePrecision()
      #expect(abs(own.values(weights: copies.map { Int32($0) })[0] - exact) < 1e-12)
      return exact
    }
    let outcome = try #require(Bootstrap(own, resampleCount: count, seed: 4)["bbox/AP"])
    #expect(abs(outcome.estimate - CocoScores(records).averagePrecision()) < 1e-12)
    #expect(abs(outcome.standardError - Spread(drawn).deviation) < 1e-12)
    let sorted = drawn.sorted()
    // 2.5 % of 24 steps lies 0.6 between the first two.
    #expect(abs(outcome.interval.low - (sorted[0] + 0.6 * (sorted[1] - sorted[0]))) < 1e-12)
  }

  @Test("The bootstrap of a detector against itself is 0, turns with its order and the seed")
  func paired() throws {
    let truth = try truth()
    let detectors = try [(6.0, 1), (9, 2)].map {
      ResampledDetection([try records(truth, noise: $0.0, seed: $0.1)])
    }
    func difference(_ a: Int, _ b: Int, seed: UInt64 = 1) throws -> Bootstrap.Outcome {
      try #require(
        Bootstrap(detectors[a], minus: detectors[b], resampleCount: 50, seed: seed)["bbox/AP50"])
    }
    let same = try difference(0, 0)
    #expect(same.estimate == 0 && same.interval == Interval(low: 0, high: 0) && same.pValue == 1)
    let (once, turned) = (try difference(0, 1), try difference(1, 0))
    #expect(abs(once.interval.low + turned.interval.high) < 1e-12)
    #expect(once.interval.low < once.estimate && once.estimate < once.interval.high)
    #expect(try difference(0, 1, seed: 2) != once)
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
