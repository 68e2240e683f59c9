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

  /// The exact two-sided p-value of McNemar's test.
  ///
  /// - Parameters:
  ///   - onlyFirst: Images that only the first classifier got right.
  ///   - onlySecond: Images that only the second got right.
  ///
  /// Source: McNemar 1947, with the binomial distribution in place of the approximation.
  public static func mcNemar(onlyFirst: Int, onlySecond: Int) -> Double {
    let n = onlyFirst + onlySecond
    guard n > 0, onlyFirst != onlySecond else { return 1 }
    let k = min(onlyFirst, onlySecond)
    // 2·P(X ≤ k) for X ~ Binomial(n, ½), terms added from the smallest.
    var total = 0.0
    let logarithm = lgamma(Double(n + 1)) - Double(n) * log(2.0)
    for i in 0...k {
      total += exp(logarithm - lgamma(Double(i + 1)) - lgamma(Double(n - i + 1)))
    }
    return min(1, 2 * total)
  }

  /// Holm's adjusted p-values, in the order given.
  ///
  /// Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
  public static func holm(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var adjusted = values
    var highest = 0.0
    for (position, index) in order.enumerated() {
      highest = max(highest, min(1, values[index] * Double(values.count - position)))
      adjusted[index] = highest
    }
    return adjusted
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
