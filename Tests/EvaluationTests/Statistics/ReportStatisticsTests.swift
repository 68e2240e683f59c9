import CounterRandom
import Evaluation
import Foundation
import SampleData
import TestSupport
import Testing

/// Values of scipy, statsmodels and numpy, made by `Tests/References/report_statistics.py`.
private struct Reference: Decodable {
  struct Quantile: Decodable { let probability, quantile: Double }
  struct Paired: Decodable {
    let onlyFirst, onlySecond, count: Int, error, low, high, p: Double
  }
  struct Detectable: Decodable { let error, significance, power, difference: Double }
  struct Seeded: Decodable {
    let first, second: [Double], sample: Double, images, freedom: Int
    let estimate, low, high, p: Double
  }
  struct Resampled: Decodable { let first, second, deviation, low, high, p: Double }
  let normal: [Quantile], paired: [Paired], detectable: [Detectable], seeded: [Seeded]
  let resampledIoU: Resampled

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/report_statistics.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
  abs(a - b) <= tolerance * max(1e-12, abs(b))
}

@Suite("Statistics of a report", .timeLimit(.minutes(1)))
struct ReportStatisticsTests {
  @Test("Normal quantiles equal scipy's, far into the tails")
  func normal() throws {
    for row in try Reference.load().normal {
      let own = Normal.quantile(row.probability)
      #expect(abs(own - row.quantile) <= 1e-12 * max(1, abs(row.quantile)), "\(row), got \(own)")
    }
  }

  @Test("Paired differences of proportions equal scipy's test and statsmodels' interval")
  func paired() throws {
    for row in try Reference.load().paired {
      let pair = PairedProportions(
        onlyFirst: row.onlyFirst, onlySecond: row.onlySecond, count: row.count)
      #expect(isClose(pair.standardError, row.error, 1e-10), "\(row)")
      #expect(isClose(pair.interval.low, row.low, 1e-9), "\(row)")
      #expect(isClose(pair.interval.high, row.high, 1e-9), "\(row)")
      #expect(isClose(pair.pValue, row.p, 1e-8), "\(row)")
    }
  }

  @Test("The detectable difference is the one that statsmodels gives the power of")
  func detectable() throws {
    for row in try Reference.load().detectable {
      let own = DetectableDifference.smallest(
        standardError: row.error, significance: row.significance, power: row.power)
      // The other tail of the test, which only statsmodels counts, is a millionth.
      #expect(isClose(own, row.difference, 1e-5), "\(row), got \(own)")
    }
  }

  @Test("Differences over seeds equal Welch's test with the images' variance added")
  func seeded() throws {
    for row in try Reference.load().seeded {
      let own = SeededDifference(
        first: row.first, second: row.second, sampleVariance: row.sample, imageCount: row.images)
      #expect(isClose(own.estimate, row.estimate, 1e-10), "\(row)")
      #expect(own.freedom == row.freedom, "\(row)")
      #expect(isClose(own.pValue, row.p, 1e-8), "\(row)")
      #expect(isClose(own.interval.low, row.low, 1e-8), "\(row)")
      #expect(isClose(own.interval.high, row.high, 1e-8), "\(row)")
      #expect(own.sampleVariance == row.sample && !own.borrowsDeviation)
    }
    let alone = SeededDifference(
      first: [0.5, 0.6], second: [0.4], sampleVariance: 0, imageCount: 10)
    #expect(alone.borrowsDeviation && isClose(alone.seedVariance, 0.005 / 2 + 0.005, 1e-9))
    #expect(alone.seedShare == 1)
    // Numbers of a damaged file: no degree of freedom comes of them, and no trap.
    let huge = SeededDifference(
      first: [1e300, -1e300], second: [0.4], sampleVariance: 1, imageCount: 10)
    #expect(huge.freedom == 9)
  }

  /// The counts that the reference script resampled.
  private func counts(_ name: String, bonus: Double) -> ResampledSegmentation {
    let labelled = DeterministicFill.values("miou.labelled", count: 480).map {
      (100 + 50 * $0).rounded(.down)
    }
    let parts = DeterministicFill.values(name + ".part", count: 480).map {
      min(1, max(0, Float(0.6 + bonus) + 0.3 * $0))
    }
    let extra = DeterministicFill.values(name + ".extra", count: 480).map {
      (20 + 19 * $0).rounded(.down)
    }
    var outcomes = ResampledSegmentation()
    for image in 0..<120 {
      let rows = image * 4..<image * 4 + 4
      let both = rows.map { Int((labelled[$0] * parts[$0]).rounded(.down)) }
      let added = outcomes.add(
        image: image, classes: [0, 1, 2, 3], intersections: both,
        predicted: zip(both, rows).map { $0 + Int(extra[$1]) },
        labelled: rows.map { Int(labelled[$0]) })
      #expect(added)
    }
    return outcomes
  }

