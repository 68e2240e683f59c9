import Layers
import TensorCore

/// MoCo v3: the negatives are the keys of the other images in the batch.
///
///     loss = 2τ·(CE(q₁·K₂ᵀ/τ, own position) + CE(q₂·K₁ᵀ/τ, own position))
///
/// The patch embedding's convolution stays at its random start, which keeps vision transformers
/// stable.
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `predictor.*`.
///
/// Source: Chen et al., An Empirical Study of Training Self-Supervised Vision Transformers, 2021.
public final class MoCoV3: SiameseMethod {
  /// MoCo v3's own numbers, as published.
  public struct Settings: MethodSettings {
    /// The target's momentum at the start, and the temperature of the logits.
    public var startMomentum = 0.99, temperature = 0.2
    /// Hidden size of the heads, and length of their output.
    public var hiddenSize = 4096, outputSize = 256
    /// Area of a crop, in parts of the image.
    public var cropScale = 0.08...1.0

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      ViewDescription.pair(size: inputSize, scale: cropScale).map { $0.with(\.flipsLast, true) }
    }

    public var facts: [String: String] { ["patch embedding": "frozen at its random start"] }

    public mutating func shrink(to size: SmallSize) {
      (hiddenSize, outputSize) = (size.hidden, size.output)
      cropScale = size.cropScale(cropScale)
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      let projector = HeadSize.layers(featureCount, hiddenSize, hiddenSize, outputSize)
      return HeadSize(
        trained: projector + HeadSize.layers(outputSize, hiddenSize, outputSize), kept: projector)
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      MoCoV3(self, totalSteps: totalSteps, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public private(set) var observation: StepObservation?
  private let temperature: Float
  let networks: SiameseNetworks
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  public init(
    _ settings: Settings, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    temperature = Float(settings.temperature)
    schedule = MomentumSchedule(start: settings.startMomentum, totalSteps: totalSteps)
    func shape(_ layerCount: Int) -> ProjectionHead.Shape {
      var shape = ProjectionHead.Shape(
        hidden: [Int](repeating: settings.hiddenSize, count: layerCount),
        outputs: settings.outputSize)
      (shape.hiddenBias, shape.outputBias, shape.normalizesOutput) = (false, false, true)
      return shape
    }
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder, projector: { _ in shape(2) }, predictor: shape(1))
    encoder.visitParameters("") { key, tensor in
      if key.hasPrefix("patch_embed.proj.") { tensor.requiresGradient = false }
    }
  }

  public func prepare(at position: StepPosition) { moveTarget(step: position.step) }

  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    let views = networks.outputs(features, targets: targetFeatures)
    let labels = Array(0..<features[0].shape[0])
    observation = views.observation
    return views.loss { query, key, _ in
      let logits = scaled(matmul(query, key, transposeB: true), by: 1 / temperature)
      return scaled(crossEntropy(logits, targets: labels), by: 2 * temperature)
    }
  }
}

extension MethodDescription {
  /// MoCo v3.
  public static let mocoV3 = MethodDescription(
    "moco-v3", title: "MoCo v3",
    options: [
      .startMomentum(\MoCoV3.Settings.startMomentum),
      .temperature(\MoCoV3.Settings.temperature), .hiddenSize(\MoCoV3.Settings.hiddenSize),
      .outputSize(\MoCoV3.Settings.outputSize), .cropScale(\MoCoV3.Settings.cropScale.low),
    ], published: { _ in .mocoV3 })
}

extension PretrainingRecipe {
  /// MoCo v3 for ViT-S, 300 epochs; everything that is trained decays, norms and biases too.
  static var mocoV3: PretrainingRecipe {
    var recipe = PretrainingRecipe(.mocoV3, MoCoV3.Settings())
    recipe.epochs = 300
    recipe.warmupEpochs = 40
    recipe.batchSize = 4096
    recipe.baseLearningRate = 1.5e-4
    recipe.isShifted = true
    recipe.weightDecay = 0.1
    recipe.decayRule = .all
    recipe.clipping = .none
    return recipe
  }
}
