import Evaluation
import FileSupport
import Foundation
import TestSupport
import Testing

/// Numbers by mmsegmentation's rules, made by `Tests/References/segmentation_data.py`.
private struct Reference: Decodable {
  struct Case: Decodable {
    let classes, used, count: Int
    let records: [[[Int]]]
    let aAcc, mIoU, mAcc, mDice, devKitMIoU, devKit: Double
    let classIoU, classAccuracy: [Double?]

    private enum CodingKeys: String, CodingKey {
      case classes, used, count, records, aAcc, mIoU, mAcc, mDice, devKitMIoU, devKit
      case classIoU = "IoU"
      case classAccuracy = "Acc"
    }
  }
  struct Summary: Decodable { let estimate, deviation, low, high: Double }
  struct Bootstrap: Decodable { let count, classes: Int, single, delta: Summary }
  let cases: [Case]
  let bootstrap: Bootstrap

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/segmentation.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func records(
  _ count: Int, classes: Int, used: Int, wrong: Float = 0.3, network: String = "a"
) throws -> [SegmentationRecord] {
  try (0..<count).map { index in
    let scene = SegmentationScenes.scene(
      index, classes: classes, used: used, wrong: wrong, network: network)
    let pairs = LabelPairs(labels: scene.labels, predictions: scene.predictions)
    return try SegmentationRecord(index: index, pairs: pairs, classCount: classes)
  }
}

private func score(_ records: [SegmentationRecord], classes: Int) -> SegmentationScore {
  var score = SegmentationScore(classCount: classes)
  for record in records { score.add(record) }
  return score
}

@Suite("Segmentation scores", .timeLimit(.minutes(5)))
struct SegmentationTests {
  private func expectEqual(_ own: [Double], _ expected: [Double?], _ what: String) {
    #expect(own.count == expected.count)
    for (index, (a, e)) in paired(own, expected).enumerated() {
      if let e {
        #expect(abs(a - e) < 1e-12, "\(what) \(index): \(a), expected \(e)")
      } else {
        #expect(a.isNaN, "\(what) \(index): \(a), expected NaN")
      }
    }
  }

  @Test("aAcc, mIoU, mAcc, mDice and every class equal mmsegmentation's rules")
  func numbers() throws {
    let cases = try Reference.load().cases
    #expect(
      cases.contains { $0.classIoU.contains { $0 == nil } && $0.classIoU.contains { $0 == 0 } })
    for expected in cases {
      let records = try records(expected.count, classes: expected.classes, used: expected.used)
      let score = score(records, classes: expected.classes)
      expectEqual(
        [
          score.pixelAccuracy, score.meanIoU, score.meanAccuracy, score.meanDice,
          score.counted(by: .devKit).meanIoU, score.devKitScore,
        ],
        [
          expected.aAcc, expected.mIoU, expected.mAcc, expected.mDice, expected.devKitMIoU,
          expected.devKit,
        ], "means of \(expected.classes)")
      expectEqual(score.classIoU, expected.classIoU, "IoU")
      expectEqual(score.classAccuracy, expected.classAccuracy, "accuracy")
      for (record, areas) in paired(records.prefix(expected.records.count), expected.records) {
        var dense = areas.map { [Int](repeating: 0, count: $0.count) }
        for (at, index) in record.classes.enumerated() {
          dense[0][index] = record.intersections[at]
          dense[1][index] = record.predicted[at]
          dense[2][index] = record.labelled[at]
        }
        #expect(dense == areas)
      }
    }
  }

