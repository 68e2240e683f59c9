import CommandLine
import Models

/// A network by its name on the command line: a row of the table.
struct NamedArchitecture: OptionChoice, Hashable, Sendable {
  static let swinTiny = NamedArchitecture(rawValue: "swin-t", architecture: .swin(.tiny))
  static let swinMini = NamedArchitecture(rawValue: "swin-mini", architecture: .swin(.mini))

  static var allCases: [NamedArchitecture] {
    NetworkTable.rows.map {
      NamedArchitecture(rawValue: $0.name, architecture: $0.architecture)
    }
  }

  let rawValue: String
  let architecture: Architecture

  private init(rawValue: String, architecture: Architecture) {
    self.rawValue = rawValue
    self.architecture = architecture
  }

  init?(rawValue: String) {
    guard let known = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = known
  }

  /// The network, where detectors and segmentors can be built on it.
  ///
  /// - Throws: `UsageError`, which lists those that they can be built on, otherwise.
  func dense() throws(UsageError) -> Architecture {
    guard architecture.isDense else {
      let known = Self.allCases.filter(\.architecture.isDense).map(\.rawValue)
      throw .conflict(
        "--architecture \(rawValue) does not give maps at strides 4 to 32; detectors and segmentors "
          + "need " + known.joined(separator: ", ") + ".")
    }
    return architecture
  }
}
