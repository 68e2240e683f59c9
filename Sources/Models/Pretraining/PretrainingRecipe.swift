import Layers

/// Every number of a pretraining run that decides its weights, but for data and seed.
///
/// Learning rates are for a batch of 256; see `rateScale`.
public struct PretrainingRecipe: Sendable {
  /// The update rule.
  public enum OptimizerKind: String, Sendable, CaseIterable { case adamw, sgd, lars }
  /// How gradients are limited.
  public enum Clipping: String, Sendable, CaseIterable {
    case none, global
    case perTensor = "per-tensor"
  }

  /// The method.
  public internal(set) var method: MethodDescription
  /// The numbers that only this method has.
  public var settings: any MethodSettings
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
  /// How the encoder's rates fall from layer to layer; 1 is one rate for all.
  public var layerDecay: Float = 1
  /// Drop-path rate of the online encoder.
  public var dropPathRate = 0.0

  /// The rule that the reference's authors probably meant, where it is another.
  var intendedDecayRule: WeightDecayRule?

  /// A recipe at its type's defaults; the methods' own are `MethodDescription.recipe(for:)`.
  init(_ method: MethodDescription, _ settings: some MethodSettings) {
    self.method = method
    self.settings = settings
  }

  /// The method's own numbers, changed where they are of that kind.
  mutating func change<Settings: MethodSettings>(
    _ type: Settings.Type, _ body: (inout Settings) -> Void
  ) {
    guard var own = settings as? Settings else { return }
    body(&own)
    settings = own
  }

  /// Weight decay that stays the same throughout.
  public var constantWeightDecay: Double {
    get { weightDecay }
    set { (weightDecay, finalWeightDecay) = (newValue, nil) }
  }

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

  // MARK: Small runs

  /// Heads, queues and batch in proportion to a small network and a few thousand images.
  public mutating func shrink(isSmoke: Bool) {
    let published = epochs
    batchSize = isSmoke ? 16 : 64
    epochs = isSmoke ? 2 : 100
    scaleEpochs(from: published)
    settings.shrink(to: isSmoke ? .smoke : .mini)
    // Small networks at small batches learn at a higher rate for the same batch.
    baseLearningRate = settings.smallLearningRate
    warmupStart = baseLearningRate * 1e-3
    minimumRate = baseLearningRate * 5e-3
    scalesMinimum = true
    isEpochwise = false
    dropPathRate = min(dropPathRate, 0.05)
    repeats = 1
  }

  /// Keeps warm-ups at the part of the run that they had, but at least a tenth: epochs of a small
  /// data set have few steps, and a rate that rises within a dozen steps ruins the start.
  public mutating func scaleEpochs(from published: Int) {
    let epochs = epochs
    func scaled(_ count: Int) -> Int {
      max((epochs + 5) / 10, (count * epochs + published / 2) / max(1, published))
    }
    warmupEpochs = scaled(warmupEpochs)
    settings.scaleEpochs(scaled)
  }

  // MARK: Oddities of the references

  /// What the reference code does that its authors probably did not mean, where it moves numbers.
  public var oddities: [String] {
    var list: [String] = []
    if lagsSchedule {
      list.append("the rate of a \(isEpochwise ? "epoch" : "step") is the one before's")
    }
    if warmupEpochs > 0, !isShifted { list.append("the cosine is not shifted by the warm-up") }
    if let intendedDecayRule, decayRule != intendedDecayRule {
      list.append("position biases and embeddings decay")
    }
    return list
  }

  /// The same recipe without the oddities.
  public func withoutOddities() -> PretrainingRecipe {
    var recipe = self
    recipe.lagsSchedule = false
    recipe.isShifted = true
    if let intendedDecayRule { recipe.decayRule = intendedDecayRule }
    return recipe
  }
}
