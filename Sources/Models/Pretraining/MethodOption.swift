/// An option that sets a number which some methods have and others have not.
public struct MethodOption: Sendable {
  /// Which numbers an option takes.
  public enum Values: Sendable {
    /// A whole number of things, at least one, at most `limit`.
    case count(limit: Int)
    /// The side of an image, in pixels.
    case side
    /// A number above 0; from 0 to 1; between 0 and 1.
    case positive, share, part
  }

  /// The name on the command line and in a protocol, without dashes.
  public let name: String
  /// What is set, for the help.
  public let help: String
  public let values: Values
  private let get: @Sendable (any MethodSettings) -> Double?
  private let set: @Sendable (inout any MethodSettings, Double) -> Void

  init<Settings: MethodSettings>(
    _ name: String, _ path: WritableKeyPath<Settings, Int> & Sendable, limit: Int = 1 << 30,
    isSide: Bool = false, _ help: String
  ) {
    self.name = name
    self.help = help
    values = isSide ? .side : .count(limit: limit)
    get = { ($0 as? Settings).map { Double($0[keyPath: path]) } }
    set = { Self.change(&$0, path, Int($1)) }
  }

  /// A count that a recipe may leave out.
  init<Settings: MethodSettings>(
    _ name: String, _ path: WritableKeyPath<Settings, Int?> & Sendable, _ help: String
  ) {
    self.name = name
    self.help = help
    values = .count(limit: 1 << 30)
    get = { ($0 as? Settings)?[keyPath: path].map(Double.init) }
    set = { Self.change(&$0, path, Int($1)) }
  }

  init<Settings: MethodSettings>(
    _ name: String, _ path: WritableKeyPath<Settings, Double> & Sendable, _ values: Values,
    _ help: String
  ) {
    self.name = name
    self.help = help
    self.values = values
    get = { ($0 as? Settings)?[keyPath: path] }
    set = { Self.change(&$0, path, $1) }
  }

  private static func change<Settings: MethodSettings, Value>(
    _ settings: inout any MethodSettings, _ path: WritableKeyPath<Settings, Value>, _ value: Value
  ) {
    guard var own = settings as? Settings else { return }
    own[keyPath: path] = value
    settings = own
  }

  /// The number in a recipe; nil when it has none.
  public func value(in recipe: PretrainingRecipe) -> Double? { get(recipe.settings) }

  /// The number as one would type it.
  public func text(in recipe: PretrainingRecipe) -> String? {
    value(in: recipe).map { value in
      if case .count = values { return String(Int(value)) }
      if case .side = values { return String(Int(value)) }
      return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : "\(value)"
    }
  }

  /// Sets the number.
  public func set(_ value: Double, in recipe: inout PretrainingRecipe) {
    set(&recipe.settings, value)
  }

  // MARK: What several methods have

  static func hiddenSize<S: MethodSettings>(_ path: WritableKeyPath<S, Int> & Sendable) -> Self {
    MethodOption("hidden-size", path, "Of the heads.")
  }
  static func outputSize<S: MethodSettings>(_ path: WritableKeyPath<S, Int> & Sendable) -> Self {
    MethodOption("output-size", path, "Length of a key.")
  }
  static func queueSize<S: MethodSettings>(_ path: WritableKeyPath<S, Int> & Sendable) -> Self {
    MethodOption("queue-size", path, "Keys in a queue.")
  }
  static func prototypes<S: MethodSettings>(_ path: WritableKeyPath<S, Int> & Sendable) -> Self {
    MethodOption("prototypes", path, "Of the last layer.")
  }
  static func startMomentum<S: MethodSettings>(
    _ path: WritableKeyPath<S, Double> & Sendable
  ) -> Self {
    MethodOption("start-momentum", path, .share, "Of the target network.")
  }
  static func temperature<S: MethodSettings>(
    _ path: WritableKeyPath<S, Double> & Sendable
  ) -> Self {
    MethodOption("temperature", path, .positive, "Of the logits.")
  }
  static func cropScale<S: MethodSettings>(
    _ path: WritableKeyPath<S, Double> & Sendable
  ) -> Self {
    MethodOption("crop-scale", path, .part, "Smallest area of a (global) crop.")
  }
}

extension ClosedRange<Double> {
  /// The lower end, which may be moved.
  var low: Double {
    get { lowerBound }
    set { self = newValue...upperBound }
  }
}
