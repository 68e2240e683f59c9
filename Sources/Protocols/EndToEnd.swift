import CommandLine
import Layers
import Loading
import Models
import Reporting
import VisionData

/// What training a whole network needs beside what a probe has, too.
public struct EndToEnd: Sendable, Equatable {
  /// How the backbone's rates fall from layer to layer; 1 is one rate for all.
  public var layerDecay: Float = 1
  /// Rates at the start of the warm-up and at the end, for as many images as the peak.
  public var warmupStart = 0.0, minimumRate = 0.0
  /// Whether these two grow with the batch, as the peak does.
  public var scalesEnds = true
  /// Whether the rate changes once an epoch instead of every step.
  public var isEpochwise = false
  /// Whether the cosine begins after the warm-up; else it enters part of the way down.
  public var isShifted = false
  /// Whether step i has the rate of step i − 1, as schedulers that step afterwards have it.
  public var lags = false
  /// Drop path of networks of more than twelve blocks, where another is published for them.
  public var deepDropPath: Double?
  /// The parameters of mixup and cutmix, 0 is off.
  public var mixup = 0.8, cutmix = 1.0
  /// Whether RandAugment is applied, and the probability that a rectangle is erased.
  public var usesRandAugment = true, erasing = 0.25
  /// Times each image is shown in a row of an epoch (DeiT's repeated augmentation).
  public var repeats = 1
  /// Groups of a batch that are summed apart; nil is as many as cost no speed.
  public var groupCount: Int?
  /// Pieces that a batch is taken in, to save memory.
  public var accumulation = 1

  /// What all published rows have.
  public init() {}

  /// The numbers of supervised training that this has.
  fileprivate func supervised(labelSmoothing: Double) -> Supervised.Settings {
    var own = Supervised.Settings()
    (own.mixing.smoothing, own.mixing.mixup, own.mixing.cutmix) = (labelSmoothing, mixup, cutmix)
    (own.usesRandAugment, own.erasing) = (usesRandAugment, erasing)
    return own
  }

  /// How training images are seen.
  func trainTransform(inputSize: Int) -> (any ImageTransform)? {
    supervised(labelSmoothing: 0).views(inputSize: inputSize).first?.transform
  }
}

// MARK: Rows

extension LinearProtocol {
  /// Whether the whole network is trained.
  public var trainsNetwork: Bool { classifier == .endToEnd }

  /// The published numbers of a row.
  mutating func takeEndToEnd() {
    var own = EndToEnd()
    (classifier, testFilter) = (.endToEnd, .bicubic)
    (batchSize, weightDecay, clipNorm, dropPathRate) = (1024, 0.05, 0, 0.1)
    switch name {
    case .fineTuneSwin:
      (epochs, warmupEpochs, learningRates, weightDecay) = (30, 5, [2e-5], 1e-8)
      (own.warmupStart, own.minimumRate, own.lags) = (2e-8, 2e-7, true)
      (clipNorm, own.deepDropPath, start) = (5, 0.2, .zero)
    case .fineTuneDeiT:
      (epochs, warmupEpochs, learningRates) = (150, 5, [5e-4])
      (own.warmupStart, own.minimumRate, own.scalesEnds) = (1e-6, 1e-5, false)
      (own.isEpochwise, own.lags, own.repeats) = (true, true, 3)
    case .fineTuneSimMIM:
      (epochs, warmupEpochs, learningRates, batchSize) = (100, 20, [1.25e-3], 2048)
      (own.warmupStart, own.minimumRate) = (2.5e-7, 2.5e-7)
      (own.lags, clipNorm, own.layerDecay) = (true, 5, 0.8)
    case .fineTuneMAE:
      (epochs, warmupEpochs, learningRates, rateBatchSize) = (100, 5, [5e-4], 256)
      (own.minimumRate, own.scalesEnds, own.isShifted) = (1e-6, false, true)
      (own.layerDecay, start) = (0.65, .small)
    case .moby, .mocoV3, .dino, .logistic, .attentive: return
    }
    endToEnd = own
  }

  /// Sizes for a small network and few images: a short training without what keeps a long one from
  /// overfitting, at a rate at which it moves.
  mutating func shrinkEndToEnd(isSmoke: Bool) {
    guard var own = endToEnd else { return }
    (batchSize, epochs, warmupEpochs) = isSmoke ? (16, 2, 1) : (64, 20, 2)
    let rate = 1e-3 * Double(rateBatchSize) / 256
    (learningRates, dropPathRate, own.deepDropPath) = ([rate], min(dropPathRate, 0.05), nil)
    (own.warmupStart, own.minimumRate, own.scalesEnds) = (rate * 1e-3, rate * 5e-3, true)
    (own.isEpochwise, own.repeats, own.usesRandAugment) = (false, 1, false)
    (own.mixup, own.cutmix, own.erasing) = (0, 0, 0)
    endToEnd = own
  }

  /// The drop path of a network under this protocol.
  package func dropPath(of architecture: Architecture) -> Double {
    architecture.blockWidths.count > 12
      ? endToEnd?.deepDropPath ?? dropPathRate : dropPathRate
  }

