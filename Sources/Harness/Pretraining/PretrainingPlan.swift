import CommandLine
import Foundation
import Layers
import Loading
import Models
import VisionData

/// Everything that decides the weights of a pretraining run, but for the images.
public struct PretrainingPlan: Sendable {
  /// The method's numbers.
  public var recipe: PretrainingRecipe
  /// The network.
  public var architecture: Architecture
  /// Side of the (global) views, in pixels.
  public var inputSize = 224
  /// Seed of weights, order, views and drop path.
  public var seed = 0
  /// Pieces that a batch is taken in, to save memory.
  public var accumulation = 1
  /// Groups of a batch that are summed apart; nil is as many as cost no speed.
  public var groupCount: Int?
  /// At most this many training images are used, evenly by class; nil is all.
  public var limit: Int?
  /// At an image that cannot be decoded.
  public var onBadImage = BadImagePolicy.fail
  /// Images of each split that the nearest-neighbour probe of an epoch sees; 0 is no probe.
  public var probeLimit = 1000

  /// A plan at the published sizes.
  public init(_ recipe: PretrainingRecipe, architecture: Architecture) {
    self.recipe = recipe
    self.architecture = architecture
  }

  /// Training images that take part, of so many.
  func imageCount(of all: Int) -> Int { min(limit ?? all, all) }
  /// Updates of an epoch, which is of whole batches.
  func stepsPerEpoch(of all: Int) -> Int { imageCount(of: all) / max(1, recipe.batchSize) }

  /// Images that go through a network at once.
  var chunkSize: Int { (recipe.batchSize + accumulation - 1) / accumulation }

  /// Groups of a batch.
  var groups: Int {
    groupCount
      ?? ImageGroups.usualCount(
        batchSize: recipe.batchSize,
        workPerImage: recipe.settings.onlineViews.reduce(0) {
          $0 + Double(architecture.multiplyAdds(inputSize: views[$1].size))
        })
  }

  /// Operations of an image.
  var cost: TrainingCost { cost(recomputes: accumulation > 1) }

  func cost(recomputes: Bool) -> TrainingCost {
    TrainingCost(
      recipe.settings, architecture: architecture, inputSize: inputSize, recomputes: recomputes)
  }

  /// How each view is made.
  var views: [any ImageTransform] {
    recipe.settings.views(inputSize: inputSize).map(\.transform)
  }

  /// Every setting by name, as text: what a result says of how it was made.
  ///
  /// Nothing that the method does not use is here, and nothing that decides weights is missing.
  var settings: [String: String] {
    let finalDecay = recipe.finalWeightDecay.map { " to \($0.argument)" } ?? ""
    let clipping = recipe.clipping.rawValue
    var list: [String: String] = [
      "method": recipe.method.title, "architecture": architecture.name,
      "input-size": String(inputSize), "seed": String(seed), "accumulate": String(accumulation),
      "groups": String(groups),
      "limit": limit.map(String.init) ?? "all", "on-bad-image": onBadImage.rawValue,
      "probe-limit": String(probeLimit),
      "epochs": String(recipe.epochs), "warmup-epochs": String(recipe.warmupEpochs),
      "batch-size": String(recipe.batchSize),
      "learning-rate": learningRateRule, "schedule": schedule,
      "optimizer": recipe.optimizer.rawValue,
      "weight-decay":
        "\(recipe.weightDecay.argument)\(finalDecay), \(recipe.decayRule.rawValue)",
      "clipping": recipe.clipping == .none ? clipping : "\(clipping) \(recipe.clipNorm.argument)",
      "drop-path": recipe.dropPathRate.argument,
      "views": views.map(\.summary).joined(separator: " | "),
      "oddities of the reference": recipe.oddities.isEmpty
        ? "none" : recipe.oddities.joined(separator: "; "),
    ]
    if let labels = recipe.settings.labels { list["targets"] = labels.mixing.summary }
    if recipe.repeats > 1 { list["repeats"] = String(recipe.repeats) }
    list.merge(recipe.settings.facts) { _, fact in fact }
    for option in recipe.method.options { list[option.name] = option.text(in: recipe) }
    return list
  }

  private var schedule: String {
    let scale = recipe.scalesMinimum ? recipe.rateScale : 1
    let minimum = recipe.minimumRate * scale
    var text = "each \(recipe.isEpochwise ? "epoch" : "step"), cosine to \(minimum.argument)"
    if recipe.warmupEpochs > 0 {
      let start = recipe.warmupStart * scale
      text += ", warm-up from \(start.argument)" + (recipe.reachesPeak ? " to the peak itself" : "")
    }
    return text
  }

  /// The rule for the learning rate, spelled out.
  var learningRateRule: String {
    let rate = recipe.baseLearningRate * recipe.rateScale
    return "\(recipe.baseLearningRate.argument) x \(recipe.batchSize) / 256 = \(rate.argument)"
  }
}
