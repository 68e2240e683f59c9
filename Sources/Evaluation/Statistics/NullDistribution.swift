import Foundation

/// What the studentised difference of two methods looks like when there is none.
///
/// One distribution gives a comparison its p-value, its intervals and the smallest difference that it
/// finds, so that these cannot contradict each other.
public enum NullDistribution: Sendable, Equatable {
  /// |t| of swapped images.
  case swaps(SwapDistribution)
  /// Student's t, where spreads over trainings are estimated.
  case student(freedom: Double)

  /// The probability of |t| being at least so large.
  public func tail(_ t: Double) -> Double {
    switch self {
    case .swaps(let swaps): swaps.tail(t)
    case .student(let freedom): min(1, 2 * StudentT.cumulative(-abs(t), freedom: freedom))
    }
  }

  /// The |t| beyond which the tail is below `significance`; infinite where none is.
  public func critical(_ significance: Double) -> Double {
    switch self {
    case .swaps(let swaps): swaps.critical(significance)
    case .student(let freedom): StudentT.quantile(1 - significance / 2, freedom: freedom)
    }
  }

  /// The true difference, in standard errors, that a test finds with the given power.
  public func detectable(significance: Double, power: Double) -> Double {
    switch self {
    case .swaps(let swaps):
      // P(t > critical − d) = power, of a t that is symmetric about 0.
      let critical = swaps.critical(significance)
      return swaps.count * significance < 1 || !critical.isFinite
        ? .infinity : critical + swaps.critical(2 * (1 - power))
    case .student(let freedom):
      return StudentT.detectable(significance: significance, power: power, freedom: freedom)
    }
  }
}

/// |t| of every way of swapping that was looked at, the one that was measured among them.
public struct SwapDistribution: Sendable, Equatable {
  /// Ascending.
  public let values: [Double]
  /// Whether these are all ways of swapping, rather than some drawn at random.
  public let isExact: Bool

  /// Sorts values.
  ///
  /// - Precondition: there is one, and none is NaN.
  public init(_ values: [Double], isExact: Bool) {
    precondition(
      !values.isEmpty && !values.contains(where: \.isNaN), "no values, or NaN among them")
    self.values = values.sorted()
    self.isExact = isExact
  }

  /// How many values there are.
  var count: Double { Double(values.count) }

  /// Sums in another order differ in their last digits; so close is equal.
  private static func reached(_ t: Double) -> Double { t - 1e-9 * max(1, abs(t)) }

  /// The part of the values that are at least so large: (b + 1) / (m + 1) of m random swaps.
  func tail(_ t: Double) -> Double {
    guard t.isFinite else { return Double(values.count { $0 == .infinity }) / count }
    let wanted = Self.reached(abs(t))
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    return Double(values.count - low) / count
  }

  /// The least p-value that any of these ways of swapping could have had.
  var leastTail: Double { tail(values[values.count - 1]) }

  /// The largest value whose tail is at least `significance`.
  func critical(_ significance: Double) -> Double {
    guard significance < 1 else { return 0 }
    var at = min(values.count - 1, Int(count * (1 - significance)))
    while at > 0, tail(values[at]) < significance { at -= 1 }
    return values[at]
  }
}
