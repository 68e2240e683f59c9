import Foundation

/// The bounds of an interval.
public struct Interval: Sendable, Equatable {
  /// Lower and upper bound.
  public let low, high: Double

  /// An interval by its bounds.
  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  /// Whether two intervals share a point.
  public func overlaps(_ other: Interval) -> Bool { low <= other.high && other.low <= high }

  /// The part of it that lies in a range of possible values.
  public func clamped(to range: ClosedRange<Double>) -> Interval {
    func within(_ bound: Double) -> Double {
      min(max(bound, range.lowerBound), range.upperBound)
    }
    return Interval(low: within(low), high: within(high))
  }
}

/// Statistics of counts.
public enum Proportions {
  /// The standard normal quantile of a 95 % interval.
  public static let normal95 = 1.959_963_984_540_054

  /// Wilson's interval of a proportion, 95 %.
  ///
  /// - Parameters:
  ///   - successes: Right answers.
  ///   - count: Answers.
  /// - Returns: The interval, 0...1 when there are no answers.
  ///
  /// Source: Wilson, Probable Inference, 1927.
  public static func wilson(successes: Int, of count: Int) -> Interval {
    guard count > 0 else { return Interval(low: 0, high: 1) }
    let n = Double(count)
    let p = Double(successes) / n
    let z2 = normal95 * normal95
    let center = (p + z2 / (2 * n)) / (1 + z2 / n)
    let half = normal95 * (p * (1 - p) / n + z2 / (4 * n * n)).squareRoot() / (1 + z2 / n)
    return Interval(
      low: successes == 0 ? 0 : max(0, center - half),
      high: successes == count ? 1 : min(1, center + half))
  }

  /// The two-sided p-value of McNemar's test.
  ///
  /// - Parameters:
  ///   - onlyFirst: Images that only the first classifier got right.
  ///   - onlySecond: Images that only the second got right.
  ///
  /// Source: McNemar 1947, with the binomial distribution in place of the approximation.
  public static func mcNemar(
    onlyFirst: Int, onlySecond: Int, _ form: McNemar = .exact
  ) -> Double {
    let n = onlyFirst + onlySecond
    let k = min(onlyFirst, onlySecond)
    guard n > 0 else { return 1 }
    let observed = form == .midP ? binomial(k, of: n, 0.5) : 0
    guard onlyFirst != onlySecond else { return 1 - observed / 2 }
    // Terms are added from the smallest, so that far tails keep their digits.
    let tail = (0...k).reduce(0) { $0 + binomial($1, of: n, 0.5) }
    return min(1, 2 * tail) - observed
  }

  /// The probability of `k` successes.
  static func binomial(_ k: Int, of n: Int, _ probability: Double) -> Double {
    guard probability > 0 else { return k == 0 ? 1 : 0 }
    guard probability < 1 else { return k == n ? 1 : 0 }
    return exp(
      lgamma(Double(n + 1)) - lgamma(Double(k + 1)) - lgamma(Double(n - k + 1))
        + Double(k) * log(probability) + Double(n - k) * log1p(-probability))
  }

  /// The probability of at most `k` successes, for many trials, too.
  static func binomialTail(upTo k: Int, of n: Int, _ probability: Double) -> Double {
    guard k >= 0 else { return 0 }
    guard k < n else { return 1 }
    return StudentT.incompleteBeta(1 - probability, Double(n - k), Double(k + 1))
  }

  /// The largest smaller count of so many disagreements that the test rejects; −1 for none.
  static func mostRejected(of n: Int, _ significance: Double, _ form: McNemar) -> Int {
    func isRejected(_ k: Int) -> Bool {
      let observed = form == .midP ? binomial(k, of: n, 0.5) : 0
      return 2 * binomialTail(upTo: k, of: n, 0.5) - observed < significance
    }
    var (low, high) = (-1, n / 2)
    while high - low > 1 {
      let middle = (low + high) / 2
      if isRejected(middle) { low = middle } else { high = middle }
    }
    return low
  }
}

/// Holm's correction of several tests.
///
/// Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
public struct Holm: Sendable, Equatable {
  /// The corrected p-values, in the order given.
  public let adjusted: [Double]
  /// The level at which each was decided.
  ///
  /// It is the significance by how many were left at its step, and for all behind the first that was
  /// not rejected by how many were left there. A p-value is below
  /// its level exactly when the corrected one is below the significance.
  public let levels: [Double]

  /// Corrects p-values.
  public init(_ values: [Double], _ significance: Double = 0.05) {
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    var adjusted = values
    var levels = values
    var highest = 0.0
    var level = significance
    var rejects = true
    for (position, index) in order.enumerated() {
      let left = Double(values.count - position)
      highest = max(highest, min(1, values[index] * left))
      adjusted[index] = highest
      if rejects { level = significance / left }
      levels[index] = level
      rejects = rejects && values[index] < level
    }
    self.adjusted = adjusted
    self.levels = levels
  }
}

/// Mean and spread of a few values, as over seeds.
public struct Spread: Sendable, Equatable {
  /// The arithmetic mean.
  public let mean: Double
  /// The sample deviation (n − 1), NaN for a single value.
  public let deviation: Double
  /// All values in the order given.
  public let values: [Double]

  /// Sums up the values.
  ///
  /// - Precondition: there is at least one.
  public init(_ values: [Double]) {
    precondition(!values.isEmpty, "no values to sum up")
    self.values = values
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : .nan
  }
}
