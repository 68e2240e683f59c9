import Foundation

/// Student's t-distribution: intervals of a mean over a few seeds.
public enum StudentT {
  /// The probability of a value up to `t`.
  ///
  ///     P(T ≤ t) = 1 − I(ν / (ν + t²); ν/2, ½) / 2 for t ≥ 0
  ///
  /// - Precondition: `freedom ≥ 1`.
  public static func cumulative(_ t: Double, freedom: Int) -> Double {
    precondition(freedom >= 1, "a t-distribution needs 1 degree of freedom, got \(freedom)")
    let v = Double(freedom)
    let tail = incompleteBeta(v / (v + t * t), v / 2, 0.5) / 2
    return t >= 0 ? 1 - tail : tail
  }

  /// The value that a fraction `probability` of the distribution lies below.
  ///
  /// - Precondition: `0 < probability < 1` and `freedom ≥ 1`.
  public static func quantile(_ probability: Double, freedom: Int) -> Double {
    precondition(
      probability > 0 && probability < 1, "a quantile needs a fraction in 0...1, got \(probability)"
    )
    if probability == 0.5 { return 0 }
    if probability < 0.5 { return -quantile(1 - probability, freedom: freedom) }
    var low = 0.0
    var high = 1.0
    while cumulative(high, freedom: freedom) < probability { high *= 2 }
    // Bisection until the doubles meet: the function is monotonic and this is called once a table.
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return high }
      if cumulative(middle, freedom: freedom) < probability { low = middle } else { high = middle }
    }
  }

  /// The regularised incomplete beta function I(x; a, b), by Lentz's continued fraction.
  ///
  /// Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8.
  static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast only on this side of the mean.
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
    let front =
      exp(
        lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    let tiny = 1e-300
    func guarded(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / guarded(1 - (a + b) * x / (a + 1))
    var fraction = d
    for step in 1...10_000 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / guarded(1 + even * d)
      c = guarded(1 + even / c)
      fraction *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / guarded(1 + odd * d)
      c = guarded(1 + odd / c)
      fraction *= d * c
      if abs(d * c - 1) < 1e-16 { break }
    }
    return front * fraction
  }
}

extension Spread {
  /// The interval of the mean that the values' population has, by Student's t-distribution.
  ///
  /// - Parameter confidence: The fraction of such intervals that hold the mean, for example 0.95.
  /// - Returns: The interval; nil for a single value, which says nothing about its spread.
  public func interval(confidence: Double = 0.95) -> Interval? {
    guard values.count > 1 else { return nil }
    let half =
      StudentT.quantile((1 + confidence) / 2, freedom: values.count - 1) * deviation
      / Double(values.count).squareRoot()
    return Interval(low: mean - half, high: mean + half)
  }
}
