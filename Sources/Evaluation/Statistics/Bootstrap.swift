import CounterRandom

/// How sure the numbers of one method are, by resampling the images.
///
/// The interval is bias-corrected and accelerated (BCa): the percentiles move by how far the resampled
/// numbers lie off the number itself, and by how its error changes with its size. The draws depend on
/// the seed and the number of the resample alone. A category without objects in a resample leaves the
/// mean of that resample, as it leaves that of an evaluator on those images.
///
/// Two methods are compared by `SwapTest`, not here.
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 14.3.
public struct Bootstrap: Sendable, Equatable {
  /// One number's outcome.
  public struct Outcome: Sendable, Equatable {
    /// The number on all images.
    public let estimate: Double
    /// The interval; nil where there are too few images for one.
    public let interval: Interval?
    /// The deviation of the resampled numbers.
    public let standardError: Double
  }

  /// The outcomes by the numbers' names; a number that does not exist has none.
  public let outcomes: [String: Outcome]
  /// How many resamples were drawn.
  public let resampleCount: Int

  /// The outcome of a number.
  public subscript(_ name: String) -> Outcome? { outcomes[name] }

  /// Resamples the images of a method.
  ///
  /// - Parameters:
  ///   - confidence: The part of such intervals that hold the number of all images there could be.
  /// - Precondition: there is an image; `resampleCount ≥ 2`.
  public init(
    _ own: any ResampledMetric, resampleCount: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) {
    let count = own.images.count
    precondition(count > 0, "a bootstrap needs an image")
    precondition(resampleCount >= 2, "a bootstrap needs 2 resamples, got \(resampleCount)")
    precondition(
      confidence > 0 && confidence < 1, "the confidence is a fraction in 0...1, got \(confidence)")
    let whole = own.linearizations(weights: [Int32](repeating: 1, count: count))
    let resamples = threadMap(resampleCount) { number in
      own.values(weights: Self.weights(seed: seed, number: number, imageCount: count))
    }
    var outcomes: [String: Outcome] = [:]
    for (at, name) in own.metricNames.enumerated() {
      // A resample without any labelled object has no number; it says nothing and is left out.
      let drawn = resamples.map { $0[at] }.filter(\.isFinite)
      guard whole[at].value.isFinite, drawn.count >= 2 else { continue }
      outcomes[name] = Outcome(
        estimate: whole[at].value,
        interval: count < PairedDifference.fewestImages
          ? nil : Self.interval(whole[at], drawn.sorted(), confidence),
        standardError: Spread(drawn).deviation)
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

  /// The interval of sorted resampled numbers.
  static func interval(
    _ whole: Linearization, _ sorted: [Double], _ confidence: Double
  ) -> Interval {
    let count = Double(sorted.count)
    let below = Double(sorted.count { $0 < whole.value })
    let equal = Double(sorted.count { $0 == whole.value })
    // Numbers that are all on one side would move the bounds to infinity.
    let part = min(max((below + equal / 2) / count, 0.5 / count), 1 - 0.5 / count)
    let bias = Normal.quantile(part)
    let squares = whole.slopes.reduce(0) { $0 + $1 * $1 }
    let cubes = whole.slopes.reduce(0) { $0 + $1 * $1 * $1 }
    let acceleration = squares > 0 ? cubes / (6 * squares * squares.squareRoot()) : 0
    func bound(_ probability: Double) -> Double {
      let z = bias + Normal.quantile(probability)
      return percentile(
        Normal.cumulative(bias + z / (1 - acceleration * z)), of: sorted)
    }
    return Interval(low: bound((1 - confidence) / 2), high: bound((1 + confidence) / 2))
  }

  /// Linear between the neighbouring ones of the sorted values.
  private static func percentile(_ fraction: Double, of sorted: [Double]) -> Double {
    let position = min(max(fraction, 0), 1) * Double(sorted.count - 1)
    let below = min(Int(position), sorted.count - 1)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }
}
