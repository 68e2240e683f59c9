import CounterRandom
import Evaluation
import Foundation
import TestSupport
import Testing

/// Values of scipy and statsmodels, made by `Tests/References/significance.py`.
private struct Reference: Decodable {
  struct Wilson: Decodable { let successes, count: Int, low, high: Double }
  struct McNemar: Decodable { let onlyFirst, onlySecond: Int, p, midP: Double }
  struct Student: Decodable { let freedom: Int, probability, quantile: Double }
  struct Summary: Decodable {
    let values: [Double], confidence, mean, deviation, low, high: Double
  }
  struct Holm: Decodable { let values, adjusted: [Double] }
  struct Bootstrap: Decodable { let estimate, deviation, low, high: Double }
  struct Skewed: Decodable { let values: [Double], estimate, deviation, low, high: Double }
  struct Swapped: Decodable { let first, second: [Double], p: Double }
  struct Noncentral: Decodable { let shift, critical, freedom, power: Double }
  let skewed: Skewed, swapped: [Swapped], noncentral: [Noncentral]
  let wilson: [Wilson], mcnemar: [McNemar], student: [Student], spread: [Summary]
  let holm: [Holm], bootstrap: Bootstrap

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/significance.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func resampled(
  _ terms: [Double], resamples: Int, seed: UInt64
) throws -> Bootstrap.Outcome {
  let own = Bootstrap(
    MeanOverImages(terms, of: Array(terms.indices), named: "mean"), resampleCount: resamples,
    seed: seed)
  return try #require(own["mean"])
}

private func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
  abs(a - b) <= tolerance * max(1e-12, abs(b))
}

@Suite("Statistics", .timeLimit(.minutes(5)))
struct StatisticsTests {
  @Test("Wilson's intervals equal those of statsmodels")
  func wilson() throws {
    for row in try Reference.load().wilson {
      let interval = Proportions.wilson(successes: row.successes, of: row.count)
      #expect(abs(interval.low - row.low) < 1e-12, "\(row)")
      #expect(abs(interval.high - row.high) < 1e-12, "\(row)")
    }
    #expect(Proportions.wilson(successes: 0, of: 0) == Interval(low: 0, high: 1))
  }

  @Test("McNemar's exact p-values equal those of statsmodels, for few and for many images")
  func mcNemar() throws {
    for row in try Reference.load().mcnemar {
      let p = Proportions.mcNemar(onlyFirst: row.onlyFirst, onlySecond: row.onlySecond)
      #expect(isClose(p, row.p, 1e-8), "\(row), got \(p)")
      #expect(p == Proportions.mcNemar(onlyFirst: row.onlySecond, onlySecond: row.onlyFirst))
      let middle = Proportions.mcNemar(onlyFirst: row.onlyFirst, onlySecond: row.onlySecond, .midP)
      #expect(isClose(middle, row.midP, 1e-8), "\(row), got \(middle)")
    }
    #expect(Proportions.mcNemar(onlyFirst: 0, onlySecond: 0) == 1)
  }

  @Test("Quantiles of Student's t equal those of scipy and invert its distribution")
  func student() throws {
    for row in try Reference.load().student {
      let quantile = StudentT.quantile(row.probability, freedom: Double(row.freedom))
      #expect(isClose(quantile, row.quantile, 1e-9), "\(row), got \(quantile)")
      let back = StudentT.cumulative(quantile, freedom: Double(row.freedom))
      #expect(abs(back - row.probability) < 1e-13, "\(row)")
      #expect(StudentT.quantile(1 - row.probability, freedom: Double(row.freedom)) <= 0)
    }
  }

  @Test("The interval over seeds equals scipy's, and one seed has none")
  func spread() throws {
    for row in try Reference.load().spread {
      let spread = Spread(row.values)
      let interval = try #require(spread.interval(confidence: row.confidence))
      #expect(isClose(spread.mean, row.mean, 1e-14))
      #expect(isClose(spread.deviation, row.deviation, 1e-10))
      #expect(isClose(interval.low, row.low, 1e-10))
      #expect(isClose(interval.high, row.high, 1e-10))
    }
    #expect(Spread([0.75]).interval() == nil)
    #expect(Spread([0.75]).deviation.isNaN)
  }

  @Test("Holm's adjusted values equal those of statsmodels")
  func holm() throws {
    for row in try Reference.load().holm {
      for (own, expected) in paired(Holm(row.values).adjusted, row.adjusted) {
        #expect(isClose(own, expected, 1e-14), "\(row)")
      }
    }
    #expect(Holm([]).adjusted.isEmpty)
  }