  @Test("The three published samples score 1 by one convention and 0.1 by the other")
  func publishedSamples() throws {
    // Raw value and pixel count of each map; the predictions are the same maps.
    let maps = [
      [
        0: 3613, 1: 14538, 2: 123_406, 3: 134_492, 5: 8784, 7: 1755, 10: 53099, 18: 10009,
      ], [0: 17280, 1: 8309, 2: 49211, 3: 85997, 5: 20293, 14: 341, 18: 569],
      [
        0: 2031, 1: 2901, 2: 9024, 3: 27749, 5: 2048, 7: 30083, 12: 22518, 21: 2330, 44: 153,
        81: 1681, 88: 202, 97: 17664, 103: 1616,
      ],
    ]
    var score = SegmentationScore(classCount: 150)
    for (index, map) in maps.enumerated() {
      let raw = map.flatMap { [UInt8](repeating: UInt8($0.key), count: $0.value) }
      let labels = raw.map { $0 &- 1 }
      let pairs = LabelPairs(labels: labels, predictions: labels.map { $0 == 255 ? 3 : $0 })
      #expect(pairs.ignoredCount == map[0])
      score.add(try SegmentationRecord(index: index, pairs: pairs, classCount: 150))
    }
    #expect(score.pixelAccuracy == 1)
    #expect(score.meanIoU == 1)
    #expect(score.presentClassCount == 15)
    #expect(abs(score.counted(by: .devKit).meanIoU - 0.1) < 1e-15)
    #expect(abs(score.devKitScore - 0.55) < 1e-15)
  }

  @Test("Pairs equal a plain count for any run lengths")
  func pairs() {
    for (number, run) in [1, 2, 5, 15, 16, 17, 33, 100].enumerated() {
      let count = 1000 + number
      let labels = (0..<count).map { UInt8(($0 / run * 37) % 256) }
      let guesses = (0..<count).map { UInt8(($0 / (run + number) * 91) % 256) }
      let pairs = LabelPairs(labels: labels, predictions: guesses)
      var plain: [Int: Int] = [:]
      for (a, b) in paired(labels, guesses) where a != 255 {
        plain[Int(a) * 256 + Int(b), default: 0] += 1
      }
      let own = pairs.entries.map { [Int($0.label) * 256 + Int($0.prediction), $0.count] }
      #expect(own == plain.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
      #expect(pairs.ignoredCount == labels.count { $0 == 255 })
      #expect(pairs.agreement(shift: 0) == zip(labels, guesses).count { $0 == $1 && $0 != 255 })
    }
    #expect(LabelPairs(labels: [], predictions: []).entries.isEmpty)
  }

  @Test("Values that are no classes are an error, on ignored pixels they are not")
  func ranges() throws {
    let fine = LabelPairs(labels: [0, 1, 255], predictions: [1, 1, 200])
    #expect(try SegmentationRecord(index: 0, pairs: fine, classCount: 2).predicted == [0, 2])
    let wrong = LabelPairs(labels: [0, 1, 9, 0], predictions: [5, 1, 1, 7])
    do throws(LabelRangeError) {
      _ = try SegmentationRecord(index: 0, pairs: wrong, classCount: 2)
      Issue.record("values outside of the classes were accepted")
    } catch {
      #expect(error.labels == [9])
      #expect(error.predictions == [5, 7])
      #expect(error.pixelCount == 3)
    }
    #expect(!SegmentationRecord.areConsistent([0], [3], [2], [3]))
    #expect(!SegmentationRecord.areConsistent([1, 0], [0, 0], [1, 1], [1, 1]))
    #expect(!SegmentationRecord.areConsistent([0], [1], [2], [3]))
    #expect(SegmentationRecord.areConsistent([0, 4], [1, 0], [2, 1], [3, 0]))
  }

  @Test("Two scores of disjoint images merge into the score of both")
  func merging() throws {
    let all = try records(9, classes: 8, used: 6)
    var left = score(Array(all.prefix(4)), classes: 8)
    left.merge(score(Array(all.dropFirst(4).reversed()), classes: 8))
    #expect(left == score(all, classes: 8))
  }

  private func mIoU(
    _ first: [SegmentationRecord], minus second: [SegmentationRecord], swaps: Int, seed: UInt64
  ) throws -> PairedDifference {
    let own = SwapTest(
      ResampledSegmentation(first), minus: ResampledSegmentation(second), drawCount: swaps,
      seed: seed)
    return try #require(own["mIoU"])
  }

  @Test("Resampled counts give the bits of the score, for every number")
  func sameBits() throws {
    let all = try records(30, classes: 9, used: 7)
    let own = ResampledSegmentation(all)
    let whole = score(all, classes: 9)
    let values = own.values(weights: [Int32](repeating: 1, count: 30))
    #expect(values.prefix(3) == [whole.meanIoU, whole.meanAccuracy, whole.pixelAccuracy])
    #expect(own.metricNames.prefix(3) == ["mIoU", "mAcc", "aAcc"])
    let numbers = SegmentationScore.numbers.filter { $0.test == .resampled }
    #expect(values == numbers.map { $0.value(whole) } && own.metricNames == numbers.map(\.name))
  }

