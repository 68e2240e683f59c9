import CommandLine
import Inspection
import Models
import Protocols
import Runs
import VisionData

/// The settings of `bench-linear`, each declared once.
public struct LinearOptions: ComparisonOptions {
  var run = RunOptions()
  var data = DataOptions()
  var backbone = BackboneOptions()
  /// The network of fresh weights and of the program's own backbones; that of a checkpoint, too.
  var architecture: NamedArchitecture?
  /// What a checkpoint's shapes do not tell.
  var heads: Int?
  var mean: [Double] = []
  var deviation: [Double] = []
  var name = LinearProtocol.Name.moby
  var preset = Preset.full
  var settings = LinearProtocol()
  var seeds = [0]
  /// Differences that do not matter: `top1=0.5`, in points; others as published.
  var margins: [String] = []
  private var given: Set<String> = []

  /// Every setting at its default.
  public init() {}

  public static let basis = ["recipe", "preset"]

  public mutating func start(given: Set<String>) {
    self.given = given
    // Without a checkpoint there is only the program's own small backbones to measure.
    if given.isDisjoint(with: ["preset", "backbone", "config"]) { preset = .mini }
    settings = LinearProtocol(name, preset: preset)
    if preset == .smoke { data.limit = 200 }
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
    .options(BackboneOptions.table, at: \.backbone)
    .option(
      "architecture", \.architecture, value: "name", .input,
      "Network of 'random' and of the program's own backbones; checkpoints must be it."
    )
    .option(
      "heads", \.heads, in: .within(1, 1024), value: "n", .input,
      "Attention heads of ViT checkpoints whose shapes do not tell."
    )
    .option(
      "mean", \.mean, in: .within(0, 1), value: "r,g,b", .input,
      "Of the pixels in 0...1 that the backbone was trained with. Without it ImageNet's."
    )
    .option(
      "std", \.deviation, in: .within(1e-3, 10), value: "r,g,b", .input, "Their deviations."
    )
    .options(
      DataOptions.table(
        layout: "ImageNet-style folder with train and val.",
        limit: "At most n images of each split, evenly by class. Without it all."), at: \.data
    )
    .option("recipe", \.name, value: "name", .protocolSettings, "Whose protocol it is.")
    .option("preset", \.preset, value: "size", .protocolSettings, "How large the run is.")
    .option(
      "epochs", \.settings.epochs, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Passes over train."
    )
    .option(
      "warmup-epochs", \.settings.warmupEpochs, in: .within(0, 1e6), value: "n",
      .protocolSettings, "Linear warm-up."
    )
    .option(
      "batch-size", \.settings.batchSize, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Images a step."
    )
    .option(
      "learning-rates", \.settings.learningRates, in: .above(0), value: "list", .protocolSettings,
      "Rates for a batch of 512; several are compared on held-out training images."
    )
    .option(
      "held-out", \.settings.heldOutFraction, in: .between(0, 1), value: "part",
      .protocolSettings, "Part of train held out to choose rate and epoch."
    )
    .option(
      "weight-decay", \.settings.weightDecay, in: .atLeast(0), value: "x", .protocolSettings,
      "Of the classifier."
    )
    .option(
      "label-smoothing", \.settings.labelSmoothing, in: .from(0, below: 1), value: "x",
      .protocolSettings, "Of the loss."
    )
    .option(
      "clip-norm", \.settings.clipNorm, in: .above(0), value: "x", .protocolSettings,
      "Of the gradient."
    )
    .option(
      "drop-path", \.settings.dropPathRate, in: .from(0, below: 1), value: "rate",
      .protocolSettings, "In the frozen backbone while the classifier trains."
    )
    .option(
      "input-size", \.settings.inputSize, in: .multiple(of: 4, from: 16, to: 4096), value: "px",
      .protocolSettings, "Side of the images."
    )
    .flag(
      "cached", \.settings.isCached, .protocolSettings,
      "Compute features once: no augmentation, no drop path."
    )
    .option("seeds", \.seeds, in: .atLeast(0), value: "list", .run, "One probe a seed.")
    .option("margin", \.margins, value: "list", .run, MarginOption.help)
    .options(RunOptions.table, at: \.run)
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    try SeedList.validate(seeds)
    _ = try MarginOption.margins(margins)
    try backbone.validate(given: given, about: ["heads", "mean", "std"])
    guard !settings.learningRates.isEmpty else {
      throw .conflict("--learning-rates must name at least one rate.")
    }
    guard Set(settings.learningRates).count == settings.learningRates.count else {
      throw .conflict("--learning-rates names a rate twice.")
    }
    if given.contains("held-out"), !settings.selects {
      throw .conflict("--held-out chooses among several --learning-rates; there is one.")
    }
    if given.contains("drop-path"), settings.isCached {
      throw .conflict(
        "--drop-path is drawn anew in every step, which cached features do not see; use "
          + "--no-cached.")
    }
    guard mean.isEmpty == deviation.isEmpty, [0, 3].contains(mean.count),
      [0, 3].contains(deviation.count)
    else { throw .conflict("--mean and --std go together, three numbers each.") }
  }

  /// How pixels become numbers, where the user says so.
  var pixels: PixelNormalization? {
    mean.isEmpty
      ? nil
      : PixelNormalization(
        mean: mean.map { Float($0) }, deviation: deviation.map { Float($0) })
  }

  var recipeSettings: [String: String] { settings.settings }
}
