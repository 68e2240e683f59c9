import Evaluation

/// How a number is written in tables.
public struct MetricUnit: Sendable, Equatable {
  /// The factor from the stored number to the written one.
  public let scale: Double
  /// Decimals of a number; a difference has one more.
  public let decimals: Int
  /// What a difference counts.
  public let name: String

  /// Describes a way of writing.
  public init(scale: Double = 1, decimals: Int, name: String) {
    self.scale = scale
    self.decimals = decimals
    self.name = name
  }

  /// Fractions as percentages, their differences in points.
  public static let percent = MetricUnit(scale: 100, decimals: 1, name: "points")

  /// A number, with its interval if there is one: `75.3 [74.9, 75.7]`.
  public func text(_ value: Double, _ interval: Interval? = nil) -> String {
    guard self != .percent else { return percentage(value, interval) }
    func own(_ value: Double) -> String { fixed(value * scale, decimals) }
    return own(value) + (interval.map { " [\(own($0.low)), \(own($0.high))]" } ?? "")
  }

  /// A deviation: without a sign, with one decimal more.
  func deviation(_ value: Double) -> String { fixed(value * scale, decimals + 1) }

  /// A difference with its sign: `+1.30`, `−0.25`, `0.00`.
  public func difference(_ value: Double) -> String {
    let text = deviation(value)
    if text.hasPrefix("-") && text != "-" { return "−" + text.dropFirst() }
    return text == "-" || text.allSatisfy { "0.".contains($0) } ? text : "+" + text
  }

  /// The interval of a difference: `[−0.25, +1.30]`.
  func differences(_ interval: Interval) -> String {
    "[\(difference(interval.low)), \(difference(interval.high))]"
  }
}
