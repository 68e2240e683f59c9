/// A setting that two protocols do not share.
public struct ProtocolDifference: Sendable, Equatable {
  /// The setting.
  public let name: String
  /// Its values; nil where a protocol does not have it.
  public let first: String?, second: String?

  /// The settings in which two protocols differ, by name.
  public static func between(
    _ first: [String: String], _ second: [String: String]
  ) -> [ProtocolDifference] {
    Set(first.keys).union(second.keys).sorted()
      .filter { first[$0] != second[$0] }
      .map { ProtocolDifference(name: $0, first: first[$0], second: second[$0]) }
  }

  /// The second value against the first: `epochs 60 instead of 100`.
  public var sentence: String {
    switch (first, second) {
    case (let first?, let second?): "\(name) \(second) instead of \(first)"
    case (nil, let second?): "\(name) \(second), which the others do not have"
    default: "no \(name), which is \(first ?? "set") in the others"
    }
  }
}
