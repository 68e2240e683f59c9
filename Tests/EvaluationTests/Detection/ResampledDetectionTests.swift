import CocoFormat
import CounterRandom
import Foundation
import TestSupport
import Testing
import VisionData

@testable import Evaluation

/// A category as its curves need it, without weights or order of images.
private struct CategoryOutcomes {
  var objects: [(image: Int, count: Int)] = []
  var detections: [(score: Double, image: Int, isRight: [Bool])] = []
}

extension MatchRecords {
  /// Every category, its detections by descending score.
  fileprivate func outcomes() -> [CategoryOutcomes] {
    let ranges = settings.areaRanges.count
    return categoryIDs.indices.map { category in
      var own = CategoryOutcomes()
      for cell in categoryStarts[category]..<categoryStarts[category + 1] {
        let image = Int(cellImages[cell])
        own.objects.append((image, Int(objectCounts[cell * ranges])))
        for detection in detections(ofCell: cell) {
          own.detections.append(
            (
              scores[detection], image,
              settings.overlapThresholds.indices.map {
                matched[detection * ranges] >> UInt16($0) & 1 == 1
              }
            ))
        }
      }
      own.detections.sort { $0.score > $1.score }
      return own
    }
  }
}

@Suite("Resampled detection", .timeLimit(.minutes(5)))
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
  private func records(
    _ truth: CocoAnnotations, noise: Double, seed: UInt64, settings: CocoProtocol = .standard
  ) throws -> MatchRecords {
    CocoEvaluator.match(
      try CocoDetections(results(noise: noise, seed: seed), groundTruth: truth), to: truth,
      overlapType: .bbox, settings: settings)
  }

  private func results(noise: Double, seed: UInt64) -> [CocoResult] {
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
    return results
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
    // Forty images are too few for an interval.
    #expect(outcome.interval == nil)
  }

  /// The mean over categories and thresholds of the areas under interpolated curves, by the book: of
  /// detections in order of their scores, each with the weight of its image.
  private func area(_ records: MatchRecords, weights: [Double]) -> Double {
    let outcomes = records.outcomes()
    var (sum, count) = (0.0, 0)
    for category in outcomes {
      let objects = category.objects.reduce(0) { $0 + weights[$1.image] * Double($1.count) }
      for threshold in records.settings.overlapThresholds.indices {
        var (right, wrong) = (0.0, 0.0)
        var points: [(weight: Double, precision: Double)] = []
        for found in category.detections {
          let weight = weights[found.image]
          if found.isRight[threshold] {
            right += weight
            points.append((weight, right / (right + wrong)))
          } else {
            wrong += weight
          }
        }
        for at in points.indices {
          sum += points[at].weight * (points[at...].map(\.precision).max() ?? 0) / objects
        }
        count += 1
      }
    }
    return sum / Double(count)
  }

  @Test("Slopes are how the area under the curves grows with an image's weight")
  func slopes() throws {
    let records = try records(truth(), noise: 9, seed: 3)
    let own = ResampledDetection([records])
    let whole = own.linearizations(weights: [Int32](repeating: 1, count: 40))
    #expect(whole.map(\.value) == own.values(weights: [Int32](repeating: 1, count: 40)))
    #expect(abs(whole[0].value - area(records, weights: [Double](repeating: 1, count: 40))) < 0.02)
    // Uneven weights, because the best precision has no slope where two are equal.
    let weights = (0..<40).map { Int32(900 + 37 * $0 % 211) }
    let (uneven, step) = (weights.map(Double.init), 1e-4)
    let slopes = own.linearizations(weights: weights)[0].slopes
    for image in 0..<40 {
      var (more, less) = (uneven, uneven)
      more[image] += step
      less[image] -= step
      let slope = (area(records, weights: more) - area(records, weights: less)) / (2 * step)
      #expect(abs(slope - slopes[image]) < 1e-9, "\(image): \(slope), \(slopes[image])")
    }
    #expect(abs(whole[0].slopes.reduce(0, +)) < 1e-12)
    // Weights of two make the same set twice, and half the slopes.
    let twice = own.linearizations(weights: [Int32](repeating: 2, count: 40))
    for (a, b) in TestSupport.paired(twice[1].slopes, whole[1].slopes) {
      #expect(abs(2 * a - b) < 1e-12)
    }
  }

  @Test("Swapped images are scored as a detector that found them so")
  func swapped() throws {
    let truth = try truth()
    let found = [results(noise: 6, seed: 1), results(noise: 9, seed: 2)]
    let detectors = try (0..<2).map {
      ResampledDetection([try records(truth, noise: [6, 9][$0], seed: UInt64($0 + 1))])
    }
    let both = try #require(detectors[0].followed(by: detectors[1]))
    for number in 0..<10 {
      var stream = RandomStream(seed: 9, purpose: .test, sample: number)
      let isSwapped = (0..<40).map { _ in stream.below(2) == 1 }
      let mixed = (0..<2).flatMap { detector in
        found[detector].filter { isSwapped[$0.imageID - 1] == (detector == 1) }
      }
      let plain = CocoEvaluator.match(
        try CocoDetections(mixed, groundTruth: truth), to: truth, overlapType: .bbox)
      let exact = CocoScores(plain).metrics().prefix(3).map(\.value)
      let weights = isSwapped.map { Int32($0 ? 0 : 1) } + isSwapped.map { Int32($0 ? 1 : 0) }
      for (a, b) in TestSupport.paired(both.values(weights: weights), exact) {
        #expect(abs(a - b) < 1e-12)
      }
    }
  }

  @Test(
    "The swaps of a detector against itself find nothing; they turn with its order and the seed")
  func paired() throws {
    let truth = try truth()
    let detectors = try [(6.0, 1), (9, 2)].map {
      ResampledDetection([try records(truth, noise: $0.0, seed: $0.1)])
    }
    func difference(_ a: Int, _ b: Int, seed: UInt64 = 1) throws -> PairedDifference {
      try #require(
        SwapTest(detectors[a], minus: detectors[b], drawCount: 50, seed: seed)["bbox/AP50"])
    }
    let same = try difference(0, 0)
    #expect(same.estimate == 0 && same.pValue == 1)
    #expect(same.standardError == 1 / Double(same.imageCount))
    let (once, turned) = (try difference(0, 1), try difference(1, 0))
    #expect(once.estimate == -turned.estimate && abs(once.pValue - turned.pValue) < 1e-12)
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
