/// Which numbers an option takes, and how a sentence says so.
public struct NumberRange: Sendable {
  /// What stands after "a number" in the sentence.
  let text: String
  private let holds: @Sendable (Double) -> Bool

  /// A range of another kind.
  ///
  /// - Parameters:
  ///   - text: What stands after "a number" in the sentence.
  ///   - holds: Whether a number belongs to it.
  public init(text: String, holds: @escaping @Sendable (Double) -> Bool) {
    self.text = text
    self.holds = holds
  }

  /// A number at least this large.
  public static func atLeast(_ low: Double) -> NumberRange {
    NumberRange(text: "of at least \(low.argument)") { $0 >= low }
  }

  /// A number larger than this.
  public static func above(_ low: Double) -> NumberRange {
    NumberRange(text: "above \(low.argument)") { $0 > low }
  }

  /// A number from one to the other, both included.
  public static func within(_ low: Double, _ high: Double) -> NumberRange {
    NumberRange(text: "from \(low.argument) to \(high.argument)") { $0 >= low && $0 <= high }
  }

  /// A number from one, included, to the other, excluded.
  public static func from(_ low: Double, below high: Double) -> NumberRange {
    NumberRange(text: "from \(low.argument) to below \(high.argument)") { $0 >= low && $0 < high }
  }

  /// A number between two, both excluded.
  public static func between(_ low: Double, _ high: Double) -> NumberRange {
    NumberRange(text: "between \(low.argument) and \(high.argument)") { $0 > low && $0 < high }
  }

  /// A number that divides by another and lies in a range.
  public static func multiple(of step: Int, from low: Int, to high: Int) -> NumberRange {
    NumberRange(text: "that is a multiple of \(step) from \(low) to \(high)") {
      $0 >= Double(low) && $0 <= Double(high)
        && $0.truncatingRemainder(dividingBy: Double(step)) == 0
    }
  }

  /// How many of something there are, at least one; small enough to be multiplied.
  public static let count = within(1, 1e9)

  func contains(_ values: [Double]) -> Bool { values.allSatisfy(holds) }
}

/// An option's value that is made of numbers, so that a range can be asked of it.
public protocol NumericOptionValue: OptionValue {
  /// The numbers; none where there is no value.
  var numbers: [Double] { get }
  /// What the text must be when its numbers must lie in a range.
  static func expectation(in range: NumberRange) -> String
}

extension NumericOptionValue {
  public static func expectation(in range: NumberRange) -> String { "\(expectation) \(range.text)" }
}

extension Int: NumericOptionValue {
  public var numbers: [Double] { [Double(self)] }
}

extension Double: NumericOptionValue {
  public var numbers: [Double] { [self] }
}

extension Float: NumericOptionValue {
  public var numbers: [Double] { [Double(self)] }
}

extension Optional: NumericOptionValue where Wrapped: NumericOptionValue {
  public var numbers: [Double] { self?.numbers ?? [] }
  public static func expectation(in range: NumberRange) -> String {
    Wrapped.expectation(in: range)
  }
}

extension Array: NumericOptionValue where Element: NumericOptionValue {
  public var numbers: [Double] { flatMap(\.numbers) }
  public static func expectation(in range: NumberRange) -> String {
    "\(Element.expectation(in: range)), or several with commas"
  }
}
