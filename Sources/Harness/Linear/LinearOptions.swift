import CommandLine
import Foundation
import Layers
import Models

/// How much of the protocol is run.
public enum Preset: String, OptionChoice, Sendable {
  /// Seconds: does it work at all.
  case smoke
  /// Minutes: small input, cached features, a chosen learning rate.
  case mini
  /// The published protocol.
  case full
}

extension CheckpointBranch: OptionChoice {}

/// The settings of `bench-linear`, each declared once.
public struct LinearOptions: CommandOptions {
  /// Checkpoints, or `random`.
  public var backbones: [String] = []
  /// The data set's folder.
  public var data = ""
  var branch = CheckpointBranch.published
  var allowsPartial = false
  var architecture = ""
  var settings = LinearProtocol()
  var preset = Preset.full
  var limit = 0
  var seeds = [0]
  var threads = 0
  var onBadImage = BadImagePolicy.fail
  var config = ""
  var isDryRun = false
  var checks = true
  var restarts = false
  var output = "reports/runs"
  var cache = "reports/cache"
  var json = false
  var quiet = false

  /// Every setting at its default.
  public init() {}

  public mutating func apply(preset: String) {
    switch preset {
    case "smoke":
      settings.epochs = 3
      settings.warmupEpochs = 1
      settings.batchSize = 64
      settings.inputSize = 64
      settings.isCached = true
      limit = 200
    case "mini":
      settings.epochs = 60
      settings.batchSize = 64
      settings.learningRates = [0.3, 1, 3, 10]
      settings.inputSize = 64
      settings.isCached = true
    default: break
    }
  }

  public static var table: OptionTable<LinearOptions> {
    OptionTable(
      name: "bench-linear",
      summary: "Train and score a linear classifier and kNN on the frozen features of a backbone.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-linear",
        "swift run bench-linear --backbone moby_swin_t.pth --data imagenet",
        "swift run bench-linear --backbone a.pth,b.pth --data imagenet --cached --seeds 0,1,2",
      ]
    )
    .option(
      "backbone", \.backbones, value: "files", .input,
      "Checkpoints (.pth, .safetensors), with commas, or 'random'. Without it the program makes "
        + "short random, supervised and MoBY backbones of its own."
    )
    .option(
      "data", \.data, value: "folder", .input,
      "ImageNet-style folder with train and val. Without it the generated sample set."
    )
    .option("branch", \.branch, value: "name", .input, "Which network of a self-supervised file.")
    .option(
      "architecture", \.architecture, value: "name", .input,
      "Network of 'random': swin-t, deit-s or swin-mini."
    )
    .flag("allow-partial", \.allowsPartial, .input, "Accept a checkpoint that misses keys.")
    .option(
      "on-bad-image", \.onBadImage, value: "what", .input, "At an image that cannot be decoded."
    )
    .option("preset", \.preset, value: "size", .protocolSettings, "How much of the protocol.")
    .option("epochs", \.settings.epochs, value: "n", .protocolSettings, "Passes over train.")
    .option(
      "warmup-epochs", \.settings.warmupEpochs, value: "n", .protocolSettings, "Linear warm-up."
    )
    .option("batch-size", \.settings.batchSize, value: "n", .protocolSettings, "Images a step.")
    .option(
      "learning-rates", \.settings.learningRates, value: "list", .protocolSettings,
      "Rates for a batch of 512; several are compared on held-out training images."
    )
    .option(
      "held-out", \.settings.heldOutFraction, value: "part", .protocolSettings,
      "Part of train held out to choose rate and epoch."
    )
    .option(
      "weight-decay", \.settings.weightDecay, value: "x", .protocolSettings, "Of the classifier."
    )
    .option(
      "label-smoothing", \.settings.labelSmoothing, value: "x", .protocolSettings, "Of the loss."
    )
    .option(
      "clip-norm", \.settings.clipNorm, value: "x", .protocolSettings, "Of the gradient."
    )
    .option(
      "drop-path", \.settings.dropPathRate, value: "rate", .protocolSettings,
      "In the frozen backbone while the classifier trains."
    )
    .option(
      "input-size", \.settings.inputSize, value: "px", .protocolSettings, "Side of the images."
    )
    .flag(
      "cached", \.settings.isCached, .protocolSettings,
      "Compute features once: no augmentation, no drop path."
    )
    .option(
      "limit", \.limit, value: "n", .run,
      "Use at most n images of each split, evenly by class; 0 is all."
    )
    .option("seeds", \.seeds, value: "list", .run, "One probe a seed.")
    .option("threads", \.threads, value: "n", .run, "Threads; 0 is one a core.")
    .option("config", \.config, value: "file", .run, "JSON object of settings by name.")
    .flag("check", \.checks, .run, "Look through the data set first.")
    .flag("restart", \.restarts, .run, "Run again even when the result is there.")
    .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
    .option("output", \.output, value: "folder", .output, "Where runs are kept.")
    .option("cache", \.cache, value: "folder", .output, "Where features and backbones are kept.")
    .flag("json", \.json, .output, "Print the table as JSON.")
    .flag("quiet", \.quiet, .output, "No progress.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  func validate() throws(UsageError) {
    func require(_ holds: Bool, _ sentence: String) throws(UsageError) {
      if !holds { throw .conflict(sentence) }
    }
    try require(settings.epochs > 0, "--epochs must be at least 1.")
    try require(settings.warmupEpochs >= 0, "--warmup-epochs must not be negative.")
    try require(settings.batchSize > 0, "--batch-size must be at least 1.")
    try require(
      !settings.learningRates.isEmpty && settings.learningRates.allSatisfy { $0 > 0 },
      "--learning-rates must be above 0.")
    try require(!seeds.isEmpty, "--seeds must name at least one seed.")
    try require(
      settings.heldOutFraction > 0 && settings.heldOutFraction < 1 || !settings.selects,
      "--held-out must lie between 0 and 1.")
    try require(
      (0..<1).contains(settings.labelSmoothing), "--label-smoothing must be 0 or more, below 1.")
    try require(settings.clipNorm > 0, "--clip-norm must be above 0.")
    try require((0..<1).contains(settings.dropPathRate), "--drop-path must be 0 or more, below 1.")
    try require(
      (16...4096).contains(settings.inputSize) && settings.inputSize % 4 == 0,
      "--input-size must be a multiple of 4 between 16 and 4096.")
    try require(limit >= 0, "--limit must not be negative.")
    try require(threads >= 0, "--threads must not be negative.")
    try require(Set(seeds).count == seeds.count, "--seeds names a seed twice.")
    try require(
      ["", "swin-t", "deit-s", "swin-mini"].contains(architecture),
      "--architecture must be swin-t, deit-s or swin-mini.")
  }
}
