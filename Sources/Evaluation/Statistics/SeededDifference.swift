import Foundation

/// The difference of two methods of which at least one was run with several seeds.
///
/// Two things make such a difference uncertain: which images were drawn, and which seeds. Their
/// variances add up:
///
///     variance = sample + seed₁ / n₁ + seed₂ / n₂
///
/// where `sample` is the variance of the difference of the seeds' means over images. The test is
/// Welch's t-test with Satterthwaite's degrees of freedom. What the seeds do to single images is in
/// both parts, so the interval is a little too wide rather than too narrow.
///
/// Source: Satterthwaite 1946; Welch 1947.
public struct SeededDifference: Sendable, Equatable {
  /// The difference of the means, first minus second.
  public let estimate: Double
  /// The variance of the estimate due to the images, and due to the seeds.
  public let sampleVariance: Double, seedVariance: Double
  /// Satterthwaite's degrees of freedom, rounded down.
  public let freedom: Int
  /// Whether one side had a single seed, for which the other side's deviation stands in.
  public let borrowsDeviation: Bool

  /// Combines images and seeds.
  ///
  /// - Parameters:
  ///   - first: The number of each seed of the first method.
  ///   - second: The second method's.
  ///   - sampleVariance: The squared standard error over images of the means' difference.
  ///   - imageCount: Images behind it.
  /// - Precondition: one side has two seeds, the other at least one; there are two images.
  public init(first: [Double], second: [Double], sampleVariance: Double, imageCount: Int) {
    precondition(
      max(first.count, second.count) > 1 && min(first.count, second.count) > 0 && imageCount > 1,
      "\(first.count) and \(second.count) seeds, \(imageCount) images")
    let (a, b) = (Spread(first), Spread(second))
    let deviations = [a, b].map(\.deviation)
    borrowsDeviation = deviations.contains { $0.isNaN }
    func part(_ own: Spread, _ other: Spread) -> (variance: Double, freedom: Double) {
      let source = own.deviation.isNaN ? other : own
      return (
        source.deviation * source.deviation / Double(own.values.count),
        Double(source.values.count - 1)
      )
    }
    let seeds = [part(a, b), part(b, a)]
    estimate = a.mean - b.mean
    self.sampleVariance = sampleVariance
    seedVariance = seeds[0].variance + seeds[1].variance
    let total = sampleVariance + seedVariance
    let spread =
      seeds.reduce(sampleVariance * sampleVariance / Double(imageCount - 1)) {
        $0 + $1.variance * $1.variance / $1.freedom
      }
    // Numbers of a damaged file may leave nothing to divide.
    let quotient = total * total / spread
    freedom = quotient >= 0 && quotient < 1e15 ? max(1, Int(quotient)) : imageCount - 1
  }

  /// The standard error of the estimate.
  public var standardError: Double { (sampleVariance + seedVariance).squareRoot() }

  /// The part of the variance that more seeds, not more images, would take away.
  public var seedShare: Double {
    let total = sampleVariance + seedVariance
    return total > 0 ? seedVariance / total : 0
  }

  /// The two-sided p-value of no difference.
  public var pValue: Double {
    guard standardError > 0 else { return estimate == 0 ? 1 : 0 }
    return 2 * StudentT.cumulative(-abs(estimate) / standardError, freedom: freedom)
  }

  /// The 95 % interval of the difference.
  public var interval: Interval {
    let half = StudentT.quantile(0.975, freedom: freedom) * standardError
    return Interval(low: estimate - half, high: estimate + half)
  }
}
