import CommandLine
import Foundation
import Layers
import Models
import VisionData

/// Everything that decides the weights of a pretraining run, but for the images.
public struct PretrainingPlan: Sendable, Equatable {
  /// The method's numbers.
  public var recipe: PretrainingRecipe
  /// The network.
  public var architecture: Architecture
  /// Side of the views, and of DINO's local ones, in pixels.
  public var inputSize = 224, localSize = 96
  /// Seed of weights, order, views and drop path.
  public var seed = 0
  /// Pieces that a batch is taken in, to save memory.
  public var accumulation = 1
  /// At most this many training images are used, evenly by class; 0 is all.
  public var limit = 0
  /// At an image that cannot be decoded.
  public var onBadImage = BadImagePolicy.fail
  /// Images of each split that the nearest-neighbour probe of an epoch sees; 0 is no probe.
  public var probeLimit = 1000

  /// A plan at the published sizes.
  public init(_ recipe: PretrainingRecipe, architecture: Architecture) {
    self.recipe = recipe
    self.architecture = architecture
  }

  /// Images that go through a network at once.
  var chunkSize: Int { (recipe.batchSize + accumulation - 1) / accumulation }

  /// Operations of an image.
  var cost: TrainingCost {
    TrainingCost(
      recipe, architecture: architecture, inputSize: inputSize, localSize: localSize,
      recomputes: accumulation > 1)
  }

  /// Every setting by name, as text: what a result says of how it was made.
  var settings: [String: String] {
    var list = [
      "method": recipe.method.title, "architecture": architecture.name,
      "input-size": String(inputSize), "seed": String(seed), "accumulate": String(accumulation),
      "limit": limit == 0 ? "all" : String(limit), "on-bad-image": onBadImage.rawValue,
      "epochs": String(recipe.epochs), "warmup-epochs": String(recipe.warmupEpochs),
      "batch-size": String(recipe.batchSize),
      "learning-rate": learningRateRule,
      "schedule": "\(recipe.isEpochwise ? "each epoch" : "each step"), cosine to "
        + (recipe.minimumRate * (recipe.scalesMinimum ? recipe.rateScale : 1)).argument,
      "optimizer": recipe.optimizer.rawValue,
      "weight-decay": recipe.weightDecay.argument
        + (recipe.finalWeightDecay.map { " to \($0.argument)" } ?? "")
        + ", \(recipe.decayRule.rawValue)",
      "clipping": recipe.clipping == .none
        ? "none" : "\(recipe.clipping.rawValue) \(recipe.clipNorm.argument)",
      "drop-path": recipe.dropPathRate.argument,
      "views": views.map(\.summary).joined(separator: " | "),
      "oddities of the reference": recipe.oddities.isEmpty
        ? "none" : recipe.oddities.joined(separator: "; "),
    ]
    if recipe.method == .supervised {
      list["targets"] = mixing.summary
      if recipe.repeats > 1 { list["repeats"] = String(recipe.repeats) }
      return list
    }
    list["heads"] = "hidden \(recipe.hiddenSize), output \(recipe.outputSize)"
    list["momentum"] =
      recipe.hasConstantMomentum
      ? recipe.startMomentum.argument : "\(recipe.startMomentum.argument) to 1, cosine"
    if recipe.usesQueue { list["queue"] = String(recipe.queueSize) }
    if recipe.normGroups > 0 { list["norm-groups"] = String(recipe.normGroups) }
    if recipe.freezesPatchEmbedding { list["patch embedding"] = "frozen at its random start" }
    if recipe.method == .dino || recipe.method == .dinoMultiCrop {
      list["temperature"] =
        "student \(recipe.studentTemperature), teacher \(recipe.teacherTemperature) to "
        + "\(recipe.finalTeacherTemperature) over \(recipe.teacherWarmupEpochs) epochs"
      list["prototypes"] =
        "\(recipe.prototypeCount), frozen for \(recipe.frozenLastLayerEpochs) epochs"
    } else if recipe.method != .byol {
      list["temperature"] = recipe.temperature.argument
    }
    return list
  }

  /// The rule for the learning rate, spelled out.
  var learningRateRule: String {
    let rate = recipe.baseLearningRate * recipe.rateScale
    return "\(recipe.baseLearningRate.argument) x \(recipe.batchSize) / 256 = \(rate.argument)"
  }

  /// How each view is made.
  var views: [any ImageTransform] {
    switch recipe.method {
    case .moby: pair { .moby(size: inputSize, isSecond: $0) }
    case .byol:
      [false, true].map { isSecond in
        var view = BYOLView(size: inputSize, isSecond: isSecond)
        view.crop = RandomResizedCrop(scale: recipe.globalScale)
        return view
      }
    case .mocoV2: pair { _ in .mocoV2(size: inputSize) }
    case .mocoV3: pair { .mocoV3(size: inputSize, isSecond: $0) }
    case .dino, .dinoMultiCrop:
      pair { .dinoGlobal(size: inputSize, isSecond: $0, scale: recipe.globalScale) }
        + (0..<recipe.localViewCount).map { _ in
          ContrastiveView.dinoLocal(size: localSize, scale: recipe.localScale)
        }
    case .supervised: [supervisedView]
    }
  }

  private func pair(_ make: (Bool) -> ContrastiveView) -> [any ImageTransform] {
    [false, true].map { isSecond in
      var view = make(isSecond)
      // MoCo v2 and DINO have scales of their own.
      if recipe.method == .moby || recipe.method == .mocoV3 {
        view.crop = RandomResizedCrop(scale: recipe.globalScale)
      }
      return view
    }
  }

  private var supervisedView: any ImageTransform {
    SupervisedTransform(
      size: inputSize, crop: RandomResizedCrop(scale: recipe.globalScale),
      randAugment: recipe.usesRandAugment ? RandAugment() : nil,
      erasing: recipe.erasing > 0 ? RandomErasing(probability: recipe.erasing) : nil)
  }

  /// How supervised batches are mixed and labelled.
  var mixing: MixupCutmix {
    var mixing = MixupCutmix()
    mixing.mixupAlpha = recipe.mixup
    mixing.cutmixAlpha = recipe.cutmix
    mixing.labelSmoothing = recipe.labelSmoothing
    return mixing
  }
}
