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
  public mutating func gamma(shape: Double) -> Double { drawGamma(shape: shape).value }

  private mutating func drawGamma(shape: Double) -> GammaDraw {
    precondition(shape > 0, "gamma needs a positive shape, got \(shape)")
    if shape < 1 {
      let boosted = drawGamma(shape: shape + 1).boosted
      return GammaDraw(boosted: boosted, share: 1 - uniformDouble(), shape: shape)
    }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = pow(1 + c * x, 3)
      guard v > 0 else { continue }
      if log(1 - uniformDouble()) < 0.5 * x * x + d - d * v + d * log(v) {
        return GammaDraw(boosted: d * v, share: 1, shape: shape)
      }
    }
  }

  /// A Beta(a, b) number; of parameters near 0 it is 0 or 1 but for rounding.
  public mutating func beta(_ a: Double, _ b: Double) -> Double {
    let (x, y) = (drawGamma(shape: a), drawGamma(shape: b))
    let sum = x.value + y.value
    return sum > 0 ? x.value / sum : 1 / (1 + exp(y.logarithm - x.logarithm))
  }
}

/// A Gamma(shape, 1) number as `boosted · share^(1 / shape)`, with a share of 1 for shapes from 1 on:
/// that of a small shape may be less than every number above 0.
private struct GammaDraw {
  let boosted, share, shape: Double

  var value: Double { boosted * pow(share, 1 / shape) }
  var logarithm: Double { log(boosted) + log(share) / shape }
}
