import Layers

/// Rates that fall from layer to layer towards the image, for networks that were pretrained.
///
/// Layer 0 is the patch embedding with positions and tokens, layer i the i-th block (of all stages
/// together), and the last one everything else: norms at the end, necks and heads. A layer has the
/// rate of the next one times the factor. Merges belong to the last block before them.
///
/// Source: Bao et al., BEiT, 2021; for Swin as Xie et al., SimMIM, 2022.
public struct LayerDecay: Sendable, Hashable {
  /// What a layer's rate is multiplied by, 0 to 1; 1 is one rate for all.
  public var factor: Float

  /// Sets the factor.
  public init(_ factor: Float) { self.factor = factor }

  /// The part of the rate that a parameter has.
  ///
  /// - Parameters:
  ///   - key: Its key in a whole network, where a backbone's begins with `backbone.` or `encoder.`.
  ///   - backbone: The network's backbone.
  public func share(of key: String, in backbone: Architecture) -> Float {
    guard factor != 1, ["backbone.", "encoder."].contains(where: key.hasPrefix) else { return 1 }
    let parts = key.split(separator: ".").dropFirst()
    let depths = backbone.blockCounts
    let last = depths.reduce(0, +) + 1
    var layer = last
    switch parts.first {
    case "patch_embed", "pos_embed", "cls_token", "dist_token": layer = 0
    case "blocks": layer = parts.dropFirst().first.flatMap { Int($0) }.map { $0 + 1 } ?? last
    case "layers":
      let numbers = parts.compactMap { Int($0) }
      guard let stage = numbers.first, depths.indices.contains(stage) else { break }
      let before = depths[..<stage].reduce(0, +)
      layer = numbers.count > 1 ? before + numbers[1] + 1 : before + depths[stage]
    default: break
    }
    return (0..<max(0, last - layer)).reduce(1) { share, _ in share * factor }
  }

  /// Parameters with their parts of the rate.
  public func applied(
    to parameters: [OptimizedParameter], in backbone: Architecture
  ) -> [OptimizedParameter] {
    parameters.map { parameter in
      var own = parameter
      own.rateShare = share(of: parameter.key, in: backbone)
      return own
    }
  }
}

extension Architecture {
  /// Blocks of every stage.
  fileprivate var blockCounts: [Int] {
    switch self {
    case .swin(let configuration): configuration.depths
    case .visionTransformer(let configuration): [configuration.depth]
    }
  }
}
