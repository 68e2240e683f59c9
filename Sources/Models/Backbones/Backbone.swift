import CounterRandom
import Layers
import TensorCore

/// A network that turns images into feature vectors.
public protocol Backbone: Module {
  /// The features a linear probe sees.
  ///
  /// - Parameter images: `[B, 3, H, W]`, normalised.
  /// - Returns: `[B, featureCount]`.
  func features(_ images: Tensor) -> Tensor
  /// The tokens that each of the last blocks leaves, from the earliest to the last.
  ///
  /// They have gone through the final norm where that fits their channels. Extra tokens (class,
  /// distillation) come first.
  ///
  /// - Parameter images: As for `features`.
  /// - Returns: `[B, N, C]` a block.
  /// - Precondition: there are so many blocks.
  func lastTokens(_ images: Tensor, blockCount: Int) -> [Tensor]
  /// What the features are, in one line.
  var featureSummary: String { get }
  /// The last map after the final norm, whose cells a dense probe sees.
  ///
  /// - Parameter images: `[B, 3, H, W]`, normalised.
  /// - Returns: `[B, h, w, C]`, a cell a patch or a last stage's token; C is the architecture's.
  func patchMap(_ images: Tensor) -> Tensor
  /// Where the last block looks, or the last of each of the last stages.
  ///
  /// - Parameter images: `[B, 3, H, W]`, normalised.
  func attentionMaps(_ images: Tensor) -> [AttentionMaps]
  /// Length of the feature vector.
  var featureCount: Int { get }
  /// What the network is, for tables and checkpoints.
  var architecture: Architecture { get }
  /// Where random branches (drop path) take their draws from; nil in evaluation.
  var dropPath: DropPathContext? { get set }
  /// Batch norms, where there are any, use the statistics of the batch in training, and running ones
  /// otherwise; a network that was built or loaded is not in training.
  func setTraining(_ isTraining: Bool)
}

extension Backbone {
  public var featureSummary: String { FeatureChoice().summary }
  public func setTraining(_ isTraining: Bool) {}
}

/// A network that gives detectors and segmentors a map a stage, each half as large as the last; a
/// plain transformer has one stage, and a simple feature pyramid makes the other sizes of it.
public protocol DenseBackbone: Module {
  /// What the network is.
  var architecture: Architecture { get }
  /// Channels of every stage's map.
  var stageChannels: [Int] { get }
  /// Pixels of the image a side of a cell, of every stage's map.
  var stageStrides: [Int] { get }
  /// Where random branches (drop path) take their draws from; nil in evaluation.
  var dropPath: DropPathContext? { get set }
  /// Every stage's map, normalised.
  ///
  /// - Parameter images: `[B, 3, H, W]`, normalised, of any size.
  /// - Returns: `[B, ⌈H/strideᵢ⌉, ⌈W/strideᵢ⌉, channelsᵢ]`.
  func stageMaps(_ images: Tensor) -> [Tensor]
}

/// The draws of one forward pass in training mode.
public struct DropPathContext: Sendable {
  /// The rate of the last block; earlier blocks have proportionally less.
  public let rate: Float
  /// The run's seed.
  public let seed: UInt64
  /// The optimiser's step.
  public let step: Int
  /// Tells apart the forward passes of one step (views, branches).
  public let pass: Int
  /// Position in the step's batch of the first image of this pass: a batch that is taken in
  /// pieces has the draws of the whole.
  public let firstImage: Int

  /// Names the draws of one forward pass.
  public init(rate: Float, seed: UInt64, step: Int, pass: Int = 0, firstImage: Int = 0) {
    self.firstImage = firstImage
    self.rate = rate
    self.seed = seed
    self.step = step
    self.pass = pass
  }

  /// One factor an image for a branch, or nil where nothing is dropped.
  func factors(block: Int, of blockCount: Int, branch: Int, batchSize: Int) -> [Float]? {
    let share = blockCount > 1 ? Float(block) / Float(blockCount - 1) : 1
    var stream = RandomStream(
      seed: seed, purpose: .dropPath, epoch: step, sample: (pass << 20) | (block << 1) | branch)
    return dropPathFactors(
      batchSize: firstImage + batchSize, rate: rate * share, stream: &stream
    ).map { Array($0.suffix(batchSize)) }
  }
}

/// The shape of a backbone: everything that decides which weights fit it.
public enum Architecture: Sendable, Hashable {
  /// A Swin Transformer.
  case swin(SwinConfiguration)
  /// A plain vision transformer.
  case visionTransformer(VisionTransformerConfiguration)

  /// The name in tables: `Swin-T`, `DeiT-S`, or the numbers.
  public var name: String { NetworkTable.title(of: self) }

  /// Builds the network.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the square images it will see, in pixels.
  ///   - initializer: Where the first weights come from.
  public func makeBackbone(inputSize: Int, initializer: Initializer) -> any Backbone {
    switch self {
    case .swin(let configuration):
      SwinTransformer(configuration, inputSize: inputSize, initializer: initializer)
    case .visionTransformer(let configuration):
      VisionTransformer(configuration, inputSize: inputSize, initializer: initializer)
    }
  }

  /// Length of the feature vector.
  public var featureCount: Int {
    switch self {
    case .swin(let configuration): configuration.channels(configuration.depths.count - 1)
    case .visionTransformer(let configuration): configuration.embeddingSize
    }
  }

  /// Whether maps at strides 4, 8, 16 and 32, which detectors and segmentors need, can be had: of
  /// four stages, or of one at stride 16 by a simple feature pyramid.
  public var isDense: Bool { pyramidStrides == [4, 8, 16, 32] || isFourStages }

  private var isFourStages: Bool {
    guard case .swin(let configuration) = self else { return false }
    return configuration.depths.count == 4
  }

  /// Pixels of the image a side of a cell, of every map that a head sees.
  var pyramidStrides: [Int] {
    switch self {
    case .swin: stageStrides
    case .visionTransformer(let configuration):
      configuration.patchSize % 4 == 0
        ? [1, 2, 4, 8].map { configuration.patchSize / 4 * $0 } : stageStrides
    }
  }

  /// Builds the network in its dense form.
  ///
  /// - Precondition: `isDense`.
  public func makeDenseBackbone(initializer: Initializer) -> any DenseBackbone {
    precondition(isDense, "\(name) has no dense form")
    return switch self {
    case .swin(let configuration):
      SwinTransformer(configuration, form: .dense, initializer: initializer)
    case .visionTransformer(let configuration):
      VisionTransformer(configuration, initializer: initializer)
    }
  }

  /// Whether there are batch norms, which see all images of a batch.
  public var hasBatchNorms: Bool {
    guard case .swin(let configuration) = self else { return false }
    return configuration.hasBatchNormBeforeMLP
  }

  /// Tokens before the patches: class and distillation token.
  public var leadingTokenCount: Int {
    guard case .visionTransformer(let configuration) = self else { return 0 }
    return configuration.hasDistillationToken ? 2 : 1
  }
}
