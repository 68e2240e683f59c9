import Evaluation

/// What a test says of a difference, in one word.
public enum Verdict: String, Sendable {
  case better, worse, tie
}

/// A difference to the baseline with what is needed to believe it.
public struct Delta: Sendable, Equatable {
  /// How the p-value and interval came about.
  public enum Method: Sendable, Equatable {
    /// McNemar's exact test on images that only this run, or only the baseline, got right.
    case mcNemar(gained: Int, lost: Int)
    /// Paired bootstrap over images.
    case bootstrap(resamples: Int)
    /// Welch's test on images and seeds.
    case seeds(sampleVariance: Double, seedVariance: Double, freedom: Int, borrows: Bool)
  }

  /// The number that differs.
  public let metric: MetricDescription
  /// The name of the baseline's row.
  public let baseline: String
  /// This row minus the baseline, as a fraction.
  public let estimate: Double
  /// The 95 % interval.
  public let interval: Interval
  /// The deviation of the estimate over repetitions.
  public let standardError: Double
  /// The p-value of this test alone, and after Holm's correction over the report.
  public let pValue: Double
  public internal(set) var adjustedPValue: Double
  /// How they came about.
  public let method: Method
  /// Images that both have outcomes of.
  public let imageCount: Int

  /// The part of repetitions without a difference in which the report may still claim one.
  public static let significance = 0.05

  init(
    metric: MetricDescription, baseline: String, estimate: Double, interval: Interval,
    standardError: Double, pValue: Double,
    method: Method, imageCount: Int
  ) {
    self.metric = metric
    self.baseline = baseline
    self.estimate = estimate
    self.interval = interval
    self.standardError = standardError
    self.pValue = pValue
    adjustedPValue = pValue
    self.method = method
    self.imageCount = imageCount
  }

  /// The word: by Holm's adjusted p-value, so that it holds for the whole report.
  public var verdict: Verdict {
    guard adjustedPValue < Self.significance else { return .tie }
    return (estimate > 0) == metric.moreIsBetter ? .better : .worse
  }

  /// The difference and its interval as tables write them.
  var text: String { metric.unit.difference(estimate) }
  var intervalText: String { metric.unit.differences(interval) }

  /// The true difference that this comparison finds four times out of five, if it is the only one.
  public var detectable: Double { DetectableDifference.smallest(standardError: standardError) }

  /// How the numbers came about, as a sentence without a full stop.
  public var explanation: String {
    switch method {
    case .mcNemar(let gained, let lost):
      return "exact McNemar test on \(imageCount) images: \(gained) right here and wrong in "
        + "\(baseline), \(lost) the other way round; interval by Agresti and Min"
    case .bootstrap(let resamples):
      return "paired bootstrap over \(imageCount) images, \(resamples) resamples, percentile "
        + "interval; a p-value below \(probability(2 / Double(resamples + 1))) is Student's t with "
        + "the bootstrap's standard error"
    case .seeds(let sample, let seed, let freedom, let borrows):
      let share = seed + sample > 0 ? seed / (seed + sample) : 0
      return "Welch's test on \(imageCount) images and the seeds, \(freedom) degrees of freedom; "
        + "\(percentage(share)) % of the variance is due to seeds, the rest to images"
        + (borrows ? "; one side has a single seed, the other's deviation stands in" : "")
    }
  }
}

/// A p-value with two digits that count: `0.0031`, `<0.0001`.
public func probability(_ p: Double) -> String {
  guard p.isFinite else { return "-" }
  if p < 0.0001 { return "<0.0001" }
  let decimals = p < 0.001 ? 5 : p < 0.01 ? 4 : p < 0.1 ? 3 : 2
  return fixed(p, decimals)
}

/// A number with so many decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let whole = (abs(value) * scale).rounded()
  guard whole < 1e15 else { return "\(value)" }
  let digits = String(Int(whole))
  let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  let sign = value < 0 && whole > 0 ? "-" : ""
  return decimals == 0
    ? sign + padded : sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

/// A difference in percentage points with its sign: `+1.30`, `−0.25`, `0.00`.
public func points(_ value: Double) -> String { MetricUnit.percent.difference(value) }