  /// The training of a network, at the first of the rates.
  ///
  /// - Precondition: the protocol trains the whole network.
  package func recipe(for architecture: Architecture) -> PretrainingRecipe {
    guard let endToEnd else { preconditionFailure("\(name.rawValue) trains no network") }
    var recipe = MethodDescription.supervised.recipe(for: architecture)
    (recipe.epochs, recipe.warmupEpochs, recipe.batchSize) = (epochs, warmupEpochs, batchSize)
    // A recipe's rates are for 256 images.
    let scale = 256 / Double(rateBatchSize)
    let endScale = endToEnd.scalesEnds ? scale : 1
    recipe.baseLearningRate = learningRates[0] * scale
    recipe.warmupStart = endToEnd.warmupStart * endScale
    recipe.minimumRate = endToEnd.minimumRate * endScale
    recipe.scalesMinimum = endToEnd.scalesEnds
    recipe.isEpochwise = endToEnd.isEpochwise
    recipe.isShifted = endToEnd.isShifted
    recipe.lagsSchedule = endToEnd.lags
    recipe.constantWeightDecay = weightDecay
    recipe.decayRule = .matricesWithoutPositions
    (recipe.clipping, recipe.clipNorm) = (clipNorm > 0 ? .global : .none, clipNorm)
    recipe.layerDecay = endToEnd.layerDecay
    recipe.dropPathRate = dropPath(of: architecture)
    recipe.repeats = endToEnd.repeats
    recipe.settings = endToEnd.supervised(labelSmoothing: labelSmoothing)
    return recipe
  }

  /// The deviation of the law that the head's first weights follow; 0 is zeros.
  package var headDeviation: Double {
    switch start {
    case .truncatedNormal: 0.02
    case .normal: 0.01
    case .small: 2e-5
    case .zero: 0
    }
  }
}

// MARK: Records

extension LinearProtocol {
  /// The settings of a training of the whole network by name.
  var trained: [String: String] {
    guard let endToEnd else { return [:] }
    let ends = endToEnd.scalesEnds ? "for \(rateBatchSize) images" : "for any batch"
    let unit = endToEnd.isEpochwise ? "epoch" : "step"
    let entry = endToEnd.isShifted ? "begun after the warm-up" : "that the warm-up is part of"
    var list = [
      "epochs": String(epochs), "warmup-epochs": String(warmupEpochs),
      "batch-size": String(batchSize), "learning-rates": learningRates.argument,
      "rates for": "batches of \(rateBatchSize)",
      "schedule": "warm-up from \(endToEnd.warmupStart.argument), cosine to "
        + "\(endToEnd.minimumRate.argument) \(ends), \(entry), each \(unit)"
        + (endToEnd.lags ? ", the rate of the \(unit) before" : ""),
      "optimizer": "AdamW, β 0.9 and 0.999",
      "weight-decay":
        "\(weightDecay.argument), \(WeightDecayRule.matricesWithoutPositions.rawValue)",
      "layer-decay": endToEnd.layerDecay.argument,
      "label-smoothing": labelSmoothing.argument,
      "clip-norm": clipNorm == 0 ? "none" : clipNorm.argument,
      "drop-path": dropPathRate.argument, "mixup": endToEnd.mixup.argument,
      "cutmix": endToEnd.cutmix.argument, "start": start.rawValue,
    ]
    if let deep = endToEnd.deepDropPath {
      list["drop-path"] = "\(dropPathRate.argument), \(deep.argument) above 12 blocks"
    }
    if endToEnd.repeats > 1 { list["repeats"] = String(endToEnd.repeats) }
    if endToEnd.accumulation > 1 { list["accumulate"] = String(endToEnd.accumulation) }
    return list
  }

  /// Notes what a training of the whole network has otherwise, beside what probes have, too.
  func compareEndToEnd(_ published: LinearProtocol, _ found: inout Deviations) {
    guard let own = endToEnd, let other = published.endToEnd else { return }
    found.compare("layer decay", own.layerDecay, other.layerDecay)
    found.compare("start of the warm-up", own.warmupStart, other.warmupStart)
    found.compare("last rate", own.minimumRate, other.minimumRate)
    found.compare("mixup", own.mixup, other.mixup)
    found.compare("cutmix", own.cutmix, other.cutmix)
    found.compare("random erasing", own.erasing, other.erasing)
    found.compare("views of an image in a row", own.repeats, other.repeats)
    if own.usesRandAugment != other.usesRandAugment { found.add("no RandAugment") }
    if own.isEpochwise != other.isEpochwise { found.add("a rate each step instead of each epoch") }
    if name == .fineTuneSimMIM, own.layerDecay != 1 {
      found.add("start and end of the rates fall with the layers, too")
    }
  }

  /// What a training of a network has otherwise than the published one of this name.
  package func deviations(on architecture: Architecture) -> Deviations {
    var found = deviations
    found.compare(
      "drop path", dropPath(of: architecture), LinearProtocol(name).dropPath(of: architecture))
    switch (name, architecture) {
    case (.fineTuneSwin, .visionTransformer), (.fineTuneSimMIM, .visionTransformer):
      found.add("Swin's numbers on a ViT")
    case (.fineTuneDeiT, .swin), (.fineTuneMAE, .swin): found.add("a ViT's numbers on a Swin")
    case (.fineTuneMAE, .visionTransformer):
      found.add("the class token under the final norm instead of the mean patch token")
    default: break
    }
    return found
  }
}
