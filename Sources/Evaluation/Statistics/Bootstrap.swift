import CounterRandom

/// How sure numbers are, or how far those of two methods differ, by resampling the images.
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
public struct Bootstrap: Sendable, Equatable {
  /// One number's outcome.
  public struct Outcome: Sendable, Equatable {
    /// The number on all images; of two methods first minus second.
    public let estimate: Double
    /// The percentile interval.
    public let interval: Interval
    /// The deviation of the resampled numbers.
    public let standardError: Double
    /// The two-sided p-value of the number being 0: of two methods not differing.
    public let pValue: Double

    /// Wraps an outcome, as one that was kept.
    public init(estimate: Double, interval: Interval, standardError: Double, pValue: Double) {
      self.estimate = estimate
      self.interval = interval
      self.standardError = standardError
      self.pValue = pValue
    }
  }

  /// The outcomes by the numbers' names; a number that does not exist has none.
  public let outcomes: [String: Outcome]
  /// How many resamples were drawn.
  public let resampleCount: Int

  /// The outcome of a number.
  public subscript(_ name: String) -> Outcome? { outcomes[name] }

  /// Resamples the images of one method, or of two in pairs.
  ///
  /// - Parameters:
  ///   - own: The numbers; of two methods the first.
  ///   - other: The method that is subtracted; nil for none.
  ///   - confidence: The part of the resampled numbers inside the interval.
  /// - Precondition: both have the same images, at least one, and the same numbers;
  ///   `resampleCount ≥ 2`.
  public init(
    _ own: any ResampledMetric, minus other: (any ResampledMetric)? = nil,
    resampleCount: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) {
    precondition(
      other.map { $0.images == own.images && $0.metricNames == own.metricNames } ?? true,
      "only numbers of the same images can be compared")
    let count = own.images.count
    precondition(count > 0, "a bootstrap needs an image")
    precondition(resampleCount >= 2, "a bootstrap needs 2 resamples, got \(resampleCount)")
    precondition(
      confidence > 0 && confidence < 1, "the confidence is a fraction in 0...1, got \(confidence)")
    @Sendable func numbers(_ weights: [Int32]) -> [Double] {
      let values = own.values(weights: weights)
      return other.map { zip(values, $0.values(weights: weights)).map { $0 - $1 } } ?? values
    }
    let estimates = numbers([Int32](repeating: 1, count: count))
    let resamples = threadMap(resampleCount) { number in
      numbers(Self.weights(seed: seed, number: number, imageCount: count))
    }
    var outcomes: [String: Outcome] = [:]
    for (at, name) in own.metricNames.enumerated() {
      // A resample without any labelled object has no number; it says nothing and is left out.
      let drawn = resamples.map { $0[at] }.filter(\.isFinite)
      guard estimates[at].isFinite, drawn.count >= 2 else { continue }
      outcomes[name] = Self.outcome(estimates[at], drawn.sorted(), confidence, imageCount: count)
    }
    self.outcomes = outcomes
    self.resampleCount = resampleCount
  }

  /// How often a resample holds each image.
  static func weights(seed: UInt64, number: Int, imageCount: Int) -> [Int32] {
    var weights = [Int32](repeating: 0, count: imageCount)
    var stream = RandomStream(seed: seed, purpose: .bootstrap, sample: number)
    for _ in 0..<imageCount { weights[stream.below(imageCount)] += 1 }
    return weights
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
        low: percentile((1 - confidence) / 2, of: sorted),
        high: percentile((1 + confidence) / 2, of: sorted)),
      standardError: error, pValue: min(1, 2 * tail))
  }

  /// Linear between the neighbouring ones of the sorted values.
  private static func percentile(_ fraction: Double, of sorted: [Double]) -> Double {
    let position = fraction * Double(sorted.count - 1)
    let below = min(Int(position), sorted.count - 1)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }
}
