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
