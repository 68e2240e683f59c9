import CommandLine
import Inspection
import Models
import Protocols
import Runs
import VisionData

extension FeatureChoice.Pooling: OptionChoice {}

/// The number by which probes of a data set are compared.
enum PrimaryNumber: String, OptionChoice {
  case top1
  /// As Caltech-101, Pets, Flowers and Aircraft are reported.
  case meanPerClass = "mean-per-class"

  /// Its name in results.
  var key: String { self == .top1 ? "top1" : "mean_class" }
}

extension LinearProtocol {
  /// The parts of the choice of features, as options give them.
  fileprivate var featureBlocks: Int? {
    get { feature?.blockCount }
    set { feature = FeatureChoice(blockCount: newValue ?? 1, pooling: feature?.pooling ?? .own) }
  }

  fileprivate var featurePooling: FeatureChoice.Pooling? {
    get { feature?.pooling }
    set { feature = FeatureChoice(blockCount: feature?.blockCount ?? 1, pooling: newValue ?? .own) }
  }
}

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
  /// The training images that are used, by a file that names them; nil is all.
  var trainList: String?
  /// Training images of every class, drawn anew by each seed; nil is all.
  var shots: Int?
  /// Other images that the classifiers are tried on: `name=folder`.
  var shifts: [String] = []
  /// How often they are drawn.
  var draws: Int? {
    didSet { if let draws { seeds = Array(0..<draws) } }
  }
  /// The number that decides.
  var primary = PrimaryNumber.top1
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
    // As many draws as tell how far they differ.
    if given.contains("shots"), given.isDisjoint(with: ["seeds", "draws"]) {
      draws = preset == .smoke ? 2 : 5
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
    .option(
      "train-list", \.trainList, value: "file", .input,
      "Names of the training images to use, a line each, as the published lists of 1 % and 10 % of "
        + "ImageNet; --limit is then of validation images alone."
    )
    .option(
      "shifts", \.shifts, value: "list", .input,
      "Other images to try the classifiers on, name=folder with commas: ImageNet-V2, -A, -R, -Sketch, "
        + "ObjectNet with its class_map.json, or ReaL's file of labels."
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
      "Rates for a batch of 512 (moco-v3, dino: 256); several are compared on held-out training "
        + "images."
    )
    .option(
      "held-out", \.settings.heldOutFraction, in: .between(0, 1), value: "part",
      .protocolSettings, "Part of train held out to choose rate and epoch, or the regularization."
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
      "clip-norm", \.settings.clipNorm, in: .atLeast(0), value: "x", .protocolSettings,
      "Of the gradient; 0 is none."
    )
    .option(
      "drop-path", \.settings.dropPathRate, in: .from(0, below: 1), value: "rate",
      .protocolSettings, "In the frozen backbone while the classifier trains."
    )
    .option(
      "regularizations", \.settings.regularizations, in: .above(0), value: "list",
      .protocolSettings,
      "Strengths of a logistic regression, scikit-learn's 1/C, compared on held-out training images. "
        + "Without it a search from 1e-6 to 1e6."
    )
    .option(
      "iterations", \.settings.iterationLimit, in: .within(1, 1e6), value: "n",
      .protocolSettings, "Of L-BFGS at most."
    )
    .option(
      "feature-blocks", \.settings.featureBlocks, in: .within(1, 1000), value: "n",
      .protocolSettings, "Last blocks whose outputs are the features. Without it the recipe's."
    )
    .option(
      "feature-pooling", \.settings.featurePooling, value: "name", .protocolSettings,
      "Outputs of a block: the network's own, or class token and mean patch token."
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
    .option(
      "shots", \.shots, in: .within(1, 1e6), value: "k", .protocolSettings,
      "Train on k images of every class, drawn anew by each seed."
    )
    .option(
      "draws", \.draws, in: .within(1, 1000), value: "n", .run,
      "Of --shots: seeds 0 to n − 1. Without it 5."
    )
    .option(
      "primary", \.primary, value: "name", .run,
      "Number that decides: top-1, or the mean over classes where a data set is reported so."
    )
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
    for (option, values) in [
      ("learning-rates", settings.learningRates), ("regularizations", settings.regularizations),
    ] {
      guard Set(values).count == values.count else {
        throw .conflict("--\(option) names a value twice.")
      }
    }
    try checkClassifier()
    let names = shifts.map { $0.prefix { $0 != "=" } }
    guard Set(names).count == names.count else {
      throw .conflict("--shifts names a set twice.")
    }
    guard !given.contains("draws") || shots != nil else {
      throw .conflict("--draws is about --shots, which is not given.")
    }
    guard !given.isSuperset(of: ["draws", "seeds"]) else {
      throw .conflict("--draws and --seeds both say how often is drawn; give one of them.")
    }
    if given.contains("held-out"), !settings.selects {
      let several = settings.classifier == .logistic ? "--regularizations" : "--learning-rates"
      throw .conflict("--held-out chooses among several \(several); there is one.")
    }
    if given.contains("warmup-epochs"), settings.warmupEpochs > settings.epochs {
      throw .conflict(
        "--warmup-epochs \(settings.warmupEpochs) are more than the \(settings.epochs) epochs of the run."
      )
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

  /// Refuses settings of another kind of classifier than the recipe's.
  private func checkClassifier() throws(UsageError) {
    let epochs = ["epochs", "batch-size", "learning-rates", "weight-decay"]
    let descent = ["warmup-epochs", "label-smoothing", "clip-norm", "drop-path"]
    let logistic = ["regularizations", "iterations"]
    let features = ["feature-blocks", "feature-pooling", "cached", "shifts"]
    let (foreign, reason): ([String], String) =
      switch settings.classifier {
      case .descent: (logistic, "descends step by step; --recipe logistic has it")
      case .logistic:
        (epochs + descent, "finds the optimum of a logistic regression")
      case .attentive:
        (
          logistic + descent + features + ["held-out"],
          "gathers the tokens of the last block as it is"
        )
      }
    for option in foreign where given.contains(option) {
      throw .conflict("--\(option) is not for --recipe \(name.rawValue), which \(reason).")
    }
    if settings.classifier == .logistic, !settings.isCached {
      throw .conflict("--no-cached: a logistic regression needs the same features throughout.")
    }
    if settings.classifier == .attentive, settings.learningRates.count > 1 {
      throw .conflict(
        "--learning-rates: an attentive probe takes one; nothing chooses among several.")
    }
  }

  /// How pixels become numbers, where the user says so.
  var pixels: PixelNormalization? {
    mean.isEmpty
      ? nil
      : PixelNormalization(
        mean: mean.map { Float($0) }, deviation: deviation.map { Float($0) })
  }

  var recipeSettings: [String: String] {
    settings.settings.merging(["source of the recipe": name.source]) { $1 }
  }
}
