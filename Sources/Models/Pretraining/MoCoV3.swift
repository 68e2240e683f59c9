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
  public let dropPathRate: Float
  public private(set) var observation: StepObservation?
  private let temperature: Float
  let networks: SiameseNetworks
  let schedule: MomentumSchedule

  /// Builds the networks; the target starts as a copy of the online one.
  public init(
    _ recipe: PretrainingRecipe, totalSteps: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    dropPathRate = Float(recipe.dropPathRate)
    temperature = Float(recipe.temperature)
    schedule = recipe.momentumSchedule(totalSteps: totalSteps)
    func shape(_ layerCount: Int) -> ProjectionHead.Shape {
      var shape = ProjectionHead.Shape(
        hidden: [Int](repeating: recipe.hiddenSize, count: layerCount), outputs: recipe.outputSize)
      (shape.hiddenBias, shape.outputBias, shape.normalizesOutput) = (false, false, true)
      return shape
    }
    networks = SiameseNetworks(
      seed: seed, makeEncoder: makeEncoder, projector: { _ in shape(2) }, predictor: shape(1))
    if recipe.freezesPatchEmbedding {
      encoder.visitParameters("") { key, tensor in
        if key.hasPrefix("patch_embed.proj.") { tensor.requiresGradient = false }
      }
    }
  }

  public func loss(features: [Tensor], batch: PretrainingBatch, at position: StepPosition)
    -> Tensor
  {
    let queries = features.map { l2Normalized(networks.queries($0)) }
    let keys = withoutGradients {
      moveTarget(step: position.step)
      return batch.views.map { view in
        l2Normalized(networks.keys(view, chunkSize: position.chunkSize))
      }
    }
    // With several processes the keys are those of all, and the labels start at this one's share.
    let labels = Array(0..<batch.count)
    func direction(_ query: Int, _ key: Int) -> Tensor {
      let logits = scaled(
        matmul(queries[query], keys[key], transposeB: true), by: 1 / temperature)
      return scaled(crossEntropy(logits, targets: labels), by: 2 * temperature)
    }
    observation = StepObservation(queries: queries[0].detached(), keys: keys[1])
    return add(direction(0, 1), direction(1, 0))
  }
}

extension PretrainingRecipe {
  /// MoCo v3 for ViT-S, 300 epochs; everything that is trained decays, norms and biases too.
  static var mocoV3: PretrainingRecipe {
    var recipe = PretrainingRecipe(method: .mocoV3)
    recipe.epochs = 300
    recipe.warmupEpochs = 40
    recipe.batchSize = 4096
    recipe.baseLearningRate = 1.5e-4
    recipe.isShifted = true
    recipe.weightDecay = 0.1
    recipe.decayRule = .all
    recipe.clipping = .none
    recipe.startMomentum = 0.99
    recipe.temperature = 0.2
    recipe.hiddenSize = 4096
    recipe.outputSize = 256
    recipe.freezesPatchEmbedding = true
    return recipe
  }
}
