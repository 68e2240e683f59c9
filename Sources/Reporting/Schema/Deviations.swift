/// What differs from published settings, a few words each.
public struct Deviations: Sendable {
  /// One a difference.
  public private(set) var lines: [String] = []

  /// Nothing differs yet.
  public init() {}

  /// Notes a setting where it differs.
  public mutating func compare<Value: Equatable>(_ name: String, _ own: Value, _ published: Value) {
    if own != published { lines.append("\(name) \(own) instead of \(published)") }
  }

  /// Notes that only some of the images are used.
  public mutating func part(_ count: Int, of all: Int, _ what: String) {
    if count < all { lines.append("\(count) of \(all) \(what) images") }
  }

  /// Notes what is no setting of the recipe's.
  public mutating func add(_ line: String) { lines.append(line) }

  /// How the note about them begins.
  public static let prefix = "deviates from"

  /// The note for a result; nil where nothing differs.
  public func note(from what: String) -> String? {
    lines.isEmpty ? nil : "\(Self.prefix) \(what): " + lines.joined(separator: "; ")
  }
}