  @Test("Resampled mIoU finds numpy's interval up to its own noise")
  func resampledIoU() throws {
    let reference = try Reference.load().resampledIoU
    let (first, second) = (counts("miou.first", bonus: 0.02), counts("miou.second", bonus: 0))
    let ones = [Int32](repeating: 1, count: 120)
    #expect(isClose(first.values(weights: ones)[0], reference.first, 1e-12))
    #expect(isClose(second.values(weights: ones)[0], reference.second, 1e-12))
    let own = Bootstrap(first, minus: second, resampleCount: 4000, seed: 5)
    let outcome = try #require(own["mIoU"])
    #expect(isClose(outcome.estimate, reference.first - reference.second, 1e-9))
    // 4000 resamples know the deviation to 1.1 %, a 2.5 % percentile to about 4.2 % of it.
    #expect(abs(outcome.standardError - reference.deviation) < 0.05 * reference.deviation)
    #expect(abs(outcome.interval.low - reference.low) < 0.17 * reference.deviation)
    #expect(abs(outcome.interval.high - reference.high) < 0.17 * reference.deviation)
    #expect(abs(outcome.pValue - reference.p) < 0.3 * reference.p + 0.002)
  }

  @Test("Weights count images as often as copies of them would")
  func weights() {
    let outcomes = counts("miou.first", bonus: 0)
    var weights = [Int32](repeating: 0, count: 120)
    (weights[3], weights[7]) = (2, 1)
    var copies = ResampledSegmentation()
    for image in [3, 3, 7] {
      // Each image's own counts, told from the values of the image alone.
      var alone = [Int32](repeating: 0, count: 120)
      alone[image] = 1
      #expect(outcomes.values(weights: alone)[0] == outcomes.meanIoU(at: image))
    }
    for (number, (both, predicted, labelled)) in [(5, 9, 8), (5, 9, 8), (2, 4, 10)].enumerated() {
      let added = copies.add(
        image: number, classes: [1], intersections: [both], predicted: [predicted],
        labelled: [labelled])
      #expect(added)
    }
    #expect(copies.values(weights: [1, 1, 1])[0] == copies.values(weights: [2, 0, 1])[0])
    #expect(copies.values(weights: [1, 1, 1])[0] == 12.0 / (22 + 26 - 12))
    let impossible = copies.add(
      image: 9, classes: [0], intersections: [5], predicted: [4], labelled: [9])
    #expect(!impossible)
    #expect(copies.images == [0, 1, 2])
  }

  @Test("The mean of seeds is the mean of their numbers under the same weights")
  func meanOfSeeds() {
    let (a, b) = (counts("miou.first", bonus: 0), counts("miou.second", bonus: 0))
    let weights = (0..<120).map { Int32($0 % 3) }
    let mean = MeanOfSeeds([a, b]).values(weights: weights)
    for (at, value) in mean.enumerated() {
      let (own, other) = (a.values(weights: weights)[at], b.values(weights: weights)[at])
      #expect(isClose(value, (own + other) / 2, 1e-12))
    }
  }
}

/// Repeats experiments whose truth is known and counts how often the interval holds it.
@Suite("Coverage of a report's intervals", .timeLimit(.minutes(1)))
struct CoverageTests {
  /// The deviation of a fraction of `count` repetitions.
  private func noise(_ fraction: Double, _ count: Int) -> Double {
    (fraction * (1 - fraction) / Double(count)).squareRoot()
  }

