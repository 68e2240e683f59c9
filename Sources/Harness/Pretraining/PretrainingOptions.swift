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
  var data = ""
  var onBadImage = BadImagePolicy.fail
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
  var limit = 0
  var seed = 0
  var threads = 0
  var probeLimit = 1000
  var saveMinutes = 10.0
  var isDryRun = false
  var checks = true
  var forecasts = true
  var forecastOnly = false
  var restarts = false
  var output = "reports/runs"
  var cache = "reports/cache"
  var quiet = false

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
      limit = 64
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
      "swin-t, deit-s, swin-mini, or moco-vit-s (MoCo v3's own: 12 heads, fixed positions)."
    )
    .option(
      "data", \.data, value: "folder", .input,
      "ImageNet-style folder with train and val. Without it the generated sample set."
    )
    .option(
      "on-bad-image", \.onBadImage, value: "what", .input, "At an image that cannot be decoded."
    )
    .option("preset", \.preset, value: "size", .protocolSettings, "How large the run is.")
    .option("protocol", \.source, value: "name", .protocolSettings, "Whose numbers are used.")
    .option(
      "oddities", \.oddities, value: "what", .protocolSettings,
      "What the reference code does by accident (lagging rates, unshifted cosine, decayed "
        + "positions): keep it, or mend it."
    )
    .option("epochs", \.epochs, value: "n", .protocolSettings, "Passes over train.")
    .option(
      "gflop", \.gflop, value: "x", .protocolSettings,
      "Epochs from a budget of operations, in billions, for comparisons at equal cost."
    )
    .option("warmup-epochs", \.warmupEpochs, value: "n", .protocolSettings, "Linear warm-up.")
    .option("batch-size", \.batchSize, value: "n", .protocolSettings, "Images an update.")
    .option(
      "base-learning-rate", \.baseLearningRate, value: "x", .protocolSettings,
      "Highest rate for a batch of 256; it grows in proportion."
    )
    .option("weight-decay", \.weightDecay, value: "x", .protocolSettings, "Of what decays.")
    .option("optimizer", \.optimizer, value: "name", .protocolSettings, "The update rule.")
    .option("drop-path", \.dropPath, value: "rate", .protocolSettings, "Of the online encoder.")
    .option(
      "start-momentum", \.startMomentum, value: "x", .protocolSettings, "Of the target network."
    )
    .option("temperature", \.temperature, value: "x", .protocolSettings, "Of the logits.")
    .option("hidden-size", \.hiddenSize, value: "n", .protocolSettings, "Of the heads.")
    .option("output-size", \.outputSize, value: "n", .protocolSettings, "Length of a key.")
    .option("queue-size", \.queueSize, value: "n", .protocolSettings, "Keys in a queue.")
    .option(
      "norm-groups", \.normGroups, value: "n", .protocolSettings,
      "Gives MoCo v2's head batch normalisation in n groups with shuffled keys."
    )
    .option("prototypes", \.prototypes, value: "n", .protocolSettings, "Of DINO's last layer.")
    .option("local-views", \.localViews, value: "n", .protocolSettings, "DINO's small crops.")
    .option(
      "crop-scale", \.cropScale, value: "part", .protocolSettings,
      "Smallest area of a (global) crop."
    )
    .option("input-size", \.inputSize, value: "px", .protocolSettings, "Side of the views.")
    .option("local-size", \.localSize, value: "px", .protocolSettings, "Side of local views.")
    .option(
      "limit", \.limit, value: "n", .run,
      "Use at most n training images, evenly by class; 0 is all."
    )
    .option("seed", \.seed, value: "n", .run, "Of weights, order and views.")
    .option(
      "accumulate", \.accumulation, value: "n", .run,
      "Take a batch in n pieces, for less memory and a third more time."
    )
    .option("threads", \.threads, value: "n", .run, "Threads; 0 is one a core.")
    .option(
      "probe-limit", \.probeLimit, value: "n", .run,
      "Images a split of the nearest-neighbour probe after each epoch; 0 is no probe."
    )
    .option(
      "save-minutes", \.saveMinutes, value: "x", .run, "Time between states to go on from."
    )
    .flag("check", \.checks, .run, "Look through the data set first.")
    .flag("forecast", \.forecasts, .run, "Say first what the run will take.")
    .flag("forecast-only", \.forecastOnly, .run, "Say it and stop.")
    .flag("restart", \.restarts, .run, "Begin again even when there is something to go on from.")
    .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
    .option("output", \.output, value: "folder", .output, "Where runs are kept.")
    .option("cache", \.cache, value: "folder", .output, "Where data checks are kept.")
    .flag("quiet", \.quiet, .output, "No progress.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    func require(_ holds: Bool, _ sentence: String) throws(UsageError) {
      if !holds { throw .conflict(sentence) }
    }
    for (name, value) in [
      ("epochs", epochs), ("hidden-size", hiddenSize), ("output-size", outputSize),
      ("queue-size", queueSize), ("prototypes", prototypes),
    ] {
      try require((value ?? 1) > 0, "--\(name) must be at least 1.")
    }
    try require((batchSize ?? 2) > 1, "--batch-size must be at least 2.")
    try require((warmupEpochs ?? 0) >= 0, "--warmup-epochs must not be negative.")
    try require(
      epochs == nil || gflop == nil, "--epochs and --gflop both set the length; give one.")
    try require((gflop ?? 1) > 0, "--gflop must be above 0.")
    try require(accumulation > 0, "--accumulate must be at least 1.")
    try require((baseLearningRate ?? 1) > 0, "--base-learning-rate must be above 0.")
    try require((weightDecay ?? 0) >= 0, "--weight-decay must not be negative.")
    try require((0..<1).contains(dropPath ?? 0), "--drop-path must be 0 or more, below 1.")
    try require((0...1).contains(startMomentum ?? 1), "--start-momentum must lie between 0 and 1.")
    try require((temperature ?? 1) > 0, "--temperature must be above 0.")
    try require((normGroups ?? 0) >= 0, "--norm-groups must not be negative.")
    try require((0...14).contains(localViews ?? 0), "--local-views must lie between 0 and 14.")
    try require(
      (cropScale ?? 0.1) > 0 && (cropScale ?? 0.1) < 1, "--crop-scale must lie between 0 and 1.")
    for (name, size) in [("input-size", inputSize), ("local-size", localSize)] {
      try require(
        (8...4096).contains(size) && size % 4 == 0,
        "--\(name) must be a multiple of 4 between 8 and 4096.")
    }
    try require(limit >= 0, "--limit must not be negative.")
    try require(threads >= 0, "--threads must not be negative.")
    try require(probeLimit >= 0, "--probe-limit must not be negative.")
    try require(saveMinutes >= 0, "--save-minutes must not be negative.")
    if case .visionTransformer(let network) = architecture.architecture {
      let patch = network.patchSize
      try require(
        inputSize % patch == 0 && localSize % patch == 0,
        "--input-size and --local-size must be multiples of \(patch) for "
          + "\(architecture.rawValue).")
    }
  }
}
