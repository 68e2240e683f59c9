import CommandLine
import Models

/// A network by its name on the command line.
enum NamedArchitecture: String, OptionChoice, Sendable {
  case swinTiny = "swin-t"
  case deitSmall = "deit-s"
  case swinMini = "swin-mini"
  case mocoViTSmall = "moco-vit-s"

  var architecture: Architecture {
    switch self {
    case .swinTiny: .swin(.tiny)
    case .deitSmall: .visionTransformer(.deitSmall)
    case .swinMini: .swin(.mini)
    case .mocoViTSmall: .visionTransformer(.mocoV3Small)
    }
  }

  /// The numbers of a network that detectors and segmentors can be built on.
  ///
  /// - Throws: `UsageError` for another network.
  func dense() throws(UsageError) -> SwinConfiguration {
    guard case .swin(let configuration) = architecture else {
      throw .conflict(
        "--architecture \(rawValue) has one size of feature map; detectors and segmentors need "
          + "swin-t or swin-mini.")
    }
    return configuration
  }
}
