import Foundation

/// Student's t-distribution: intervals of a mean over a few seeds.
public enum StudentT {
  /// The probability of a value up to `t`.
  ///
  ///     P(T ≤ t) = 1 − I(ν / (ν + t²); ν/2, ½) / 2 for t ≥ 0
  ///
  /// - Precondition: `freedom ≥ 1`.
  public static func cumulative(_ t: Double, freedom: Double) -> Double {
    precondition(freedom >= 1, "a t-distribution needs 1 degree of freedom, got \(freedom)")
    let v = freedom
    let tail = incompleteBeta(v / (v + t * t), v / 2, 0.5) / 2
    return t >= 0 ? 1 - tail : tail
  }

  /// The value that a fraction `probability` of the distribution lies below.
  ///
  /// - Precondition: `0 < probability < 1` and `freedom ≥ 1`.
  public static func quantile(_ probability: Double, freedom: Double) -> Double {
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

  /// How often a two-sided test rejects when the true difference is so many standard errors.
  ///
  /// The noncentral t-distribution as a mean of normal ones over the spread of the standard error,
  /// by Simpson's rule.
  ///
  /// - Precondition: `freedom ≥ 1`.
  public static func power(of shift: Double, critical: Double, freedom: Double) -> Double {
    precondition(freedom >= 1, "a t-distribution needs 1 degree of freedom, got \(freedom)")
    let v = freedom
    // s = √(χ²/ν) has most of its weight within some deviations, about 1/√(2ν), of 1.
    let width = 9 / (2 * v).squareRoot()
    let (low, high) = (max(0, 1 - width), 1 + width)
    let steps = 400
    let constant = log(2.0) + v / 2 * log(v / 2) - lgamma(v / 2)
    func density(_ s: Double) -> Double {
      guard s > 0 else { return v == 1 ? exp(constant) : 0 }
      return exp(constant + (v - 1) * log(s) - v * s * s / 2)
    }
    var sum = 0.0
    for step in 0...steps {
      let s = low + (high - low) * Double(step) / Double(steps)
      let found =
        Normal.cumulative(shift - critical * s) + Normal.cumulative(-shift - critical * s)
      sum += density(s) * found * (step == 0 || step == steps ? 1 : step % 2 == 1 ? 4 : 2)
    }
    return sum * (high - low) / Double(steps) / 3
  }

  /// The true difference, in standard errors, that a two-sided test finds with the given power.
  ///
  /// Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2.
  public static func detectable(significance: Double, power: Double, freedom: Double) -> Double {
    let critical = quantile(1 - significance / 2, freedom: freedom)
    var (low, high) = (0.0, critical + 10)
    while self.power(of: high, critical: critical, freedom: freedom) < power { high *= 2 }
    for _ in 0..<50 {
      let middle = (low + high) / 2
      if self.power(of: middle, critical: critical, freedom: freedom) < power {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
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
      StudentT.quantile((1 + confidence) / 2, freedom: Double(values.count - 1)) * deviation
      / Double(values.count).squareRoot()
    return Interval(low: mean - half, high: mean + half)
  }
}
