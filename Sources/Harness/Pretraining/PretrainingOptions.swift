import CommandLine
import Foundation
import Layers
import Models

extension PretrainingMethodName: OptionChoice {}
extension PretrainingRecipe.OptimizerKind: OptionChoice {}

/// Which numbers a method starts from.
public enum RecipeSource: String, OptionChoice, Sendable {
  /// Those of its own paper.
  case paper
  /// The same, with an optimiser that transformers learn under where the paper's is for
  /// convolutional networks.
  case transformer
}

/// Whether what a reference does by accident is kept.
public enum Oddities: String, OptionChoice, Sendable {
  /// As the reference code does it.
  case keep
  /// As it was probably meant.
  case mend
}

/// The settings of `bench-pretrain`, each declared once.
public struct PretrainingOptions: CommandOptions {
  var method = PretrainingMethodName.moby
  var architecture = NamedArchitecture.swinTiny
  var data = DataOptions()
  var preset = Preset.full
  var source = RecipeSource.paper
  var oddities = Oddities.keep
  var epochs: Int?
  var gflop: Double?
  var warmupEpochs: Int?
  var batchSize: Int?
  var accumulation = 1
  var baseLearningRate: Double?
  var weightDecay: Double?
  var optimizer: PretrainingRecipe.OptimizerKind?
  var dropPath: Double?
  var startMomentum: Double?
  var temperature: Double?
  var hiddenSize: Int?
  var outputSize: Int?
  var queueSize: Int?
  var normGroups: Int?
  var prototypes: Int?
  var localViews: Int?
  var cropScale: Double?
  var inputSize = 224
  var localSize = 96
  var seeds = [0]
  var probeLimit = 1000
  var saveMinutes = 10.0
  var forecasts = true
  var forecastOnly = false
  var run = RunOptions()

  /// Every setting at its default.
  public init() {}

  public static let basis = ["preset"]

  public mutating func start(given: Set<String>) {
    if given.isDisjoint(with: ["data", "preset", "config", "architecture"]) { preset = .mini }
    guard preset != .full else { return }
    architecture = .swinMini
    source = .transformer
    inputSize = 64
    localSize = 32
    if preset == .smoke {
      inputSize = 32
      localSize = 16
      data.limit = 64
      probeLimit = 64
    }
  }

  public static var table: OptionTable<PretrainingOptions> {
    OptionTable(
      name: "bench-pretrain",
      summary: "Pretrain a backbone, with labels or without, and write its checkpoint.",
      usage: "[--method <name>] [--data <folder>] [options]",
      examples: [
        "swift run bench-pretrain",
        "swift run bench-pretrain --method moby --architecture swin-t --data imagenet",
        "swift run bench-pretrain --method dino-multicrop --preset mini --data photos",
        "swift run bench-pretrain --data imagenet --batch-size 512 --accumulate 16 --forecast-only",
      ]
    )
    .option("method", \.method, value: "name", .input, "How the backbone is trained.")
    .option(
      "architecture", \.architecture, value: "name", .input,
      "Network; moco-vit-s is MoCo v3's own: 12 heads, fixed positions."
    )
    .options(
      DataOptions.table(
        layout: "ImageNet-style folder with train and val.",
        limit: "At most n training images, evenly by class. Without it all."), at: \.data
    )
    .option("preset", \.preset, value: "size", .protocolSettings, "How large the run is.")
    .option("recipe", \.source, value: "name", .protocolSettings, "Whose numbers are used.")
    .option(
      "oddities", \.oddities, value: "what", .protocolSettings,
      "What the reference code does by accident (lagging rates, unshifted cosine, decayed "
        + "positions): keep it, or mend it."
    )
    .option(
      "epochs", \.epochs, in: .within(1, 1e6), value: "n", .protocolSettings, "Passes over train."
    )
    .option(
      "gflop", \.gflop, in: .above(0), value: "x", .protocolSettings,
      "Epochs from a budget of operations, in billions, for comparisons at equal cost."
    )
    .option(
      "warmup-epochs", \.warmupEpochs, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Linear warm-up."
    )
    .option(
      "batch-size", \.batchSize, in: .within(2, 1e6), value: "n", .protocolSettings,
      "Images an update."
    )
    .option(
      "base-learning-rate", \.baseLearningRate, in: .above(0), value: "x", .protocolSettings,
      "Highest rate for a batch of 256; it grows in proportion."
    )
    .option(
      "weight-decay", \.weightDecay, in: .atLeast(0), value: "x", .protocolSettings,
      "Of what decays."
    )
    .option("optimizer", \.optimizer, value: "name", .protocolSettings, "The update rule.")
    .option(
      "drop-path", \.dropPath, in: .from(0, below: 1), value: "rate", .protocolSettings,
      "Of the online encoder."
    )
    .option(
      "start-momentum", \.startMomentum, in: .within(0, 1), value: "x", .protocolSettings,
      "Of the target network."
    )
    .option(
      "temperature", \.temperature, in: .above(0), value: "x", .protocolSettings, "Of the logits."
    )
    .option(
      "hidden-size", \.hiddenSize, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Of the heads."
    )
    .option(
      "output-size", \.outputSize, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Length of a key."
    )
    .option(
      "queue-size", \.queueSize, in: .within(1, 1e8), value: "n", .protocolSettings,
      "Keys in a queue."
    )
    .option(
      "norm-groups", \.normGroups, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Gives MoCo v2's head batch normalisation in n groups with shuffled keys."
    )
    .option(
      "prototypes", \.prototypes, in: .within(1, 1e7), value: "n", .protocolSettings,
      "Of DINO's last layer."
    )
    .option(
      "local-views", \.localViews, in: .within(0, 14), value: "n", .protocolSettings,
      "DINO's small crops."
    )
    .option(
      "crop-scale", \.cropScale, in: .between(0, 1), value: "part", .protocolSettings,
      "Smallest area of a (global) crop."
    )
    .option("input-size", \.inputSize, in: sides, value: "px", .protocolSettings, "Side of the views.")
    .option(
      "local-size", \.localSize, in: sides, value: "px", .protocolSettings, "Side of local views."
    )
    .option(
      "seeds", \.seeds, in: .atLeast(0), value: "list", .run,
      "Of weights, order and views: one backbone each."
    )
    .option(
      "accumulate", \.accumulation, in: .within(1, 1e6), value: "n", .run,
      "Take a batch in n pieces, for less memory and a third more time."
    )
    .option(
      "probe-limit", \.probeLimit, in: .within(0, 1e9), value: "n", .run,
      "Images a split of the nearest-neighbour probe after each epoch; 0 is no probe."
    )
    .option(
      "save-minutes", \.saveMinutes, in: .within(0, 1e6), value: "x", .run,
      "Time between states to go on from."
    )
    .flag("forecast", \.forecasts, .run, "Say first what the run will take.")
    .flag("forecast-only", \.forecastOnly, .run, "Say it and stop.")
    .options(RunOptions.table, at: \.run)
  }

  private static let sides = NumberRange.multiple(of: 4, from: 8, to: 4096)

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    try SeedList.validate(seeds)
    guard epochs == nil || gflop == nil else {
      throw .conflict("--epochs and --gflop both set the length; give one.")
    }
    if case .visionTransformer(let network) = architecture.architecture {
      let patch = network.patchSize
      guard inputSize % patch == 0, localSize % patch == 0 else {
        throw .conflict(
          "--input-size and --local-size must be multiples of \(patch) for \(architecture.rawValue).")
      }
    }
  }
}
