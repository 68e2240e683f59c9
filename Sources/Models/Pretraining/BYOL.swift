import Layers
import TensorCore

/// BYOL: each view predicts the other's target projection; no negatives.
///
///     loss = mean over images of Σ over both directions of ‖q̂ − k̂‖² = 2 − 2·cos(q, k)
///
/// The target moves after the update, towards the online network that was just updated.
///
/// State keys: `encoder.*`, `encoder_k.*`, `projector.*`, `projector_k.*`, `predictor.*`.
///
/// Source: Grill et al., Bootstrap Your Own Latent, 2020.
/// Differs from the source: the target starts as a copy of the online network; there both are
/// drawn apart, to no effect that its authors could see.
public final class BYOL: SiameseMethod {
  /// BYOL's own numbers, as published.
  public struct Settings: MethodSettings {
    /// The target's momentum at the start.
    public var startMomentum = 0.99
    /// Hidden size of the heads, and length of their output.
    public var hiddenSize = 4096, outputSize = 256
    /// Whether the last linear layers of the heads have a bias.
    public var hasOutputBias = false
    /// Area of a crop, in parts of the image.
    public var cropScale = 0.08...1.0

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      ViewDescription.pair(size: inputSize, scale: cropScale).map { $0.with(\.pipeline, .reals) }
    }

    public var facts: [String: String] {
      ["heads' output": hasOutputBias ? "with bias" : "without bias"]
    }

    public mutating func shrink(to size: SmallSize) {
      (hiddenSize, outputSize) = (size.hidden, size.output)
      cropScale = size.cropScale(cropScale)
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      let projector = HeadSize.layers(featureCount, hiddenSize, outputSize)
      return HeadSize(
        trained: projector + HeadSize.layers(outputSize, hiddenSize, outputSize), kept: projector)
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      BYOL(self, totalSteps: totalSteps, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public private(set) var observation: StepObservation?
  let networks: SiameseNetworks
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  public init(
    _ settings: Settings, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    schedule = MomentumSchedule(start: settings.startMomentum, totalSteps: totalSteps)
    var shape = ProjectionHead.Shape(hidden: [settings.hiddenSize], outputs: settings.outputSize)
    shape.outputBias = settings.hasOutputBias
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder, projector: { [shape] _ in shape }, predictor: shape)
  }

  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    // The source adds 1e-12 under the root: rsqrt(max(Σx², 1e-12)).
    let views = networks.outputs(features, targets: targetFeatures, epsilon: 1e-6)
    observation = views.observation
    return views.loss { query, key, _ in
      let difference = add(query, scaled(key, by: -1))
      return scaled(sum(multiply(difference, difference)), by: 1 / Float(difference.shape[0]))
    }
  }

  public func didStep(at position: StepPosition) { moveTarget(step: position.step) }
}

extension MethodDescription {
  /// BYOL.
  public static let byol = MethodDescription(
    "byol", title: "BYOL",
    options: [
      .startMomentum(\BYOL.Settings.startMomentum), .hiddenSize(\BYOL.Settings.hiddenSize),
      .outputSize(\BYOL.Settings.outputSize), .cropScale(\BYOL.Settings.cropScale.low),
    ], published: { _ in .byol }, transformer: { _ in .byolTransformer })
}

extension PretrainingRecipe {
  /// BYOL, 300 epochs, as published for ResNet-50.
  static var byol: PretrainingRecipe {
    var recipe = PretrainingRecipe(.byol, BYOL.Settings())
    recipe.epochs = 300
    recipe.warmupEpochs = 10
    recipe.batchSize = 4096
    recipe.baseLearningRate = 0.3
    recipe.isShifted = true
    recipe.optimizer = .lars
    recipe.weightDecay = 1e-6
    recipe.decayRule = .matrices
    recipe.clipping = .none
    return recipe
  }

  /// BYOL as transformers have been trained with it: MoBY's heads, optimiser and drop path.
  static var byolTransformer: PretrainingRecipe {
    var recipe = byol
    let moby = PretrainingRecipe.moby
    recipe.warmupEpochs = moby.warmupEpochs
    recipe.batchSize = moby.batchSize
    recipe.baseLearningRate = moby.baseLearningRate
    recipe.warmupStart = moby.warmupStart
    recipe.minimumRate = moby.minimumRate
    recipe.isShifted = false
    recipe.lagsSchedule = true
    recipe.optimizer = .adamw
    recipe.weightDecay = moby.weightDecay
    recipe.clipping = .global
    recipe.clipNorm = moby.clipNorm
    recipe.dropPathRate = moby.dropPathRate
    recipe.change(BYOL.Settings.self) { $0.hasOutputBias = true }
    return recipe
  }
}
