import CommandLine
import Inspection
import Models
import Protocols
import Reporting
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

  /// The drop path of every network, whatever is published for deep ones.
  fileprivate var anyDropPath: Double {
    get { dropPathRate }
    set {
      dropPathRate = newValue
      endToEnd?.deepDropPath = nil
    }
  }

  /// The settings of recipes that train the whole network; of others nothing is set.
  fileprivate var training: EndToEnd {
    get { endToEnd ?? EndToEnd() }
    set { if endToEnd != nil { endToEnd = newValue } }
  }
}

/// The settings of `bench-linear`, each declared once.
public struct LinearOptions: ComparisonOptions {
  var run = RunOptions()
  var data = DataOptions()
  var backbone = BackboneOptions()
  /// Classifiers in files, and the names of their classes in the order of their numbers.
  var classifiers = WholeNetworkOptions()
  var classMap: String?
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
  var watch = WatchOptions()
  /// The training images that are used, by a file that names them; nil is all.
  var trainList: String?
  /// Training images of every class, drawn anew by each seed; nil is all.
  var shots: Int?
  /// Other images that the classifiers are tried on: `name=folder`.
  var shifts: [String] = []
  /// What is made of the validation images for one of them: `name=made`.
  var corruptions = CorruptionOptions()
  /// How often they are drawn.
  var draws: Int? {
    didSet { if let draws { seeds = Array(0..<draws) } }
  }
  /// The number that decides.
  var primary = PrimaryNumber.top1
  /// Differences that do not matter: `top1=0.5`, in points; others as published.
  var margins: [String] = []
  private(set) var given: Set<String> = []
  /// Validation images whose attention is kept.
  var attentionImages = 4

  /// Every setting at its default.
  public init() {}

  public static let basis = ["recipe", "preset"]

  public mutating func start(given: Set<String>) {
    self.given = given
    // Without a checkpoint there is only the program's own small backbones to measure.
    if given.isDisjoint(with: ["preset", "backbone", "classifier", "config"]) { preset = .mini }
    // Seen as published classifiers are tested.
    if given.contains("classifier"), !given.contains("recipe") { name = .fineTuneSwin }
    settings = LinearProtocol(name, preset: preset)
    if settings.trainsNetwork { seeds = SeedList.standard(preset) }
    if preset == .smoke { data.limit = 200 }
    // As many draws as tell how far they differ.
    if given.contains("shots"), given.isDisjoint(with: ["seeds", "draws"]) {
      draws = preset == .smoke ? 2 : 5
    }
  }

  public static var table: OptionTable<LinearOptions> {
    OptionTable(
      name: "bench-linear",
      summary: "Train and score a classifier on the features of a backbone, frozen or fine-tuned.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-linear",
        "swift run bench-linear --backbone moby_swin_t.pth --data imagenet",
        "swift run bench-linear --backbone a.pth,b.pth --data imagenet --cached --seeds 0,1,2",
        "swift run bench-linear --backbone moby.pth --data imagenet --recipe fine-tune-swin",
        "swift run bench-linear --classifier swin_tiny.pth --data imagenet --eval-only",
      ]
    )
    .options(BackboneOptions.table, at: \.backbone)
    .options(
      WholeNetworkOptions.table(network: "classifier", library: "Swin, DeiT, timm or torchvision"),
      at: \.classifiers
    )
    .option(
      "class-map", \.classMap, value: "file", .input,
      "The classes of --classifier in the order of its numbers, a line each; the data may have a part "
        + "of them."
    )
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
      "Other images to try the classifiers on, name=folder with commas: ImageNet-V2, -A, -R, -Sketch, -C, "
        + "ObjectNet with its class_map.json, or ReaL's file of labels; name=made corrupts the validation "
        + "images as -C."
    )
    .options(CorruptionOptions.table, at: \.corruptions)
    .option("recipe", \.name, value: "name", .protocolSettings, "Whose protocol it is.")
    .option("preset", \.preset, value: "size", .protocolSettings, "How large the run is.")
    .option(
      "epochs", \.epochs, in: .within(1, 1e6), value: "n", .protocolSettings,
      "Passes over train; the warm-up of fine-tuning shortens along."
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
      "Rates for a batch of 512 (moco-v3, dino, fine-tune-mae: 256); several are compared on "
        + "held-out training images."
    )
    .option(
      "held-out", \.settings.heldOutFraction, in: .between(0, 1), value: "part",
      .protocolSettings, "Part of train held out to choose rate and epoch, or the regularization."
    )
    .option(
      "weight-decay", \.settings.weightDecay, in: .atLeast(0), value: "x", .protocolSettings,
      "Of the classifier, or of the matrices of the whole network."
    )
    .options(LayerDecayFactor.table, at: \.settings.training.layerDecay)
    .option(
      "label-smoothing", \.settings.labelSmoothing, in: .from(0, below: 1), value: "x",
      .protocolSettings, "Of the loss."
    )
    .option(
      "mixup", \.settings.training.mixup, in: .within(0, 100), value: "alpha", .protocolSettings,
      "Of the law of mixed images (fine-tuning); 0 is none."
    )
    .option(
      "cutmix", \.settings.training.cutmix, in: .within(0, 100), value: "alpha",
      .protocolSettings, "Of the law of pasted rectangles (fine-tuning); 0 is none."
    )
    .option(
      "erasing", \.settings.training.erasing, in: .within(0, 1), value: "part",
      .protocolSettings, "Training images with an erased rectangle (fine-tuning)."
    )
    .flag(
      "rand-augment", \.settings.training.usesRandAugment, .protocolSettings,
      "RandAugment of training images (fine-tuning)."
    )
    .option(
      "clip-norm", \.settings.clipNorm, in: .atLeast(0), value: "x", .protocolSettings,
      "Of the gradient; 0 is none."
    )
    .option(
      "drop-path", \.settings.anyDropPath, in: .from(0, below: 1), value: "rate",
      .protocolSettings, "In the backbone while the classifier trains."
    )
    .options(GroupCount.table, at: \.settings.training.groupCount)
    .options(Accumulation.table, at: \.settings.training.accumulation)
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
    .option(
      "seeds", \.seeds, in: .atLeast(0), value: "list", .run,
      "One probe, or one fine-tuned network, a seed."
    )
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
    .options(WatchOptions.table(network: "classifier", unit: .epoch), at: \.watch)
    .option(
      "attention-images", \.attentionImages, in: .within(0, Double(RunAttention.imageLimit)),
      value: "n", .run,
      "Validation images for which the run keeps where the backbone looks, for the report; 0 is none."
    )
    .options(RunOptions.table, at: \.run)
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

extension LinearOptions {
  /// Passes over train; those of a whole network shorten the warm-up, unless it is given.
  private var epochs: Int {
    get { settings.epochs }
    set {
      if settings.trainsNetwork, !given.contains("warmup-epochs") {
        let own = LinearProtocol(name, preset: preset)
        let part = (own.warmupEpochs * newValue + own.epochs / 2) / own.epochs
        settings.warmupEpochs = min(newValue - 1, max(1, part))
      }
      settings.epochs = newValue
    }
  }
}
