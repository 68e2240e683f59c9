import Evaluation
import Foundation
import TestSupport
import Testing

/// Values of scipy and statsmodels, made by `Tests/References/significance.py`.
private struct Reference: Decodable {
  struct Wilson: Decodable { let successes, count: Int, low, high: Double }
  struct McNemar: Decodable { let onlyFirst, onlySecond: Int, p: Double }
  struct Student: Decodable { let freedom: Int, probability, quantile: Double }
  struct Summary: Decodable {
    let values: [Double], confidence, mean, deviation, low, high: Double
  }
  struct Holm: Decodable { let values, adjusted: [Double] }
  struct Bootstrap: Decodable { let estimate, deviation, low, high: Double }
  let wilson: [Wilson], mcnemar: [McNemar], student: [Student], spread: [Summary]
  let holm: [Holm], bootstrap: Bootstrap

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/significance.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func resampled(
  _ first: [Double], _ second: [Double], resamples: Int, seed: UInt64
) throws -> Bootstrap.Outcome {
  let own = Bootstrap(
    WeightedMean(outcomes: first), minus: WeightedMean(outcomes: second), resampleCount: resamples,
    seed: seed)
  return try #require(own["mean"])
}

private func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
  abs(a - b) <= tolerance * max(1e-12, abs(b))
}

@Suite("Statistics", .timeLimit(.minutes(1)))
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
    }
    #expect(Proportions.mcNemar(onlyFirst: 0, onlySecond: 0) == 1)
  }

  @Test("Quantiles of Student's t equal those of scipy and invert its distribution")
  func student() throws {
    for row in try Reference.load().student {
      let quantile = StudentT.quantile(row.probability, freedom: row.freedom)
      #expect(isClose(quantile, row.quantile, 1e-9), "\(row), got \(quantile)")
      let back = StudentT.cumulative(quantile, freedom: row.freedom)
      #expect(abs(back - row.probability) < 1e-13, "\(row)")
      #expect(StudentT.quantile(1 - row.probability, freedom: row.freedom) <= 0)
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
      for (own, expected) in paired(Proportions.holm(row.values), row.adjusted) {
        #expect(isClose(own, expected, 1e-14), "\(row)")
      }
    }
    #expect(Proportions.holm([]).isEmpty)
  }

  /// The outcomes that the reference script resampled.
  private func outcomes() -> (first: [Double], second: [Double]) {
    let first = DeterministicFill.values("bootstrap.first", count: 2000).map { $0 > -0.5 ? 1.0 : 0 }
    let changed = DeterministicFill.values("bootstrap.changed", count: 2000).map { $0 > 0.8 }
    return (first, zip(first, changed).map { $1 ? 1 - $0 : $0 })
  }

  @Test("The paired bootstrap finds scipy's interval up to its own noise")
  func bootstrap() throws {
    let reference = try Reference.load().bootstrap
    let (first, second) = outcomes()
    let own = try resampled(first, second, resamples: 10_000, seed: 3)
    #expect(isClose(own.estimate, reference.estimate, 1e-12))
    // With 10 000 resamples the deviation is known to 1 %, a percentile to about 3 % of it.
    #expect(abs(own.standardError - reference.deviation) < 0.04 * reference.deviation)
    #expect(abs(own.interval.low - reference.low) < 0.12 * reference.deviation)
    #expect(abs(own.interval.high - reference.high) < 0.12 * reference.deviation)
  }

  @Test("The paired bootstrap repeats for a seed, changes with it, and turns with its arguments")
  func bootstrapLaws() throws {
    let (first, second) = outcomes()
    let once = try resampled(first, second, resamples: 300, seed: 1)
    let again = try resampled(first, second, resamples: 300, seed: 1)
    let other = try resampled(first, second, resamples: 300, seed: 2)
    let turned = try resampled(second, first, resamples: 300, seed: 1)
    #expect(once == again)
    #expect(once.interval != other.interval)
    #expect(abs(turned.interval.low + once.interval.high) < 1e-12)
    let same = try resampled(first, first, resamples: 10, seed: 1)
    #expect(same.interval == Interval(low: 0, high: 0))
  }
}
