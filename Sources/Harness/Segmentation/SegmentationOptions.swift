import CommandLine
import Models
import VisionData

/// The settings of `bench-ade20k`'s main job, each declared once.
public struct SegmentationOptions: CommandOptions {
  var backbones: [String] = []
  var segmentors: [String] = []
  var data = ""
  var classes = ""
  var labels: LabelEncoding.Kind?
  var preset = ""
  var evaluatesOnly = false
  var iterations = 0
  var batchSize = 0
  var cropSize = 0
  var learningRate = 0.0
  var augments = true
  var mode = SegmentationMode.whole
  var trainLimit = 0
  var limit = 0
  var testSplit = SegmentationFolder.Split.validation.rawValue
  var branch = CheckpointBranch.published
  var allowsPartial = false
  var seed = 0
  var resamples = 1000
  var threads = 0
  var saveMinutes = 5.0
  var perClass = false
  var checks = true
  var restarts = false
  var isDryRun = false
  var output = "reports/runs"
  var cache = "reports/cache"
  var json = false
  var quiet = false

  /// Every setting at its default.
  public init() {}

  public static var table: OptionTable<SegmentationOptions> {
    OptionTable(
      name: "bench-ade20k",
      summary: "Fine-tune UPerNet on backbones and score its segmentation.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-ade20k",
        "swift run bench-ade20k --data ade --backbone moby_swin_t.pth",
        "swift run bench-ade20k --data ade --segmentor upernet.pth --eval-only --mode ms-flip",
      ]
    )
    .option(
      "backbone", \.backbones, value: "files", .input,
      "Swin checkpoints, with commas, or 'random'. Without it the program makes short random, "
        + "supervised and MoBY backbones of its own."
    )
    .option(
      "segmentor", \.segmentors, value: "files", .input,
      "Segmentor checkpoints under mmsegmentation's keys, with commas: trained on, or only scored "
        + "with --eval-only."
    )
    .option(
      "data", \.data, value: "folder", .input,
      "ADE20K-style folder: images and annotations. Without it the generated sample set."
    )
    .option(
      "classes", \.classes, value: "name", .input,
      "ade20k, cityscapes or a file; without it classes.json of the data, else ade20k."
    )
    .option("labels", \.labels, value: "kind", .input, "How maps store classes.")
    .option("branch", \.branch, value: "name", .input, "Which network of a self-supervised file.")
    .flag("allow-partial", \.allowsPartial, .input, "Accept a checkpoint that misses keys.")
    .flag("eval-only", \.evaluatesOnly, .run, "Score --segmentor without training.")
    .option(
      "preset", \.preset, value: "name", .protocolSettings,
      "\(SegmentationRecipe.names): a schedule with its network and sizes."
    )
    .option("iterations", \.iterations, value: "n", .protocolSettings, "Instead of the preset's.")
    .option("batch-size", \.batchSize, value: "n", .protocolSettings, "Instead of the preset's.")
    .option("crop-size", \.cropSize, value: "px", .protocolSettings, "Instead of the preset's.")
    .option(
      "learning-rate", \.learningRate, value: "x", .protocolSettings, "Instead of the preset's."
    )
    .flag("augment", \.augments, .protocolSettings, "Resize, flip and colour training images.")
    .option("mode", \.mode, value: "name", .protocolSettings, "How test images are shown.")
    .option("train-limit", \.trainLimit, value: "n", .run, "First n training images; 0 is all.")
    .option("limit", \.limit, value: "n", .run, "First n test images; 0 is all.")
    .option(
      "test-split", \.testSplit, value: "name", .run,
      "validation, or training to look at what was learnt by heart."
    )
    .option("seed", \.seed, value: "n", .run, "Of weights, order and augmentation.")
    .option("resamples", \.resamples, value: "n", .run, "Of the intervals.")
    .option("threads", \.threads, value: "n", .run, "Threads; 0 is one a core.")
    .flag("check", \.checks, .run, "Look through the label maps first.")
    .option(
      "save-minutes", \.saveMinutes, value: "x", .run, "Time between states to go on from."
    )
    .flag("restart", \.restarts, .run, "Begin again even when a run is there.")
    .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
    .flag("per-class", \.perClass, .output, "Print the IoU of every class, too.")
    .option("output", \.output, value: "folder", .output, "Where runs are kept.")
    .option("cache", \.cache, value: "folder", .output, "Where backbones are kept.")
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
    try require(
      preset.isEmpty || SegmentationRecipe.all.contains { $0.name == preset },
      "--preset must be \(SegmentationRecipe.names).")
    try require(
      !evaluatesOnly || !segmentors.isEmpty, "--eval-only needs --segmentor.")
    try require(
      segmentors.isEmpty || backbones.isEmpty, "give --segmentor or --backbone, not both.")
    try require(
      SegmentationFolder.Split(rawValue: testSplit) != nil,
      "--test-split must be training or validation.")
    try require(iterations >= 0, "--iterations must be at least 1.")
    try require(batchSize != 1 && batchSize >= 0, "--batch-size must be at least 2.")
    try require(
      cropSize == 0 || (32...2048).contains(cropSize), "--crop-size must lie between 32 and 2048.")
    try require(learningRate >= 0, "--learning-rate must be above 0.")
    try require(trainLimit >= 0 && limit >= 0, "limits must not be negative.")
    try require(threads >= 0, "--threads must not be negative.")
    try require(saveMinutes >= 0, "--save-minutes must not be negative.")
    try require(seed >= 0, "--seed must not be negative.")
    try require(resamples >= 2, "--resamples must be at least 2.")
  }

  /// The recipe with what the options change.
  func resolvedRecipe() -> SegmentationRecipe {
    var result: SegmentationRecipe =
      preset.isEmpty
      ? data.isEmpty ? .mini : .full
      : SegmentationRecipe.all.first { $0.name == preset } ?? .mini
    if iterations > 0 {
      result.warmupIterations = result.warmupIterations * iterations / result.iterations
      result.iterations = iterations
    }
    if batchSize > 0 { result.batchSize = batchSize }
    if cropSize > 0 { result.cropSize = cropSize }
    if learningRate > 0 { result.learningRate = learningRate }
    if !augments {
      result.augments = false
      result.dropPathRate = 0
    }
    return result
  }
}