  @Test("A p-value is below the level of its step exactly when the corrected one is below 5 %")
  func levels() {
    for number in 0..<200 {
      var stream = RandomStream(seed: 5, purpose: .test, sample: number)
      let values = (0..<1 + stream.below(9)).map { _ in stream.uniformDouble() * 0.06 }
      let holm = Holm(values, 0.05)
      for at in values.indices {
        #expect((values[at] < holm.levels[at]) == (holm.adjusted[at] < 0.05), "\(values)")
      }
    }
    #expect(Holm([0.001, 0.04, 0.03]).levels == [0.05 / 3, 0.025, 0.025])
  }

  @Test("The power of a test by Student's t is that of scipy's noncentral t")
  func noncentral() throws {
    for row in try Reference.load().noncentral {
      let own = StudentT.power(of: row.shift, critical: row.critical, freedom: row.freedom)
      #expect(abs(own - row.power) < 1e-6, "\(row), got \(own)")
      guard row.shift > 0 else { continue }
      let significance = 2 * StudentT.cumulative(-row.critical, freedom: row.freedom)
      let shift = StudentT.detectable(
        significance: significance, power: row.power, freedom: row.freedom)
      #expect(abs(shift - row.shift) < 1e-3 * row.shift, "\(row), got \(shift)")
    }
  }

  /// The outcomes that the reference script resampled.
  private func outcomes() -> [Double] {
    let first = DeterministicFill.values("bootstrap.first", count: 2000).map { $0 > -0.5 ? 1.0 : 0 }
    let changed = DeterministicFill.values("bootstrap.changed", count: 2000).map { $0 > 0.8 }
    return zip(first, changed).map { $1 ? $0 : 0.5 }
  }

  @Test("The bootstrap finds numpy's studentised interval up to its own noise")
  func bootstrap() throws {
    let reference = try Reference.load()
    for (terms, deviation, low, high, estimate) in [
      (
        outcomes(), reference.bootstrap.deviation, reference.bootstrap.low,
        reference.bootstrap.high,
        reference.bootstrap.estimate
      ),
      (
        reference.skewed.values, reference.skewed.deviation, reference.skewed.low,
        reference.skewed.high, reference.skewed.estimate
      ),
    ] {
      let own = try resampled(terms, resamples: 10_000, seed: 3)
      #expect(isClose(own.estimate, estimate, 1e-12))
      // With 10 000 resamples the deviation is known to 1 %, a percentile to about 3 % of it.
      #expect(abs(own.standardError - deviation) < 0.04 * deviation)
      let interval = try #require(own.interval)
      #expect(abs(interval.low - low) < 0.12 * deviation, "\(interval)")
      #expect(abs(interval.high - high) < 0.12 * deviation, "\(interval)")
    }
  }

  @Test("The bootstrap repeats for a seed, changes with it, and gives no interval for few images")
  func bootstrapLaws() throws {
    let terms = outcomes()
    let once = try resampled(terms, resamples: 300, seed: 1)
    let again = try resampled(terms, resamples: 300, seed: 1)
    let other = try resampled(terms, resamples: 300, seed: 2)
    #expect(once == again)
    #expect(once.interval != other.interval)
    let few = try resampled(Array(terms.prefix(20)), resamples: 100, seed: 1)
    #expect(few.interval == nil && few.standardError >= 0)
  }

  // MARK: Swaps

  @Test("All swaps of few images give scipy's exact permutation test")
  func swaps() throws {
    for row in try Reference.load().swapped {
      let test = SwapTest(
        means: row.first, minus: row.second, named: "mean", drawCount: 5000, seed: 1)
      let difference = try #require(test["mean"])
      #expect(isClose(difference.pValue, row.p, 1e-12), "\(row), got \(difference.pValue)")
    }
  }

  @Test("The fast swaps of a mean equal those that compute everything anew")
  func fastMeans() throws {
    for count in [9, 40] {
      let first = DeterministicFill.values("swap.first", count: count).map(Double.init)
      let second = DeterministicFill.values("swap.second", count: count).map { Double($0) - 0.2 }
      let images = Array(0..<count)
      let slow = SwapTest(
        MeanOverImages(first, of: images, named: "mean"),
        minus: MeanOverImages(second, of: images, named: "mean"), drawCount: 400, seed: 3)["mean"]
      let fast = SwapTest(
        means: first, minus: second, named: "mean", drawCount: 400, seed: 3)["mean"]
      let (a, b) = (try #require(slow), try #require(fast))
      #expect(
        isClose(a.estimate, b.estimate, 1e-12) && isClose(a.standardError, b.standardError, 1e-9))
      #expect(a.pValue == b.pValue)
      for level in [0.01, 0.05, 0.1] {
        let (own, other) = (
          a.test, b.test
        )
        guard case .studentized(let x) = own, case .studentized(let y) = other else { return }
        #expect(isClose(x.critical(level), y.critical(level), 1e-9))
      }
    }
  }