  @Test(
    "Intervals of paired proportions hold the truth 95 times in 100",
    arguments: [(0.03, 0.03, 200), (0.10, 0.04, 300), (0.25, 0.20, 100)])
  func pairedProportions(onlyFirst: Double, onlySecond: Double, count: Int) {
    let repetitions = 3000
    var covered = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 11, purpose: .test, sample: repetition)
      var (gained, lost) = (0, 0)
      for _ in 0..<count {
        let draw = stream.uniformDouble()
        if draw < onlyFirst { gained += 1 } else if draw < onlyFirst + onlySecond { lost += 1 }
      }
      let interval = PairedProportions(onlyFirst: gained, onlySecond: lost, count: count).interval
      let truth = onlyFirst - onlySecond
      if interval.low <= truth && truth <= interval.high { covered += 1 }
    }
    let part = Double(covered) / Double(repetitions)
    #expect(part > 0.95 - 0.005 - 4 * noise(0.95, repetitions), "covered \(part)")
    #expect(part < 0.99, "covered \(part)")
  }

  @Test("McNemar's exact test claims a difference that is not there at most 5 times in 100")
  func falseClaims() {
    let repetitions = 3000
    var claims = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 12, purpose: .test, sample: repetition)
      var (gained, lost) = (0, 0)
      for _ in 0..<300 {
        let draw = stream.uniformDouble()
        if draw < 0.1 { gained += 1 } else if draw < 0.2 { lost += 1 }
      }
      if Proportions.mcNemar(onlyFirst: gained, onlySecond: lost) < 0.05 { claims += 1 }
    }
    #expect(Double(claims) / Double(repetitions) < 0.05 + 3 * noise(0.05, repetitions))
    #expect(claims > repetitions / 100)
  }

  @Test("Differences of the detectable size are found 8 times in 10")
  func power() {
    // 500 images, a tenth and a twentieth where only one is right: the truth is 0.05.
    let (first, second, count) = (0.10, 0.05, 500.0)
    let error = ((first + second - (first - second) * (first - second)) / count).squareRoot()
    let scale = DetectableDifference.smallest(standardError: error) / (first - second)
    let images = Int((count * scale * scale).rounded())
    let repetitions = 1500
    var found = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 13, purpose: .test, sample: repetition)
      var (gained, lost) = (0, 0)
      for _ in 0..<images {
        let draw = stream.uniformDouble()
        if draw < first { gained += 1 } else if draw < first + second { lost += 1 }
      }
      if Proportions.mcNemar(onlyFirst: gained, onlySecond: lost) < 0.05 { found += 1 }
    }
    // The exact test is a little careful, so it finds a little less.
    let part = Double(found) / Double(repetitions)
    #expect(part > 0.72 && part < 0.84, "found \(part)")
  }

  @Test("Resampled intervals of mIoU differences hold the truth nearly 95 times in 100")
  func resampled() {
    let repetitions = 250
    var covered = 0
    var claims = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 14, purpose: .test, sample: repetition)
      var networks = [ResampledSegmentation(), ResampledSegmentation()]
      for image in 0..<60 {
        let ease = stream.uniform(-0.2, 0.2)
        for network in 0..<2 {
          // Both come from one distribution: the true difference is 0.
          let both = (0..<3).map { _ in Int(100 * (0.6 + ease + stream.uniform(-0.2, 0.2))) }
          _ = networks[network].add(
            image: image, classes: [0, 1, 2], intersections: both, predicted: both.map { $0 + 20 },
            labelled: [100, 100, 100])
        }
      }
      let outcome = Bootstrap(
        networks[0], minus: networks[1], resampleCount: 200, seed: UInt64(repetition))["mIoU"]
      guard let outcome else { continue }
      if outcome.interval.low <= 0 && 0 <= outcome.interval.high { covered += 1 }
      if outcome.pValue < 0.05 { claims += 1 }
    }
    let part = Double(covered) / Double(repetitions)
    #expect(part > 0.90 && part < 0.985, "covered \(part)")
    #expect(Double(claims) / Double(repetitions) < 0.10)
  }

  @Test("P-values below what resamples resolve are as rare as they say, and do occur")
  func smallProbabilities() throws {
    func pValue(_ shift: Double, images: Int, repetition: Int) throws -> Double {
      var stream = RandomStream(seed: 15, purpose: .test, sample: repetition)
      func draws(_ shift: Double) -> WeightedMean {
        WeightedMean(outcomes: (0..<images).map { _ in stream.uniformDouble() + shift })
      }
      let own = Bootstrap(
        draws(shift), minus: draws(0), resampleCount: 150, seed: UInt64(repetition))
      return try #require(own["mean"]).pValue
    }
    // 150 resamples resolve 0.013; 4000 repetitions without a difference expect 8 below 0.002.
    let rare = try (0..<4000).count { try pValue(0, images: 40, repetition: $0) < 0.002 }
    #expect((1...18).contains(rare), "\(rare) below 0.002")
    let large = try pValue(0.3, images: 200, repetition: 1)
    #expect(large < 1e-9)
    // The first of sixty tests is still called.
    let corrected = Proportions.holm([large] + [Double](repeating: 0.5, count: 59))
    #expect(corrected[0] < 0.05)
  }

  @Test("Intervals over seeds and images hold the truth at least 95 times in 100")
  func seeds() {
    let repetitions = 800
    var covered = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 15, purpose: .test, sample: repetition)
      // Each seed moves the accuracy; each image is easier or harder for every seed alike.
      func normal() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + stream.uniformDouble() } }
      let shifts = (0..<6).map { _ in 0.03 * normal() }
      var right = [[Double]](repeating: [], count: 6)
      for _ in 0..<200 {
        let ease = stream.uniform(0.3, 0.9)
        for seed in 0..<6 {
          right[seed].append(stream.uniformDouble() < ease + shifts[seed] ? 1 : 0)
        }
      }
      let means: [Double] = (0..<200).map { at in
        let first = right[..<3].reduce(0.0) { $0 + $1[at] }
        return (first - right[3...].reduce(0.0) { $0 + $1[at] }) / 3
      }
      let deviation = Spread(means).deviation
      let accuracies: [Double] = right.map { $0.reduce(0, +) / 200 }
      let difference = SeededDifference(
        first: Array(accuracies[..<3]), second: Array(accuracies[3...]),
        sampleVariance: deviation * deviation / 200, imageCount: 200)
      if difference.interval.low <= 0 && 0 <= difference.interval.high { covered += 1 }
    }
    #expect(Double(covered) / Double(repetitions) > 0.95 - 2 * noise(0.95, repetitions))
  }
}
