import Layers

/// The ways of making a backbone.
public enum PretrainingMethodName: String, Sendable, CaseIterable {
  case moby
  case mocoV2 = "moco-v2"
  case byol
  case mocoV3 = "moco-v3"
  case dino
  case dinoMultiCrop = "dino-multicrop"
  case supervised

  /// The name in tables.
  public var title: String {
    switch self {
    case .moby: "MoBY"
    case .mocoV2: "MoCo v2"
    case .byol: "BYOL"
    case .mocoV3: "MoCo v3"
    case .dino: "DINO"
    case .dinoMultiCrop: "DINO with multi-crop"
    case .supervised: "Supervised"
    }
  }
}

/// Every number of a pretraining run that decides its weights, but for data and seed.
///
/// Learning rates are for a batch of 256; see `rateScale`.
public struct PretrainingRecipe: Sendable, Equatable {
  /// The update rule.
  public enum OptimizerKind: String, Sendable, CaseIterable { case adamw, sgd, lars }
  /// How gradients are limited.
  public enum Clipping: String, Sendable, CaseIterable {
    case none, global
    case perTensor = "per-tensor"
  }

  /// The method.
  public var method: PretrainingMethodName
  // MARK: Length and batch
  /// Passes over the training images, and how many of them warm up.
  public var epochs = 100, warmupEpochs = 0
  /// Images an update.
  public var batchSize = 512
  /// Times each image is shown in a row of an epoch (DeiT's repeated augmentation).
  public var repeats = 1
  // MARK: Schedule
  /// Highest learning rate for a batch of 256.
  public var baseLearningRate = 5e-4
  /// Rate at the start of the warm-up and at the end, for a batch of 256.
  public var warmupStart = 0.0, minimumRate = 0.0
  /// Whether start and end of the schedule grow with the batch, as the peak does.
  public var scalesMinimum = true
  /// Whether the rate changes once an epoch instead of every step.
  public var isEpochwise = false
  /// Whether the cosine begins after the warm-up; else it enters part of the way down.
  public var isShifted = false
  /// Whether step i has the rate of step i − 1, as schedulers that step afterwards have it.
  public var lagsSchedule = false
  /// Whether the last warm-up step has the peak itself.
  public var reachesPeak = false
  // MARK: Update
  /// The update rule.
  public var optimizer = OptimizerKind.adamw
  /// Weight decay at the start and, when it is not constant, at the end of its cosine.
  public var weightDecay = 0.05, finalWeightDecay: Double?
  /// Which parameters decay.
  public var decayRule = WeightDecayRule.matrices
  /// How gradients are limited, and to what norm.
  public var clipping = Clipping.none, clipNorm = 0.0
  /// Drop-path rate of the online encoder.
  public var dropPathRate = 0.0
  // MARK: Networks and loss
  /// The target's momentum at the start, and whether it stays.
  public var startMomentum = 0.99, hasConstantMomentum = false
  /// Temperature of the logits.
  public var temperature = 0.2
  /// Hidden size of the heads, length of their output, keys in a queue.
  public var hiddenSize = 4096, outputSize = 256, queueSize = 0
  /// Groups of a batch that are normalised apart in MoCo v2's head; 0 leaves the head without
  /// normalisation, as published.
  public var normGroups = 0
  /// Whether the patch embedding's convolution keeps its first weights.
  public var freezesPatchEmbedding = false
  // MARK: DINO
  /// Prototypes of the last layer.
  public var prototypeCount = 0
  /// The student's temperature.
  public var studentTemperature = 0.1
  /// The teacher's temperature at the start and after its warm-up.
  public var teacherTemperature = 0.04, finalTeacherTemperature = 0.04
  /// Epochs of the teacher's warm-up.
  public var teacherWarmupEpochs = 0
  /// Epochs in which the last layer is not trained.
  public var frozenLastLayerEpochs = 1
  /// Whether prototypes keep unit length.
  public var normalizesLastLayer = true
  /// Small crops beside the two large ones.
  public var localViewCount = 0
  // MARK: Views
  /// Area of a (global) crop and of a local one, in parts of the image.
  public var globalScale = 0.08...1.0, localScale = 0.05...0.4
  // MARK: Supervised
  /// Label smoothing, and the parameters of mixup and cutmix (0 turns one off).
  public var labelSmoothing = 0.1, mixup = 0.8, cutmix = 1.0
  /// Probability that a rectangle of an image is erased.
  public var erasing = 0.25
  /// Whether RandAugment is applied.
  public var usesRandAugment = true

