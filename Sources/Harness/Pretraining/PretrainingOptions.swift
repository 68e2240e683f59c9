import CommandLine
import Models
import Runs

extension MethodDescription: OptionChoice {}
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

/// The settings of `bench-pretrain`, each declared once; those of a method stand with the method.
public struct PretrainingOptions: CommandOptions {
  var run = RunOptions()
  var data = DataOptions()
  var method = MethodDescription.moby
  var architecture = NamedArchitecture.swinTiny
  var preset = Preset.full
  var source = RecipeSource.paper
  var oddities = Oddities.keep
  /// The method's numbers.
  var recipe = MethodDescription.moby.recipe(for: NamedArchitecture.swinTiny.architecture)
  var epochs: Int?
  var gflop: Double?
  var warmupEpochs: Int?
  var accumulation = 1
  var groups: Int?
  var inputSize = 224
  var seeds = [0]
  var probeLimit = 1000
  var saveMinutes = 10.0
  var forecasts = true
  var forecastOnly = false
  /// Options that were given though the method has no such number.
  private var foreign: [String] = []
  private var hasNothingToMend = false
  private var isProbeGiven = false

  /// Whether the user asked for a probe of epochs.
  var asksForProbe: Bool { isProbeGiven && probeLimit > 0 }

  /// Every setting at its default.
  public init() {}

  public static let basis = ["method", "architecture", "preset", "recipe", "oddities"]

  public mutating func start(given: Set<String>) {
    isProbeGiven = given.contains("probe-limit")
    if given.isDisjoint(with: ["data", "preset", "config", "architecture"]) { preset = .mini }
    if preset != .full {
      if !given.contains("architecture") { architecture = .swinMini }
      if !given.contains("recipe") { source = .transformer }
      inputSize = preset == .smoke ? 32 : 64
    }
    if preset == .smoke { (data.limit, probeLimit) = (64, 64) }
    recipe = method.recipe(
      for: architecture.architecture, forTransformers: source == .transformer)
    if preset != .full { recipe.shrink(isSmoke: preset == .smoke) }
    if oddities == .mend {
      hasNothingToMend = recipe.oddities.isEmpty
      recipe = recipe.withoutOddities()
    }
  }

  public static var table: OptionTable<PretrainingOptions> {
    let common = OptionTable<PretrainingOptions>(
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
      "The network; moco-vit-s is MoCo v3's own (12 heads, fixed positions)."
    )
    .options(
      DataOptions.table(
        layout: "ImageNet-style folder with train and val; without labels any folder of images.",
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
      "batch-size", \.recipe.batchSize, in: .within(2, 1e6), value: "n", .protocolSettings,
      "Images an update."
    )
    .option(
      "base-learning-rate", \.recipe.baseLearningRate, in: .above(0), value: "x",
      .protocolSettings, "Highest rate for a batch of 256; it grows in proportion."
    )
    .option(
      "weight-decay", \.recipe.constantWeightDecay, in: .atLeast(0), value: "x",
      .protocolSettings, "Of what decays."
    )
    .option("optimizer", \.recipe.optimizer, value: "name", .protocolSettings, "The update rule.")
    .option(
      "drop-path", \.recipe.dropPathRate, in: .from(0, below: 1), value: "rate",
      .protocolSettings, "Of the online encoder."
    )
    .option(
      "input-size", \.inputSize, in: .multiple(of: 4, from: 8, to: 4096), value: "px",
      .protocolSettings, "Side of the views."
    )
    .option(
      "seeds", \.seeds, in: .atLeast(0), value: "list", .run,
      "Of weights, order and views: one backbone each."
    )
    .options(Accumulation.table, at: \.accumulation)
    .options(GroupCount.table, at: \.groups)
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
    return methodOptions.reduce(common) { $0.methodOption($1) }
  }

  // MARK: The methods' own options

  /// Every option that some method declares, once.
  static var methodOptions: [MethodOption] {
    var names: Set<String> = []
    return MethodDescription.allCases.flatMap(\.options).filter { names.insert($0.name).inserted }
  }

  /// The methods that have an option.
  static func methods(with name: String) -> [MethodDescription] {
    MethodDescription.allCases.filter { $0.options.contains { $0.name == name } }
  }

  /// A number of the method's own; nil when it has none.
  subscript(number name: String) -> Double? {
    get { method.options.first { $0.name == name }?.value(in: recipe) }
    set {
      guard let newValue else { return }
      guard let option = method.options.first(where: { $0.name == name }) else {
        foreign.append(name)
        return
      }
      option.set(newValue, in: &recipe)
    }
  }

  subscript(count name: String) -> Int? {
    get { self[number: name].map { Int($0) } }
    set { self[number: name] = newValue.map(Double.init) }
  }

  // MARK: What single options cannot check

  /// Refuses what the method does not have and what does not go together.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    try SeedList.validate(seeds)
    guard forecasts || !forecastOnly else {
      throw .conflict("--forecast-only and --no-forecast contradict each other.")
    }
    if let name = foreign.first {
      let titles = Self.methods(with: name).map(\.title)
      throw .conflict(
        "\(method.title) has no --\(name); \(titles.joined(separator: ", ")) "
          + "\(titles.count == 1 ? "has" : "have") it.")
    }
    if hasNothingToMend {
      throw .conflict(
        "--oddities mend has nothing to mend in the \(source.rawValue) recipe of \(method.title).")
    }
    try Accumulation.validate(
      accumulation, batchSize: recipe.batchSize, of: architecture.architecture)
    try GroupCount.validate(groups, batchSize: recipe.batchSize)
    if epochs != nil, gflop != nil {
      throw .conflict("--epochs and --gflop both set the length; give one.")
    }
    // A budget becomes epochs only where the images are counted.
    if gflop == nil { _ = try PretrainingPlan(self, imageCount: 1) }
    guard case .visionTransformer(let network) = architecture.architecture else { return }
    let sizes = recipe.settings.views(inputSize: inputSize).map(\.size)
    if let size = sizes.first(where: { $0 % network.patchSize != 0 }) {
      throw .conflict(
        "views of \(size) pixels do not divide into the patches of \(architecture.rawValue); use "
          + "multiples of \(network.patchSize).")
    }
  }
}

extension OptionTable<PretrainingOptions> {
  /// Declares an option of one or several methods.
  fileprivate func methodOption(_ option: MethodOption) -> OptionTable {
    let titles = PretrainingOptions.methods(with: option.name).map(\.title)
    let help =
      "\(option.help) (\(titles.count > 3 ? "Most methods" : titles.joined(separator: ", ")).)"
    func count(_ range: NumberRange, _ unit: String) -> OptionTable {
      self.option(
        option.name, \.[count: option.name], in: range, value: unit, .protocolSettings, help)
    }
    func number(_ range: NumberRange) -> OptionTable {
      self.option(
        option.name, \.[number: option.name], in: range, value: "x", .protocolSettings, help)
    }
    return switch option.values {
    case .count(let limit): count(.within(1, Double(limit)), "n")
    case .side: count(.multiple(of: 4, from: 8, to: 4096), "px")
    case .positive: number(.within(1e-6, 1e6))
    case .share: number(.within(0, 1))
    case .part: number(.between(0, 1))
    }
  }
}