  @Test("An interval holds 0 exactly when its test does not reject, at every level")
  func consistency() {
    for number in 0..<300 {
      var stream = RandomStream(seed: 6, purpose: .test, sample: number)
      let shift = stream.uniform(-0.4, 0.4)
      let first = (0..<60).map { _ in stream.normal() + shift }
      let second = first.map { _ in stream.normal() }
      let swaps = SwapTest(
        means: first, minus: second, named: "mean", drawCount: 199, seed: UInt64(number))["mean"]
      let seeded = SeededDifference(first: [first, second], second: [second, second.reversed()])
      let count = 40 + stream.below(100)
      let (b, c) = (stream.below(20), stream.below(20))
      let pair = PairedProportions(onlyFirst: b, onlySecond: c, count: count)
      for difference in [
        swaps, seeded.difference, PairedDifference(pair), PairedDifference(pair, .midP),
      ].compactMap({ $0 }) {
        for level in [0.2, 0.05, 0.01, 0.001, 1e-5] {
          guard let interval = difference.interval(significance: level) else { continue }
          let holds = interval.low <= 0 && 0 <= interval.high
          #expect(holds == (difference.pValue >= level), "\(difference.estimate), \(level)")
          #expect(interval.low <= difference.estimate && difference.estimate <= interval.high)
        }
        // 90 % inside of the margin is equivalence at 5 %.
        if let inner = difference.interval(significance: 0.1) {
          let margin = 0.3
          let isInside = -margin < inner.low && inner.high < margin
          #expect(isInside == (difference.equivalencePValue(margin: margin) < 0.05))
        }
      }
    }
  }

  @Test("Swaps depend on the seed alone, and one way of swapping in many is (b + 1) / (m + 1)")
  func swapLaws() throws {
    let first = [Double](repeating: 1, count: 40)
    let second = (0..<40).map { $0 == 0 ? 0.5 : 0.0 }
    func test(_ seed: UInt64) -> PairedDifference? {
      SwapTest(means: first, minus: second, named: "mean", drawCount: 99, seed: seed)["mean"]
    }
    let own = try #require(test(1))
    #expect(own == test(1) && own != test(2))
    #expect(own.pValue == 0.01)
    #expect(own.detectable(significance: 0.001) == .infinity)
    let same = SwapTest(means: first, minus: first, named: "mean", drawCount: 99, seed: 1)["mean"]
    #expect(same?.pValue == 1 && same?.interval() == nil)
  }

  @Test("A total defeat is a total victory seen from the other side", arguments: [3, 60])
  func signs(count: Int) throws {
    let (all, none) = ([Double](repeating: 1, count: count), [Double](repeating: 0, count: count))
    func test(_ a: [Double], _ b: [Double]) throws -> PairedDifference {
      try #require(SwapTest(means: a, minus: b, named: "m", drawCount: 99, seed: 1)["m"])
    }
    let (won, lost) = (try test(all, none), try test(none, all))
    #expect(won.pValue == lost.pValue && won.pValue == (count == 3 ? 0.25 : 0.01))
    #expect(won.estimate == 1 && lost.estimate == -1)
  }

  @Test("Intervals hold numbers near 1, of classes with few images too, and none is certain")
  func ends() throws {
    func held(_ truth: Double, _ make: (inout RandomStream) -> any ResampledMetric) -> Int {
      (0..<200).count { sample in
        var stream = RandomStream(seed: 3, purpose: .test, sample: sample)
        let own = make(&stream)
        let outcome = Bootstrap(own, resampleCount: 400, seed: UInt64(sample))[own.metricNames[0]]
        return outcome?.interval.map { $0.low <= truth && truth <= $0.high } ?? false
      }
    }
    func share(_ p: Double, _ count: Int, _ stream: inout RandomStream) -> [Bool] {
      (0..<count).map { _ in stream.uniformDouble() < p }
    }
    for p in [0.8, 0.95, 0.99] {
      let count = held(p) { stream in
        let terms = share(p, 100, &stream).map { $0 ? 1.0 : 0 }
        return MeanOverImages(terms, of: Array(0..<100), named: "mean")
      }
      #expect(count >= 181, "\(p): held \(count) of 200")
    }
    // One class has ten of 300 images.
    for p in [0.8, 0.95] {
      let count = held((1 + p) / 2) { stream in
        let right = [Bool](repeating: true, count: 290) + share(p, 10, &stream)
        return MeanClassAccuracy(
          images: Array(0..<300), labels: (0..<300).map { $0 < 290 ? 0 : 1 }, right: right)
      }
      #expect(count >= 181, "\(p) of ten: held \(count) of 200")
    }
    let perfect = try resampled([Double](repeating: 1, count: 120), resamples: 50, seed: 1)
    let interval = try #require(perfect.interval)
    #expect(isClose(interval.low, pow(0.025, 1 / 120.0), 1e-12) && interval.high == 1)
  }

