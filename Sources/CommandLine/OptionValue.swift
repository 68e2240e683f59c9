/// A type that an option on the command line can have.
public protocol OptionValue {
  /// Reads the text after an option's name; nil when it means nothing.
  init?(argument: String)
  /// The value as one would type it.
  var argument: String { get }
  /// What the text must be, for the message when it is not.
  static var expectation: String { get }
  /// Whether the text may hold several values.
  static var isList: Bool { get }
}

extension OptionValue {
  public static var isList: Bool { false }
}

extension String: OptionValue {
  public init?(argument: String) { self = argument }
  public var argument: String { self }
  public static var expectation: String { "a text" }
}

extension Int: OptionValue {
  public init?(argument: String) { self.init(argument) }
  public var argument: String { String(self) }
  public static var expectation: String { "a whole number" }
}

extension Double: OptionValue {
  public init?(argument: String) {
    guard let value = Double(argument), value.isFinite else { return nil }
    self = value
  }
  public var argument: String {
    self == rounded() && abs(self) < 1e15 ? String(Int(self)) : "\(self)"
  }
  public static var expectation: String { "a number" }
}

extension Float: OptionValue {
  public init?(argument: String) {
    guard let value = Float(argument), value.isFinite else { return nil }
    self = value
  }
  public var argument: String {
    self == rounded() && abs(self) < 1e6 ? String(Int(self)) : "\(self)"
  }
  public static var expectation: String { Double.expectation }
}

extension Array: OptionValue where Element: OptionValue {
  public init?(argument: String) {
    if argument.isEmpty {
      self = []
      return
    }
    let parts = argument.split(separator: ",").map { Element(argument: String($0)) }
    let values = parts.compactMap { $0 }
    guard !values.isEmpty, values.count == parts.count else { return nil }
    self = values
  }
  public var argument: String { map(\.argument).joined(separator: ",") }
  public static var expectation: String { "\(Element.expectation), or several with commas" }
  public static var isList: Bool { true }
}

extension Optional: OptionValue where Wrapped: OptionValue {
  public init?(argument: String) {
    guard let value = Wrapped(argument: argument) else { return nil }
    self = .some(value)
  }
  public var argument: String { self?.argument ?? "" }
  public static var expectation: String { Wrapped.expectation }
  public static var isList: Bool { Wrapped.isList }
}

/// An option whose values are the cases of an enumeration.
public protocol OptionChoice: OptionValue, CaseIterable, RawRepresentable where RawValue == String {
}

extension OptionChoice {
  public init?(argument: String) { self.init(rawValue: argument) }
  public var argument: String { rawValue }
  public static var expectation: String {
    "one of " + allCases.map(\.rawValue).joined(separator: ", ")
  }
}
