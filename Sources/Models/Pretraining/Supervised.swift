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
  /// Numbers of supervised training alone, as published.
  public struct Settings: MethodSettings {
    /// How images are mixed and labels softened.
    public var mixing = LabelMixing()
    /// Whether RandAugment is applied, and the probability that a rectangle is erased.
    public var usesRandAugment = true, erasing = 0.25
    /// Area of a crop, in parts of the image.
    public var cropScale = 0.08...1.0

    public var onlineViews: [Int] { [0] }
    public var targetViews: [Int] { [] }
    public var labels: LabelMixing? { mixing }
    public var smallLearningRate: Double { 4e-3 }

    /// The published numbers.
    public init() {}

    public func views(inputSize: Int) -> [ViewDescription] {
      [
        ViewDescription(size: inputSize, scale: cropScale).with(\.pipeline, .randAugment)
          .with(\.usesOperations, usesRandAugment).with(\.erasing, erasing)
      ]
    }

    public mutating func shrink(to size: SmallSize) {
      // A short training of a small network does not need what keeps a long one from overfitting.
      (usesRandAugment, erasing, mixing.mixup, mixing.cutmix) = (false, 0, 0, 0)
      cropScale = size.cropScale(cropScale)
    }

    public func headSize(featureCount: Int, classCount: Int) -> HeadSize {
      HeadSize(trained: HeadSize.layers(featureCount, classCount))
    }

    public func makeMethod(
      totalSteps: Int, classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone
    ) -> any PretrainingMethod {
      Supervised(classCount: classCount, seed: seed, makeEncoder: makeEncoder)
    }
  }

  public let encoder: any Backbone
  public private(set) var observation: StepObservation?
  private let head: Linear

  /// Builds the network.
  public init(classCount: Int, seed: UInt64, makeEncoder: () -> any Backbone) {
    encoder = makeEncoder()
    head = Linear(
      truncatedNormal: encoder.featureCount, classCount, key: "head.", Initializer(seed: seed))
  }

  /// Trains a classifier that is there.
  public init(_ classifier: Classifier) {
    encoder = classifier.backbone
    head = classifier.head
  }

  /// Published classifiers have no `encoder.`.
  public func exportedKey(_ key: String) -> String {
    key.hasPrefix("encoder.") ? String(key.dropFirst("encoder.".count)) : key
  }

  public var followed: [(target: Tensor, online: Tensor)] { [] }
  public func momentum(step: Int) -> Double { 0 }

  /// - Precondition: the batch has targets.
  public func loss(
    features: [Tensor], targetFeatures: [Tensor], targets: Tensor?, at position: StepPosition
  ) -> Tensor {
    guard let targets else {
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
}

extension MethodDescription {
  /// Training on labels.
  public static let supervised = MethodDescription(
    "supervised", title: "Supervised", options: [.cropScale(\Supervised.Settings.cropScale.low)],
    published: { if case .swin = $0 { .supervisedSwin } else { .supervisedDeiT } })
}

extension PretrainingRecipe {
  /// The supervised recipe of Swin-T, 300 epochs.
  static var supervisedSwin: PretrainingRecipe {
    var recipe = PretrainingRecipe(.supervised, Supervised.Settings())
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
