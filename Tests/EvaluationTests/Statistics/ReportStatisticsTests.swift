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
  struct McNemarPower: Decodable {
    let difference, disagreement, significance: Double, count: Int, power: Double
  }
  struct Seeded: Decodable {
    let first, second: [[Double]], freedom: Double
    let estimate, low, high, p: Double
  }
  struct Resampled: Decodable {
    let first, second, deviation, low, high, error, p: Double
  }
  let normal: [Quantile], paired: [Paired], power: [McNemarPower], seeded: [Seeded]
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

@Suite("Statistics of a report", .timeLimit(.minutes(5)))
struct ReportStatisticsTests {
  @Test("Normal quantiles equal scipy's, far into the tails")
  func normal() throws {
    for row in try Reference.load().normal {
      let own = Normal.quantile(row.probability)
      #expect(abs(own - row.quantile) <= 1e-12 * max(1, abs(row.quantile)), "\(row), got \(own)")
    }
  }

  @Test("Paired differences of proportions equal scipy's test and Tango's interval by maximisation")
  func paired() throws {
    for row in try Reference.load().paired {
      let pair = PairedProportions(
        onlyFirst: row.onlyFirst, onlySecond: row.onlySecond, count: row.count)
      #expect(isClose(pair.standardError, row.error, 1e-10), "\(row)")
      #expect(isClose(pair.pValue(), row.p, 1e-8), "\(row)")
      // The exact test may reach to 0 where the score does not.
      let interval = pair.interval(significance: 0.05)
      let (low, high) =
        row.p >= 0.05 ? (min(0, row.low), max(0, row.high)) : (row.low, row.high)
      #expect(abs(interval.low - low) < 1e-6, "\(row), got \(interval)")
      #expect(abs(interval.high - high) < 1e-6, "\(row), got \(interval)")
    }
  }

  @Test("The power of McNemar's test is the sum over all tables")
  func mcNemarPower() throws {
    for row in try Reference.load().power {
      let pair = PairedProportions(onlyFirst: 0, onlySecond: 0, count: row.count)
      let own = pair.power(
        of: row.difference, disagreement: row.disagreement, row.significance, .exact)
      #expect(abs(own - row.power) < 0.004, "\(row), got \(own)")
    }
  }

  @Test("Differences over trainings equal the crossed analysis of variance")
  func seeded() throws {
    for row in try Reference.load().seeded {
      let own = SeededDifference(first: row.first, second: row.second)
      let difference = own.difference
      #expect(isClose(difference.estimate, row.estimate, 1e-10), "\(row.p)")
      #expect(isClose(own.freedom, row.freedom, 1e-8), "\(own.freedom), \(row.freedom)")
      #expect(isClose(difference.pValue, row.p, 1e-8), "\(difference.pValue), \(row.p)")
      let interval = try #require(difference.interval())
      #expect(isClose(interval.low, row.low, 1e-8) && isClose(interval.high, row.high, 1e-8))
    }
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

  @Test("Resampled and swapped mIoU find numpy's interval and p-value up to their own noise")
  func resampledIoU() throws {
    let reference = try Reference.load().resampledIoU
    let (first, second) = (counts("miou.first", bonus: 0.02), counts("miou.second", bonus: 0))
    let ones = [Int32](repeating: 1, count: 120)
    #expect(isClose(first.values(weights: ones)[0], reference.first, 1e-12))
    #expect(isClose(second.values(weights: ones)[0], reference.second, 1e-12))
    let outcome = try #require(Bootstrap(first, resampleCount: 4000, seed: 5)["mIoU"])
    #expect(isClose(outcome.estimate, reference.first, 1e-12))
    // 4000 resamples know the deviation to 1.1 %, a 2.5 % percentile to about 4.2 % of it.
    #expect(abs(outcome.standardError - reference.deviation) < 0.05 * reference.deviation)
    let interval = try #require(outcome.interval)
    #expect(abs(interval.low - reference.low) < 0.17 * reference.deviation)
    #expect(abs(interval.high - reference.high) < 0.17 * reference.deviation)
    let swaps = try #require(
      SwapTest(first, minus: second, drawCount: 3999, seed: 5)["mIoU"])
    #expect(isClose(swaps.estimate, reference.first - reference.second, 1e-9))
    // The script takes differences of the counts, this the slopes.
    #expect(isClose(swaps.standardError, reference.error, 1e-3))
    #expect(abs(swaps.pValue - reference.p) < 3 * (reference.p / 4000).squareRoot() + 0.001)
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
@Suite("Coverage of a report's intervals", .timeLimit(.minutes(5)))
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
      let interval = PairedProportions(onlyFirst: gained, onlySecond: lost, count: count)
        .interval(significance: 0.05)
      let truth = onlyFirst - onlySecond
      if interval.low <= truth && truth <= interval.high { covered += 1 }
    }
    let part = Double(covered) / Double(repetitions)
    #expect(part > 0.95 - 0.005 - 4 * noise(0.95, repetitions), "covered \(part)")
    #expect(part < 0.99, "covered \(part)")
  }

  @Test(
    "The interval of a number of several trainings holds it whether images or trainings decide",
    arguments: [(3, 0.0), (3, 0.25), (3, 0.6), (5, 0.25), (2, 0.15)])
  func seededNumber(trainings: Int, spread: Double) {
    let (repetitions, images) = (2000, 50)
    var covered = 0
    for repetition in 0..<repetitions {
      var stream = RandomStream(seed: 12, purpose: .test, sample: repetition)
      let ease = (0..<images).map { _ in stream.normal() }
      let values = (0..<trainings).map { _ -> [Double] in
        let luck = spread * stream.normal()
        return ease.map { $0 + luck + 0.6 * stream.normal() }
      }
      let interval = SeededNumber(values).interval()
      if interval.low <= 0 && 0 <= interval.high { covered += 1 }
    }
    let part = Double(covered) / Double(repetitions)
    #expect((0.935...0.98).contains(part), "covered \(part)")
  }
}

