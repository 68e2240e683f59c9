import Foundation

extension RandomStream {
  /// A standard normal number (Box-Muller; the second of each pair is dropped, so that the
  /// position in the stream does not depend on history).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniformDouble())).squareRoot()
    return radius * cos(2 * .pi * uniformDouble())
  }

  /// A normal number of mean 0 cut off at `±bound` (redrawn outside).
  public mutating func truncatedNormal(deviation: Double, bound: Double) -> Double {
    while true {
      let value = normal() * deviation
      if abs(value) <= bound { return value }
    }
  }

  /// A Gamma(shape, 1) number (Marsaglia and Tsang 2000).
  ///
  /// - Precondition: `shape > 0`.
  public mutating func gamma(shape: Double) -> Double {
    let (boosted, share) = gammaFactors(shape: shape)
    return boosted * pow(share, 1 / shape)
  }

  /// A Gamma(shape, 1) number as `boosted · share^(1 / shape)`, with a share of 1 for shapes from 1
  /// on: that of a small shape may be less than every number above 0.
  private mutating func gammaFactors(shape: Double) -> (boosted: Double, share: Double) {
    precondition(shape > 0, "gamma needs a positive shape, got \(shape)")
    if shape < 1 {
      let boosted = gammaFactors(shape: shape + 1).boosted
      return (boosted, 1 - uniformDouble())
    }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = pow(1 + c * x, 3)
      guard v > 0 else { continue }
      if log(1 - uniformDouble()) < 0.5 * x * x + d - d * v + d * log(v) { return (d * v, 1) }
    }
  }

  /// A Beta(a, b) number; of parameters near 0 it is 0 or 1 but for rounding.
  public mutating func beta(_ a: Double, _ b: Double) -> Double {
    let (x, y) = (gammaFactors(shape: a), gammaFactors(shape: b))
    let (left, right) = (x.boosted * pow(x.share, 1 / a), y.boosted * pow(y.share, 1 / b))
    if left + right > 0 { return left / (left + right) }
    let ratio = log(y.boosted) + log(y.share) / b - log(x.boosted) - log(x.share) / a
    return 1 / (1 + exp(ratio))
  }
}
