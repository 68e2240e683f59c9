import CommandLine
import Models
import VisionData

/// The settings of `bench-coco`'s main job, each declared once.
public struct DetectionOptions: CommandOptions {
  var backbones: [String] = []
  var detectors: [String] = []
  var data = ""
  var recipe = ""
  var evaluatesOnly = false
  var epochs = 0
  var batchSize = 0
  var learningRate = 0.0
  var imageScale = 1.0
  var augments = true
  var trainLimit = 0
  var limit = 0
  var testSplit = "val2017"
  var branch = CheckpointBranch.published
  var allowsPartial = false
  var seed = 0
  var resamples = 1000
  var threads = 0
  var saveMinutes = 5.0
  var restarts = false
  var isDryRun = false
  var output = "reports/runs"
  var cache = "reports/cache"
  var json = false
  var quiet = false

  /// Every setting at its default.
  public init() {}

  public static var table: OptionTable<DetectionOptions> {
    OptionTable(
      name: "bench-coco",
      summary: "Fine-tune Mask R-CNN or Cascade Mask R-CNN on backbones and score boxes and masks.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-coco",
        "swift run bench-coco --data coco --backbone moby_swin_t.pth --recipe mask-rcnn-1x",
        "swift run bench-coco --data coco --detector mask_rcnn_swin_tiny.pth --eval-only",
      ]
    )
    .option(
      "backbone", \.backbones, value: "files", .input,
      "Swin checkpoints, with commas, or 'random'. Without it the program makes short random, "
        + "supervised and MoBY backbones of its own."
    )
    .option(
      "detector", \.detectors, value: "files", .input,
      "Detector checkpoints under mmdetection's keys, with commas: trained on, or only scored with "
        + "--eval-only."
    )
    .option(
      "data", \.data, value: "folder", .input,
      "COCO-style folder: annotations, train2017, val2017. Without it the generated sample set."
    )
    .option("branch", \.branch, value: "name", .input, "Which network of a self-supervised file.")
    .flag("allow-partial", \.allowsPartial, .input, "Accept a checkpoint that misses keys.")
    .flag("eval-only", \.evaluatesOnly, .run, "Score --detector without training.")
    .option(
      "recipe", \.recipe, value: "name", .protocolSettings,
      DetectionRecipe.all.map(\.name).joined(separator: ", ") + "."
    )
    .option("epochs", \.epochs, value: "n", .protocolSettings, "Instead of the recipe's.")
    .option(
      "batch-size", \.batchSize, value: "n", .protocolSettings,
      "Images an update instead of the recipe's; they pass two at a time."
    )
    .option(
      "learning-rate", \.learningRate, value: "x", .protocolSettings, "Instead of the recipe's."
    )
    .option(
      "image-scale", \.imageScale, value: "x", .protocolSettings, "Factor of every image size."
    )
    .flag(
      "augment", \.augments, .protocolSettings,
      "Flip, resize and crop; without it training images are seen as test images are."
    )
    .option("train-limit", \.trainLimit, value: "n", .run, "First n training images; 0 is all.")
    .option("limit", \.limit, value: "n", .run, "First n test images; 0 is all.")
    .option(
      "test-split", \.testSplit, value: "name", .run,
      "val2017, or train2017 to look at what was learnt by heart."
    )
    .option("seed", \.seed, value: "n", .run, "Of weights, order and augmentation.")
    .option("resamples", \.resamples, value: "n", .run, "Of the intervals.")
    .option("threads", \.threads, value: "n", .run, "Threads; 0 is one a core.")
    .option(
      "save-minutes", \.saveMinutes, value: "x", .run, "Time between states to go on from."
    )
    .flag("restart", \.restarts, .run, "Begin again even when a run is there.")
    .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
    .option("output", \.output, value: "folder", .output, "Where runs are kept.")
    .option("cache", \.cache, value: "folder", .output, "Where backbones are kept.")
    .flag("json", \.json, .output, "Print the tables as JSON.")
    .flag("quiet", \.quiet, .output, "No progress.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  func validate() throws(UsageError) {
    func require(_ holds: Bool, _ sentence: String) throws(UsageError) {
      if !holds { throw .conflict(sentence) }
    }
    try require(
      recipe.isEmpty || DetectionRecipe.named(recipe) != nil,
      "--recipe must be \(DetectionRecipe.all.map(\.name).joined(separator: ", ")).")
    try require(
      !evaluatesOnly || !detectors.isEmpty, "--eval-only needs --detector.")
    try require(
      detectors.isEmpty || backbones.isEmpty, "give --detector or --backbone, not both.")
    try require(epochs >= 0, "--epochs must be at least 1.")
    try require(
      batchSize >= 0 && (batchSize < 2 || batchSize % 2 == 0), "--batch-size must be 1 or even.")
    try require(learningRate >= 0, "--learning-rate must be above 0.")
    try require((0.05...4).contains(imageScale), "--image-scale must lie in 0.05...4.")
    try require(trainLimit >= 0 && limit >= 0, "limits must not be negative.")
    try require(threads >= 0, "--threads must not be negative.")
    try require(saveMinutes >= 0, "--save-minutes must not be negative.")
    try require(seed >= 0, "--seed must not be negative.")
    try require(resamples >= 2, "--resamples must be at least 2.")
  }

  /// The recipe with what the options change.
  func resolvedRecipe() -> DetectionRecipe {
    let standard = data.isEmpty ? "mini" : "mask-rcnn-1x"
    var result = DetectionRecipe.named(recipe.isEmpty ? standard : recipe) ?? .mini
    if epochs > 0 {
      let factor = Double(epochs) / Double(result.epochs)
      result.milestones = result.milestones.map { Int((Double($0) * factor).rounded()) }
      result.epochs = epochs
    }
    if batchSize > 0 {
      result.imagesPerPass = min(batchSize, 2)
      result.passesPerUpdate = max(1, batchSize / 2)
    }
    if learningRate > 0 { result.learningRate = learningRate }
    if imageScale != 1 {
      result.augmentation = result.augmentation.scaled(by: imageScale)
      func scaled(_ side: Int) -> Int { max(16, Int((Double(side) * imageScale).rounded())) }
      result.testSize = KeepRatioSize(
        short: scaled(result.testSize.short), long: scaled(result.testSize.long))
    }
    if !augments {
      result.augmentation.shortSides = [result.testSize.short]
      result.augmentation.longSide = result.testSize.long
      result.augmentation.cropShortSides = []
      result.augmentation.flipProbability = 0
    }
    return result
  }
}
