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
    precondition(shape > 0, "gamma needs a positive shape, got \(shape)")
    if shape < 1 {
      let boosted = gamma(shape: shape + 1)
      return boosted * pow(1 - uniformDouble(), 1 / shape)
    }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let v = pow(1 + c * x, 3)
      guard v > 0 else { continue }
      if log(1 - uniformDouble()) < 0.5 * x * x + d - d * v + d * log(v) { return d * v }
    }
  }

  /// A Beta(a, b) number.
  public mutating func beta(_ a: Double, _ b: Double) -> Double {
    let x = gamma(shape: a)
    let y = gamma(shape: b)
    return x / (x + y)
  }
}
