import CounterRandom

/// Numbers that stored outcomes give again for any multiset of their images.
///
/// AP and mIoU are no means over images, so resampling them needs more than one value an image:
/// matches, or pixel counts. A type that keeps those can be compared by `PairedResampling`.
public protocol ResampledMetric: Sendable {
  /// The images in the order of the weights, each once: their positions in the data set.
  var images: [Int] { get }
  /// What `values` gives, in its order: `mIoU`, `bbox/AP`.
  var metricNames: [String] { get }
  /// The numbers when each image counts as often as its weight says; NaN where there is none.
  ///
  /// - Parameter weights: One count of 0 or more an image.
  func values(weights: [Int32]) -> [Double]
}

/// The mean of the numbers of several seeds, image by image under the same weights.
public struct MeanOfSeeds: ResampledMetric {
  private let seeds: [any ResampledMetric]

  /// Averages seeds.
  ///
  /// - Precondition: there is one, and all have the same images and numbers.
  public init(_ seeds: [any ResampledMetric]) {
    precondition(!seeds.isEmpty, "no seeds to average")
    precondition(
      seeds.allSatisfy { $0.images == seeds[0].images && $0.metricNames == seeds[0].metricNames },
      "seeds of other images or numbers cannot be averaged")
    self.seeds = seeds
  }

  public var images: [Int] { seeds[0].images }
  public var metricNames: [String] { seeds[0].metricNames }

  public func values(weights: [Int32]) -> [Double] {
    var sums = seeds[0].values(weights: weights)
    for seed in seeds.dropFirst() {
      for (at, value) in seed.values(weights: weights).enumerated() { sums[at] += value }
    }
    return sums.map { $0 / Double(seeds.count) }
  }
}

/// How far two methods differ in numbers that are no means, by resampling their images.
///
/// Both methods get the same draws, so what is hard for both cancels out. The draws depend on the
/// seed and the number of the resample alone.
///
/// The p-value is the two-sided achieved significance of the percentile interval. B resamples
/// resolve it down to 2 / (B + 1); where none lies on the other side of zero, Student's t with the
/// bootstrap's standard error and n − 1 degrees of freedom says how much smaller it is. Otherwise a
/// correction over many tests could not call any difference, however large.
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 13.3 and 15.4.
public struct PairedResampling: Sendable, Equatable {
  /// One number's outcome.
  public struct Outcome: Sendable, Equatable {
    /// First minus second on all images.
    public let estimate: Double
    /// The percentile interval.
    public let interval: Interval
    /// The deviation of the resampled differences.
    public let standardError: Double
    /// The two-sided p-value of no difference.
    public let pValue: Double

    /// Wraps an outcome, as one that was kept.
    public init(estimate: Double, interval: Interval, standardError: Double, pValue: Double) {
      self.estimate = estimate
      self.interval = interval
      self.standardError = standardError
      self.pValue = pValue
    }
  }

  /// One outcome a number, in the order of `metricNames`; nil where a number does not exist.
  public let outcomes: [Outcome?]

  /// Resamples the images of both.
  ///
  /// - Parameter confidence: The part of the resampled differences inside the interval.
  /// - Precondition: both have the same images, at least one, and the same numbers;
  ///   `resampleCount ≥ 2`.
  public init(
    first: any ResampledMetric, second: any ResampledMetric, resampleCount: Int = 1000,
    confidence: Double = 0.95, seed: UInt64
  ) {
    precondition(
      first.images == second.images && first.metricNames == second.metricNames,
      "only numbers of the same images can be compared")
    let count = first.images.count
    precondition(count > 0, "a bootstrap needs an image")
    precondition(resampleCount >= 2, "a bootstrap needs 2 resamples, got \(resampleCount)")
    precondition(
      confidence > 0 && confidence < 1, "the confidence is a fraction in 0...1, got \(confidence)")
    @Sendable func differences(_ weights: [Int32]) -> [Double] {
      zip(first.values(weights: weights), second.values(weights: weights)).map { $0 - $1 }
    }
    let estimates = differences([Int32](repeating: 1, count: count))
    let resamples = threadMap(resampleCount) { number in
      var weights = [Int32](repeating: 0, count: count)
      var stream = RandomStream(seed: seed, purpose: .bootstrap, sample: number)
      for _ in 0..<count { weights[stream.below(count)] += 1 }
      return differences(weights)
    }
    // A resample without any labelled object has no number; it says nothing and is left out.
    let drawn = estimates.indices.map { at in resamples.map { $0[at] }.filter(\.isFinite) }
    outcomes = zip(estimates, drawn).map { estimate, drawn in
      estimate.isFinite && drawn.count >= 2
        ? Self.outcome(estimate, drawn.sorted(), confidence, imageCount: count) : nil
    }
  }

  /// Resamples the images of one method: its difference to nothing.
  public init(_ metric: any ResampledMetric, resampleCount: Int = 1000, seed: UInt64) {
    self.init(
      first: metric,
      second: Nothing(images: metric.images, metricNames: metric.metricNames),
      resampleCount: resampleCount, seed: seed)
  }

  /// A method all of whose numbers are 0.
  private struct Nothing: ResampledMetric {
    let images: [Int]
    let metricNames: [String]
    func values(weights: [Int32]) -> [Double] { metricNames.map { _ in 0 } }
  }

  private static func outcome(
    _ estimate: Double, _ sorted: [Double], _ confidence: Double, imageCount: Int
  ) -> Outcome {
    let below = sorted.count { $0 <= 0 }
    let above = sorted.count { $0 >= 0 }
    let error = Spread(sorted).deviation
    var tail = Double(min(below, above) + 1) / Double(sorted.count + 1)
    if min(below, above) == 0, error > 0, imageCount > 1 {
      tail = min(tail, StudentT.cumulative(-abs(estimate) / error, freedom: imageCount - 1))
    }
    return Outcome(
      estimate: estimate,
      interval: Interval(
        low: PairedBootstrap.percentile((1 - confidence) / 2, of: sorted),
        high: PairedBootstrap.percentile((1 + confidence) / 2, of: sorted)),
      standardError: error, pValue: min(1, 2 * tail))
  }
}
