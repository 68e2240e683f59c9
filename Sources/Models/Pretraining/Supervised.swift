import Layers
import TensorCore

/// Supervised training: a linear classifier over the backbone's features.
///
///     loss = mean over images of −Σ t·log softmax(W·f + b)
///
/// The targets t carry label smoothing, mixup and cutmix.
///
/// State keys: `encoder.*`, `head.weight [K, D]`, `head.bias [K]`. Published files have no
/// `encoder.`; the exported checkpoint leaves it out.
///
/// Source: Touvron et al., Training data-efficient image transformers, 2021; Liu et al., Swin
/// Transformer, 2021.
public final class Supervised: PretrainingMethod {
  public let encoder: any Backbone
  public let dropPathRate: Float
  public private(set) var observation: StepObservation?
  private let head: Linear

  /// Builds the network.
  public init(
    _ recipe: PretrainingRecipe, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
  ) {
    dropPathRate = Float(recipe.dropPathRate)
    encoder = makeEncoder()
    head = Linear(
      truncatedNormal: encoder.featureCount, classCount, key: "head.", Initializer(seed: seed))
  }

  public var onlineViews: [Int] { [0] }
  public var targetViews: [Int] { [] }
  public var followed: [(target: Tensor, online: Tensor)] { [] }
  public func momentum(step: Int) -> Double { 0 }

  /// - Precondition: the batch has targets.
  public func loss(features: [Tensor], batch: PretrainingBatch, at position: StepPosition)
    -> Tensor
  {
    guard let targets = batch.targets else {
      preconditionFailure("supervised training needs targets")
    }
    observation = StepObservation(
      queries: withoutGradients { l2Normalized(features[0].detached()) }, keys: nil)
    return softCrossEntropy(head(features[0]), targets: targets)
  }

  public func visitTrained(_ visit: (String, Tensor) -> Void) {
    encoder.visitParameters("encoder.", visit)
    head.visitParameters("head.", visit)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visitTrained { visit(prefix + $0, $1) }
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    encoder.visitBuffers(prefix + "encoder.", visit)
  }

  public func restoreBuffers(_ stored: (String) -> [Float]?) {}
}

extension PretrainingRecipe {
  /// The supervised recipe of Swin-T, 300 epochs.
  static var supervisedSwin: PretrainingRecipe {
    var recipe = PretrainingRecipe(method: .supervised)
    recipe.epochs = 300
    recipe.warmupEpochs = 20
    recipe.batchSize = 1024
    recipe.baseLearningRate = 2.5e-4
    recipe.warmupStart = 2.5e-7
    recipe.minimumRate = 2.5e-6
    recipe.lagsSchedule = true
    recipe.weightDecay = 0.05
    recipe.decayRule = .matricesWithoutPositions
    recipe.clipping = .global
    recipe.clipNorm = 5
    recipe.dropPathRate = 0.2
    return recipe
  }

  /// The supervised recipe of DeiT-S, 300 epochs; the first two run at the warm-up's start.
  static var supervisedDeiT: PretrainingRecipe {
    var recipe = supervisedSwin
    recipe.warmupEpochs = 5
    recipe.warmupStart = 1e-6
    recipe.minimumRate = 1e-5
    recipe.scalesMinimum = false
    recipe.isEpochwise = true
    recipe.clipping = .none
    recipe.dropPathRate = 0.1
    recipe.repeats = 3
    return recipe
  }
}