  @Test("A record read back is the record written; one that contradicts itself is refused")
  func codec() throws {
    for record in try records(5, classes: 9, used: 7) {
      let row = record.json(name: "image")
      #expect(SegmentationRecord(row) == record)
      #expect(SegmentationRecord(row, classCount: record.classes.last ?? 0) == nil)
      guard case .object(var members) = row else { continue }
      members["predicted"] = .array([])
      #expect(SegmentationRecord(.object(members)) == nil)
    }
  }

  @Test("Bootstrap and swaps find the spread of the reference's resamples")
  func bootstrap() throws {
    let reference = try Reference.load().bootstrap
    let first = try records(reference.count, classes: reference.classes, used: 12)
    let second = try records(
      reference.count, classes: reference.classes, used: 12, wrong: 0.34, network: "b")
    let single = try #require(
      Bootstrap(ResampledSegmentation(first), resampleCount: 4000, seed: 1)["mIoU"])
    #expect(abs(single.estimate - reference.single.estimate) < 1e-12)
    // With 4000 resamples the deviation is known to 1.1 %.
    #expect(
      abs(single.standardError - reference.single.deviation) < 0.06 * reference.single.deviation)
    // Sixty images are enough for a difference and too few for a number.
    #expect(single.interval == nil)
    let delta = try mIoU(first, minus: second, swaps: 999, seed: 1)
    #expect(abs(delta.estimate - reference.delta.estimate) < 1e-12)
    // The slopes give the resamples' deviation up to second order.
    #expect(abs(delta.standardError - reference.delta.deviation) < 0.1 * reference.delta.deviation)
    #expect(delta.pValue == 0.001)
    let turned = try mIoU(second, minus: first, swaps: 200, seed: 7)
    let again = try mIoU(first, minus: second, swaps: 200, seed: 7)
    let (a, b) = (try #require(turned.interval()), try #require(again.interval()))
    #expect(abs(a.low + b.high) < 1e-12)
    let same = try mIoU(first, minus: first, swaps: 50, seed: 7)
    // One image more might tell them apart.
    #expect(same.pValue == 1 && same.standardError == 1 / 60.0)
    let unknown = try #require(same.interval())
    #expect(unknown.low == -unknown.high && abs(unknown.high - 2.001 / 60) < 1e-5)
    #expect(same.equivalencePValue(margin: 0.005) > 0.3)
    #expect(same.equivalencePValue(margin: 0.05) < 0.01)
  }

  @Test("Slopes are how the numbers grow with an image's weight; swaps are scores of mixed records")
  func slopes() throws {
    let first = try records(12, classes: 9, used: 7)
    let second = try records(12, classes: 9, used: 7, wrong: 0.4, network: "b")
    let own = ResampledSegmentation(first)
    let whole = own.linearizations(weights: [Int32](repeating: 1, count: 12))
    for (at, number) in whole.enumerated() {
      #expect(abs(number.slopes.reduce(0, +)) < 1e-12)
      for image in 0..<12 {
        func value(_ change: Int32) -> Double {
          var weights = [Int32](repeating: 100_000, count: 12)
          weights[image] += change
          return own.values(weights: weights)[at]
        }
        let slope = (value(100) - value(-100)) / 200 * 100_000
        #expect(abs(slope - number.slopes[image]) < 1e-6, "\(at), \(image)")
      }
    }
    let both = try #require(own.followed(by: ResampledSegmentation(second)))
    let isSwapped = (0..<12).map { $0 % 3 == 1 }
    let mixed = (0..<12).map { isSwapped[$0] ? second[$0] : first[$0] }
    let weights = isSwapped.map { Int32($0 ? 0 : 1) } + isSwapped.map { Int32($0 ? 1 : 0) }
    let plain = ResampledSegmentation(mixed)
    #expect(
      both.values(weights: weights) == plain.values(weights: [Int32](repeating: 1, count: 12)))
  }
}
