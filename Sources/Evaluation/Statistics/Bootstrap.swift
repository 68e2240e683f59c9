import CounterRandom
import Foundation
import Threads

/// How sure the numbers of one method are, by resampling the images.
///
/// The interval is the studentised bootstrap's on the scale φ = asin √θ, where the error of a fraction
/// does not vanish towards 0 and 1: every resample is held against its own standard error,
///
///     t* = (φ* − φ) / error*,   interval = [φ − t*(97.5 %) · error, φ − t*(2.5 %) · error]
///
/// so that it follows skewness and bias of the number; by simulation it covers better than
/// bias-corrected percentiles (BCa): AP of 100 images 93 times in 100 rather than 90. A resample of
/// equal images has no error of its own and takes that of all images. Where resamples show no spread
/// to one side, the bound there is what a kind of image can do that is too rare to have been seen: of n
/// images without one its share is below u = 1 − 0.025^(1/n) (Clopper and Pearson 1934). The draws depend on the seed and the number of the resample alone. A category without objects in a
/// resample leaves the mean of that resample, as it leaves that of an evaluator on those images.
///
/// Two methods are compared by `SwapTest`, not here.
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 12.5 and 12.6.
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

  /// Images below which no interval of a single AP or mIoU is given, because none covers as it should.
  ///
  /// See `reports/simulation.md`. Differences are better known: what is hard is common to both.
  public static let fewestImages = 100

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
    let resamples = threadMap(resampleCount) { number -> [Draw] in
      let weights = Self.weights(seed: seed, number: number, imageCount: count)
      return own.linearizations(weights: weights).map { Draw($0, weights) }
    }
    let supports = own.supports
    var outcomes: [String: Outcome] = [:]
    for (at, name) in own.metricNames.enumerated() {
      // A resample without any labelled object has no number; it says nothing and is left out.
      let drawn = resamples.map { $0[at] }.filter(\.value.isFinite)
      guard whole[at].value.isFinite, drawn.count >= 2 else { continue }
      outcomes[name] = Outcome(
        estimate: whole[at].value,
        interval: count < Self.fewestImages
          ? nil
          : Self.interval(
            Draw(whole[at], [Int32](repeating: 1, count: count)), drawn, confidence,
            support: supports[at]),
        standardError: Spread(drawn.map(\.value)).deviation)
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

  /// A number and its standard error.
  struct Draw: Sendable {
    let value: Double, error: Double

    /// The error by the number's slopes.
    init(_ number: Linearization, _ weights: [Int32]) {
      value = number.value
      let count = Double(weights.count)
      let squares = zip(number.slopes, weights).reduce(0) { $0 + Double($1.1) * $1.0 * $1.0 }
      error = (squares * count / (count - 1)).squareRoot()
    }

    /// asin √value.
    var angle: Double { asin(min(1, max(0, value)).squareRoot()) }
    /// The error of the angle; nil where it cannot be told.
    var angleError: Double? {
      let slope = 2 * (value * (1 - value)).squareRoot()
      return error > 0 && slope > 0 ? error / slope : nil
    }
  }

  /// The interval of a number by its resamples.
  ///
  /// - Parameter support: Images that the number rests on.
  static func interval(
    _ whole: Draw, _ drawn: [Draw], _ confidence: Double, support: Int
  ) -> Interval {
    // A kind of image that is worth nothing, or everything.
    let share = 1 - pow((1 - confidence) / 2, 1 / Double(max(1, support)))
    let unseen = Interval(
      low: whole.value * (1 - share), high: whole.value + (1 - whole.value) * share)
    guard let error = whole.angleError else { return unseen }
    let studentized = drawn.map { ($0.angle - whole.angle) / ($0.angleError ?? error) }.sorted()
    func bound(_ probability: Double) -> Double {
      let angle = whole.angle - percentile(probability, of: studentized) * error
      let root = sin(min(.pi / 2, max(0, angle)))
      return root * root
    }
    let (low, high) = (bound((1 + confidence) / 2), bound((1 - confidence) / 2))
    return Interval(
      low: low < whole.value ? low : unseen.low, high: high > whole.value ? high : unseen.high)
  }

  /// Linear between the neighbouring ones of the sorted values.
  private static func percentile(_ fraction: Double, of sorted: [Double]) -> Double {
    let position = min(max(fraction, 0), 1) * Double(sorted.count - 1)
    let below = min(Int(position), sorted.count - 1)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }
}
