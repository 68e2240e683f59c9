import Layers
import TensorCore

/// What of a backbone a probe sees.
///
/// - `own`: the token that the network's own classifier reads (ViT: the class token; Swin: the mean of
///   all tokens) of each of the last blocks, side by side from the earliest to the last
/// - `classAndMean`: the same, followed by the mean of the last block's patch tokens (ViT alone)
///
/// Every block's tokens have gone through the network's final norm; of a Swin, those of the last stage,
/// since it fits no other.
///
/// Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, 2021, and its
/// evaluation code; for Swin Li et al., Efficient Self-supervised Vision Transformers, 2022, and its.
public struct FeatureChoice: Sendable, Hashable {
  /// Which tokens stand for an image.
  public enum Pooling: String, Sendable, CaseIterable {
    case own
    case classAndMean = "class-and-mean"
  }

  /// Blocks whose tokens are taken, the last ones.
  public var blockCount = 1
  /// Which tokens of them.
  public var pooling = Pooling.own

  /// The network's own feature, or another choice.
  public init(blockCount: Int = 1, pooling: Pooling = .own) {
    self.blockCount = blockCount
    self.pooling = pooling
  }

  /// The choice in one line.
  public var summary: String {
    guard self != FeatureChoice() else { return "pooled output after the final norm" }
    let blocks = blockCount == 1 ? "the last block" : "the last \(blockCount) blocks"
    return pooling == .own
      ? "pooled outputs of \(blocks)"
      : "class token\(blockCount == 1 ? "" : "s") of \(blocks) and mean patch token"
  }

  /// Why a network cannot give it; nil where it can.
  public func problem(with architecture: Architecture) -> String? {
    let all = architecture.blockWidths.count
    guard (1...all).contains(blockCount) else {
      return "\(architecture.name) has \(all) blocks, not \(blockCount)"
    }
    if pooling == .classAndMean, architecture.leadingTokenCount == 0 {
      return "\(architecture.name) has no class token beside the mean of its tokens"
    }
    return nil
  }

  /// Where in the features the network's own one lies.
  public func ownColumns(of architecture: Architecture) -> Range<Int> {
    let end = architecture.blockWidths.suffix(blockCount).reduce(0, +)
    return end - architecture.featureCount..<end
  }
}

extension Architecture {
  /// Channels of the tokens of every block.
  public var blockWidths: [Int] {
    switch self {
    case .swin(let own):
      own.depths.indices.flatMap { stage in
        [Int](repeating: own.channels(stage), count: own.depths[stage])
      }
    case .visionTransformer(let own): [Int](repeating: own.embeddingSize, count: own.depth)
    }
  }
}

/// A backbone whose features are chosen among those of its blocks.
public final class ChosenFeatures: Backbone {
  /// The network.
  public let network: any Backbone
  /// What is taken of it.
  public let choice: FeatureChoice

  /// Wraps a network.
  ///
  /// - Precondition: the choice fits it; see `FeatureChoice.problem`.
  public init(_ network: any Backbone, _ choice: FeatureChoice) {
    if let problem = choice.problem(with: network.architecture) { preconditionFailure(problem) }
    self.network = network
    self.choice = choice
  }

  public var architecture: Architecture { network.architecture }

  public var featureCount: Int {
    choice.ownColumns(of: architecture).upperBound
      + (choice.pooling == .classAndMean ? architecture.featureCount : 0)
  }

  public var featureSummary: String { choice.summary }

  public var dropPath: DropPathContext? {
    get { network.dropPath }
    set { network.dropPath = newValue }
  }

  public func features(_ images: Tensor) -> Tensor {
    guard choice != FeatureChoice() else { return network.features(images) }
    let tokens = network.lastTokens(images, blockCount: choice.blockCount)
    let leading = architecture.leadingTokenCount
    var parts = tokens.map { leading > 0 ? selectedToken($0, at: 0) : meanPooled($0) }
    if choice.pooling == .classAndMean, let last = tokens.last {
      parts.append(meanPooled(last, from: leading))
    }
    return parts.count == 1 ? parts[0] : concatenatedChannels(parts)
  }

  public func lastTokens(_ images: Tensor, blockCount: Int) -> [Tensor] {
    network.lastTokens(images, blockCount: blockCount)
  }

  public func patchMap(_ images: Tensor) -> Tensor { network.patchMap(images) }

  public func attentionMaps(_ images: Tensor) -> [AttentionMaps] { network.attentionMaps(images) }

  public func setTraining(_ isTraining: Bool) { network.setTraining(isTraining) }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    network.visitParameters(prefix, visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    network.visitBuffers(prefix, visit)
  }
}