  @Test("One training against several: the several's spread counts, equal ones are called 1 in 20")
  func oneAgainstSeveral() {
    var claims = 0
    for sample in 0..<400 {
      var stream = RandomStream(seed: 8, purpose: .test, sample: sample)
      let ease = (0..<200).map { _ in 0.3 * stream.normal() }
      func training(_ luck: Double) -> [Double] {
        ease.map { $0 + luck + 0.1 * stream.normal() }
      }
      let one = training(0)
      let several = (0..<4).map { _ in training(0.05 * stream.normal()) }
      let turned = SeededDifference(first: several, second: [one]).difference
      let own = SeededDifference(first: [one], second: several)
      #expect(abs(own.difference.pValue - turned.pValue) < 1e-12)
      if own.difference.pValue < 0.05 { claims += 1 }
    }
    #expect((6...36).contains(claims), "\(claims) of 400")
  }

  @Test("Few images leave a test few p-values: what it can call at all, and how often it errs")
  func reach() throws {
    // 2 / 2⁶ is the first below 5 %, 1 / 2⁵ of the mid-p form; of 24 tests 2 / 2¹⁰ is.
    #expect(PairedProportions.fewestDisagreements(0.05) == 6)
    #expect(PairedProportions.fewestDisagreements(0.05, .midP) == 5)
    #expect(PairedProportions.fewestDisagreements(0.05 / 24) == 10)
    for form in McNemar.allCases {
      for count in [0, 4, 5, 6, 9, 24, 61] {
        let pair = PairedProportions(onlyFirst: count / 3, onlySecond: count - count / 3, count: 90)
        // All tables of so many disagreements of equal methods, by Pascal's row of their chances.
        var chances = [1.0]
        for _ in 0..<count {
          chances = zip([0] + chances, chances + [0]).map { ($0 + $1) / 2 }
        }
        let rejected = chances.enumerated().reduce(0) { sum, entry in
          let p = Proportions.mcNemar(
            onlyFirst: entry.offset, onlySecond: count - entry.offset, form)
          return p < 0.05 ? sum + entry.element : sum
        }
        #expect(abs(pair.attainedSignificance(0.05, form) - rejected) < 1e-12)
        let canCall = PairedDifference(pair, form).leastPValue < 0.05
        #expect(canCall == (count >= PairedProportions.fewestDisagreements(0.05, form)))
        #expect(canCall == (rejected > 0))
      }
    }
    // Four images are swapped in eight ways.
    let four = SwapTest(
      means: [0.9, 0.8, 0.7, 0.6], minus: [0.1, 0.3, 0.2, 0.5], named: "mean", drawCount: 99,
      seed: 1)["mean"]
    #expect(four?.leastPValue == 1.0 / 8 && four?.pValue == 1.0 / 8)
    let trained = SeededDifference(first: [[0, 1], [1, 1]], second: [[0, 0], [1, 0]]).difference
    #expect(trained.leastPValue == 0)
  }

  @Test("Four words: better and worse by the difference, equivalent by the margin, else undecided")
  func verdicts() {
    func word(_ b: Int, _ c: Int, _ count: Int, margin: Double?) -> Verdict {
      Verdict(
        PairedDifference(PairedProportions(onlyFirst: b, onlySecond: c, count: count)),
        margin: margin)
    }
    #expect(word(30, 5, 200, margin: 0.01) == .better)
    #expect(word(5, 30, 200, margin: 0.01) == .worse)
    #expect(word(10, 11, 200, margin: 0.01) == .undecided)
    #expect(word(10, 11, 20000, margin: 0.01) == .equivalent)
    #expect(word(10, 11, 20000, margin: nil) == .undecided)
    let turned = Verdict(
      PairedDifference(PairedProportions(onlyFirst: 30, onlySecond: 5, count: 200)), margin: nil,
      moreIsBetter: false)
    #expect(turned == .worse)
  }
}
