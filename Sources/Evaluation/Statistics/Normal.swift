import Foundation

/// The standard normal distribution.
public enum Normal {
  /// The probability of a value up to `z`.
  public static func cumulative(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

  /// The value that a fraction `probability` of the distribution lies below.
  ///
  /// - Precondition: `0 < probability < 1`.
  public static func quantile(_ probability: Double) -> Double {
    precondition(
      probability > 0 && probability < 1, "a quantile needs a fraction in 0...1, got \(probability)"
    )
    if probability == 0.5 { return 0 }
    // The lower tail is where erfc keeps all its digits.
    if probability > 0.5 { return -quantile(1 - probability) }
    var low = -40.0
    var high = 0.0
    while true {
      let middle = low + (high - low) / 2
      guard middle > low, middle < high else { return high }
      if cumulative(middle) < probability { low = middle } else { high = middle }
    }
  }
}

/// The smallest difference that a comparison finds.
public enum DetectableDifference {
  /// The true difference that a two-sided test finds with the given power.
  ///
  ///     (z(1 − α/2) + z(power)) · standard error
  ///
  /// - Parameters:
  ///   - standardError: Of the measured difference, in its unit.
  ///   - significance: α of one test; divide it by the number of tests for Holm's first step.
  ///   - power: The part of repetitions in which the difference is found.
  /// - Returns: The difference in the unit of the standard error.
  ///
  /// Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, chapter 2.
  public static func smallest(
    standardError: Double, significance: Double = 0.05, power: Double = 0.8
  ) -> Double {
    (Normal.quantile(1 - significance / 2) + Normal.quantile(power)) * standardError
  }
}