  /// A recipe at its type's defaults; the methods' own are `published(_:for:)`.
  public init(method: PretrainingMethodName) { self.method = method }

  /// The published numbers of a method, for its own paper's kind of network where they depend on
  /// it.
  public static func published(
    _ method: PretrainingMethodName, for architecture: Architecture
  ) -> PretrainingRecipe {
    switch method {
    case .moby: .moby
    case .mocoV2: .mocoV2
    case .byol: .byol
    case .mocoV3: .mocoV3
    case .dino: .dino
    case .dinoMultiCrop: .dinoMultiCrop
    case .supervised:
      if case .swin = architecture { .supervisedSwin } else { .supervisedDeiT }
    }
  }

  /// The published numbers, but with an optimiser that transformers learn under where the method
  /// was published for convolutional networks (MoCo v2, BYOL).
  public static func forTransformers(
    _ method: PretrainingMethodName, architecture: Architecture
  ) -> PretrainingRecipe {
    switch method {
    case .mocoV2: .mocoV2Transformer
    case .byol: .byolTransformer
    default: published(method, for: architecture)
    }
  }

  /// Whether the target's queue must be divided by the batch.
  public var usesQueue: Bool { method == .moby || method == .mocoV2 }

  /// Views of an image that a step needs.
  public var viewCount: Int { method == .supervised ? 1 : 2 + localViewCount }

  // MARK: Schedules

  /// What rates are multiplied by: batch / 256.
  public var rateScale: Double { Double(batchSize) / 256 }

  /// The learning rate of every step.
  public func learningRateSchedule(stepsPerEpoch: Int) -> any LearningRateSchedule {
    let endScale = scalesMinimum ? rateScale : 1
    func curve(_ unit: Int) -> CosineSchedule {
      CosineSchedule(
        peak: baseLearningRate * rateScale, warmupStart: warmupStart * endScale,
        minimum: minimumRate * endScale, warmupSteps: warmupEpochs * unit,
        totalSteps: epochs * unit, isShifted: isShifted, lags: lagsSchedule,
        reachesPeak: reachesPeak)
    }
    return isEpochwise
      ? EpochwiseSchedule(curve(1), stepsPerEpoch: stepsPerEpoch) : curve(stepsPerEpoch)
  }

  /// The weight decay of one step.
  public func weightDecay(step: Int, totalSteps: Int) -> Double {
    guard let finalWeightDecay else { return weightDecay }
    return CosineSchedule(
      peak: weightDecay, warmupStart: 0, minimum: finalWeightDecay, warmupSteps: 0,
      totalSteps: totalSteps, lags: false
    ).learningRate(step: step)
  }

  /// The target's momentum.
  func momentumSchedule(totalSteps: Int) -> MomentumSchedule {
    MomentumSchedule(
      start: startMomentum, isConstant: hasConstantMomentum, totalSteps: totalSteps)
  }

  // MARK: Oddities of the references

  /// What the reference code does that its authors probably did not mean, where it moves numbers.
  public var oddities: [String] {
    var list: [String] = []
    if lagsSchedule {
      list.append("the rate of a \(isEpochwise ? "epoch" : "step") is the one before's")
    }
    if warmupEpochs > 0, !isShifted { list.append("the cosine is not shifted by the warm-up") }
    if method == .moby, decayRule == .matrices {
      list.append("position biases and embeddings decay")
    }
    return list
  }

  /// The same recipe without the oddities.
  public func withoutOddities() -> PretrainingRecipe {
    var recipe = self
    recipe.lagsSchedule = false
    recipe.isShifted = true
    if method == .moby { recipe.decayRule = .matricesWithoutPositions }
    return recipe
  }
}
