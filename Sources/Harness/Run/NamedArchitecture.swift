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
}

/// A network that detectors and segmentors can be built on.
enum DenseArchitecture: String, OptionChoice, Sendable {
  case swinTiny = "swin-t"
  case swinMini = "swin-mini"

  var configuration: SwinConfiguration { self == .swinTiny ? .tiny : .mini }
}