/// A small part of `reports/simulation.md`.
@Suite("Simulated verdicts", .timeLimit(.minutes(5)))
struct SimulationTests {
  @Test(
    "A small simulation of each number: false claims, coverage, equivalence, power as printed",
    arguments: [
      (SimulatedTask.classification, 200, 300), (.segmentation, 60, 120), (.detection, 60, 120),
    ])
  func simulation(task: SimulatedTask, images: Int, repetitions: Int) {
    let truth = SimulatedTruth(task, skills: [-0.2, 0, 0.3, 0.9], sets: 3, images: 2000, seed: 1)
    let found = TestSimulation(
      task, imageCount: images, repetitions: repetitions, drawCount: 100, mcNemar: .midP, seed: 1
    ).run(truth: truth)
    // 120 comparisons know 5 % to 2 %, and 80 % to 3.7 %.
    #expect((0.005...0.11).contains(found.falseClaims), "\(found)")
    #expect((0.89...0.995).contains(found.coverageAtZero), "\(found)")
    #expect((0.89...0.995).contains(found.coverage), "\(found)")
    #expect((0.87...0.995).contains(found.coverageOfNumber), "\(found)")
    #expect((0.0...0.11).contains(found.falseEquivalence), "\(found)")
    #expect((0.65...0.92).contains(found.power), "\(found)")
  }

  @Test("With trainings that differ, claims of a difference stay as rare as they say")
  func trainings() {
    let truth = SimulatedTruth(
      .classification, skills: [-0.2, 0, 0.3, 0.9], hasTrainings: true, sets: 4, images: 2000,
      seed: 2)
    let found = TestSimulation(
      .classification, imageCount: 300, trainingCount: 3, repetitions: 200, seed: 2
    ).run(truth: truth)
    #expect((0.005...0.10).contains(found.falseClaims), "\(found)")
    #expect(found.coverage > 0.90, "\(found)")
    #expect((0.65...0.95).contains(found.power), "\(found)")
  }

  @Test("An interval is cut to the values that are possible")
  func clamped() {
    let wide = Interval(low: -0.03, high: 1.2)
    #expect(wide.clamped(to: 0...1) == Interval(low: 0, high: 1))
    let inside = Interval(low: 0.1, high: 0.4)
    #expect(inside.clamped(to: 0...1) == inside)
    #expect(Interval(low: 1.5, high: 2).clamped(to: 0...1) == Interval(low: 1, high: 1))
  }
}
