import CommandLine
import Protocols

/// A recipe of fine-tuning whose updates options change.
protocol UpdatedRecipe: Sendable {
  /// Images an update.
  var batchSize: Int { get set }
  /// The rate after the warm-up.
  var learningRate: Double { get set }
  var weightDecay: Double { get set }
  /// How the backbone's rates fall from layer to layer.
  var layerDecay: Float { get set }
  /// Rate of the backbone's last block.
  var dropPathRate: Float { get set }
  /// Lets the images of an update pass so many at a time; the batch is a multiple of it.
  mutating func pass(_ count: Int)
  /// Makes the rate as many times larger as the batch is than the recipe's own.
  mutating func scaleRate()
}

extension DetectionRecipe: UpdatedRecipe {}
extension SegmentationRecipe: UpdatedRecipe {}

/// A recipe and the options of its updates: batch, rate, decays.
struct UpdateOptions<Recipe: UpdatedRecipe>: Sendable {
  var recipe: Recipe
  var imagesPerPass: Int?
  var scalesRate = false
  /// Set last: other options of a recipe set it, too.
  var dropPath: Float?

  init(_ recipe: Recipe) { self.recipe = recipe }

  /// The options, which only a training has.
  static var names: [String] {
    [
      "batch-size", "scale-rate", "images-per-pass", "learning-rate", "weight-decay",
      "layer-decay", "drop-path",
    ]
  }

  /// Declares them.
  ///
  /// - Parameters:
  ///   - batch: The batches that can be, and what is said of them.
  ///   - pass: The same of the images that pass together.
  static func table(
    batch: (range: NumberRange, help: String), pass: (range: NumberRange, help: String)
  ) -> OptionTable<UpdateOptions> {
    OptionTable()
      .option(
        "batch-size", \.recipe.batchSize, in: batch.range, value: "n", .protocolSettings,
        batch.help
      )
      .flag(
        "scale-rate", \.scalesRate, .protocolSettings,
        "Make the rate as many times larger as --batch-size is than the recipe's batch."
      )
      .option(
        "images-per-pass", \.imagesPerPass, in: pass.range, value: "n", .protocolSettings,
        pass.help
      )
      .option(
        "learning-rate", \.recipe.learningRate, in: .above(0), value: "x", .protocolSettings,
        "After the warm-up."
      )
      .option(
        "weight-decay", \.recipe.weightDecay, in: .from(0, below: 1), value: "x",
        .protocolSettings, "Of all weights but norms and position tables."
      )
      .options(LayerDecayFactor.table, at: \.recipe.layerDecay)
      .option(
        "drop-path", \.dropPath, in: .from(0, below: 1), value: "x", .protocolSettings,
        "Rate of the backbone's last block; earlier ones have less. Without it the recipe's."
      )
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  func validate(given: Set<String>) throws(UsageError) {
    if scalesRate, given.contains("learning-rate") {
      throw .conflict("give --learning-rate or --scale-rate, not both.")
    }
    if let imagesPerPass, recipe.batchSize % imagesPerPass != 0 {
      throw .conflict(
        "--images-per-pass \(imagesPerPass) does not divide the batch of \(recipe.batchSize).")
    }
  }

  /// The recipe with what they change.
  var resolved: Recipe {
    var result = recipe
    if let dropPath { result.dropPathRate = dropPath }
    if let imagesPerPass { result.pass(imagesPerPass) }
    if scalesRate { result.scaleRate() }
    return result
  }
}
