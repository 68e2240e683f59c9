import CommandLine
import Foundation
import Inspection
import Loading
import Models
import Reporting
import Runs
import Training

extension CheckpointBranch: OptionChoice {}

/// Settings of every program that reads a data set.
struct DataOptions: Sendable {
  /// The data set's folder; nil is the generated sample set.
  var folder: String?
  /// Images used at most; nil is all.
  var limit: Int?
  var onBadImage = BadImagePolicy.fail
  var checks = true

  /// The options.
  ///
  /// - Parameters:
  ///   - layout: What the folder must hold.
  ///   - limit: Which images a limit leaves.
  static func table(layout: String, limit: String) -> OptionTable<DataOptions> {
    OptionTable()
      .option(
        "data", \.folder, value: "folder", .input, "\(layout) Without it the generated sample set."
      )
      .options(BadImagePolicy.table, at: \.onBadImage)
      .option("limit", \.limit, in: .count, value: "n", .run, limit)
      .flag("check", \.checks, .run, "Look through the data set first; stop at what spoils a run.")
  }
}

/// Settings of every program that compares backbones.
struct BackboneOptions: Sendable {
  /// Checkpoints, or `random`; none for the program's own.
  var files: [String] = []
  var branch = CheckpointBranch.published
  var allowsPartial = false

  /// Refuses options about files where no file is named.
  ///
  /// - Throws: `UsageError`.
  func validate(given: Set<String>, about names: [String] = []) throws(UsageError) {
    guard !given.contains("backbone") || !files.isEmpty else {
      throw .conflict("--backbone names no file.")
    }
    try Self.checkDistinct(files, of: "backbone")
    guard !files.isEmpty, files.allSatisfy({ $0 == "random" }) else { return }
    for name in ["branch", "allow-partial"] + names where given.contains(name) {
      throw .conflict("--\(name) is about a checkpoint; --backbone names none.")
    }
  }

  /// Refuses a checkpoint that would be compared with itself.
  static func checkDistinct(_ files: [String], of option: String) throws(UsageError) {
    var seen: Set<String> = []
    for file in files where !seen.insert(file).inserted {
      throw .conflict("--\(option) names \(file) twice.")
    }
  }

  /// The options.
  static var table: OptionTable<BackboneOptions> {
    OptionTable()
      .option(
        "backbone", \.files, value: "files", .input,
        "Checkpoints (.pth, .safetensors), with commas, or 'random'. Without it the program makes "
          + "short random, supervised and MoBY backbones of its own."
      )
      .option("branch", \.branch, value: "name", .input, "Which network of a self-supervised file.")
      .flag("allow-partial", \.allowsPartial, .input, "Accept a checkpoint that misses keys.")
  }
}

/// The seeds of a run: one training each.
enum SeedList {
  /// Trainings of a candidate where nobody says how many: enough to know how far they differ.
  ///
  /// A smoke run shows that everything works and judges nothing.
  static func standard(_ preset: Preset) -> [Int] { preset == .smoke ? [0] : [0, 1, 2] }

  /// Checks what single numbers cannot.
  ///
  /// - Throws: `UsageError`.
  static func validate(_ seeds: [Int]) throws(UsageError) {
    guard !seeds.isEmpty else { throw .conflict("--seeds must name at least one seed.") }
    guard Set(seeds).count == seeds.count else { throw .conflict("--seeds names a seed twice.") }
  }
}

/// What the length of a training is counted in.
enum LengthUnit: String {
  case epoch, iteration

  var plural: String { rawValue + "s" }
}

/// Settings of the programs that train a network around a backbone and score it.
struct FineTuningOptions: Sendable {
  var run = RunOptions()
  var data = DataOptions()
  var backbone = BackboneOptions()
  /// The backbone; nil is the preset's.
  var architecture: NamedArchitecture?
  var preset = Preset.full
  /// Checkpoints of whole networks.
  var whole = WholeNetworkOptions()
  /// Training images used at most; nil is all.
  var trainLimit: Int?
  var seeds = [0]
  /// Rates to choose among on held-out training images, and the part of the images that is held out.
  var learningRates: [Double] = []
  var heldOut = 0.1
  var watch = WatchOptions()
  var resamples = 1000
  /// Differences that do not matter: `AP=0.3`, in points; others as published.
  var margins: [String] = []
  /// What the shapes of a file do not tell, and the side of the images that backbones are built for.
  var headCount: Int?
  var inputSize = 224
  /// Whether backbones must have the maps of several sizes that detectors and segmentors need.
  var needsDense = true
  /// The options that were given.
  var given: Set<String> = []

  /// The basis of both programs' options.
  static let basis = ["recipe", "preset", "architecture"]

  /// Begins from what the size of the run means.
  mutating func start(given: Set<String>) {
    self.given = given
    if !given.contains("preset"), !given.contains("data") { preset = .mini }
    seeds = SeedList.standard(preset)
    if preset == .smoke { (trainLimit, data.limit) = (16, 8) }
  }

  /// The backbone that was named, if one was and it fits.
  var backboneArchitecture: Architecture? {
    needsDense ? try? architecture?.dense() : architecture?.architecture
  }

  /// What the user says of backbones in files.
  var claim: NetworkClaim {
    NetworkClaim(
      architecture: backboneArchitecture, headCount: headCount, isDense: needsDense)
  }

  /// Whether networks are scored as they are.
  var evaluatesOnly: Bool { whole.evaluatesOnly }

  /// What the user named: whole networks, else backbones.
  var candidates: [Candidate] {
    whole.files.isEmpty
      ? backbone.files.map { Candidate(backbone: $0) }
      : whole.files.map { Candidate(network: $0) }
  }

  /// The files of these.
  var comparedFiles: [String] { candidates.compactMap(\.path) }

  /// The options.
  ///
  /// - Parameters:
  ///   - network: The option that names whole networks.
  ///   - library: Whose keys their files have.
  ///   - layout: What the data set's folder must hold.
  ///   - unit: What a training's length is counted in.
  static func table(
    network: String, library: String, layout: String, unit: LengthUnit
  ) -> OptionTable<FineTuningOptions> {
    OptionTable()
      .options(BackboneOptions.table, at: \.backbone)
      .options(WholeNetworkOptions.table(network: network, library: library), at: \.whole)
      .options(
        DataOptions.table(layout: layout, limit: "First n test images. Without it all."), at: \.data
      )
      .option(
        "architecture", \.architecture, value: "name", .input,
        "Backbone. Without it the file's, or the preset's."
      )
      .option("preset", \.preset, value: "size", .protocolSettings, "How large the run is.")
      .option(
        "train-limit", \.trainLimit, in: .count, value: "n", .run,
        "First n training images. Without it all."
      )
      .option(
        "seeds", \.seeds, in: .atLeast(0), value: "list", .run,
        "Of weights, order and augmentation: one network each. A difference is judged from two a "
          + "side on."
      )
      .option(
        "learning-rates", \.learningRates, in: .above(0), value: "list", .protocolSettings,
        "Rates that are tried on a part of the training images and scored on the rest of them; the "
          + "best one trains. Each costs a training."
      )
      .option(
        "held-out", \.heldOut, in: .between(0, 1), value: "part", .protocolSettings,
        "Part of the training images that --learning-rates are scored on."
      )
      .options(WatchOptions.table(network: network, unit: unit), at: \.watch)
      .option(
        "resamples", \.resamples, in: .within(2, 1e6), value: "n", .run,
        "Of the intervals, and swaps of tests at least."
      )
      .option("margin", \.margins, value: "list", .run, MarginOption.help)
      .options(RunOptions.table, at: \.run)
  }

  /// Checks what single options cannot.
  ///
  /// - Parameters:
  ///   - network: The option that names whole networks.
  ///   - training: The program's own options that only a training has.
  ///   - needsDense: Whether the backbone must have maps of four sizes.
  ///   - task: Whose numbers are compared.
  /// - Throws: `UsageError`.
  func validate(
    network: String, training: [String], needsDense: Bool = true, task: TaskDescription
  ) throws(UsageError) {
    try SeedList.validate(seeds)
    if needsDense { _ = try architecture?.dense() }
    _ = try MarginOption.margins(margins, of: [task])
    try backbone.validate(given: given)
    try whole.validate(
      network: network, training: training, backbones: backbone.files, seeds: seeds, given: given)
    try validateRates()
  }

  private func validateRates() throws(UsageError) {
    if given.contains("held-out"), learningRates.isEmpty {
      throw .conflict("--held-out scores --learning-rates; there are none.")
    }
    guard !given.contains("learning-rates") || learningRates.count > 1 else {
      throw .conflict("--learning-rates chooses among several; one is --learning-rate.")
    }
    guard Set(learningRates).count == learningRates.count else {
      throw .conflict("--learning-rates names a rate twice.")
    }
    if !learningRates.isEmpty {
      for name in ["learning-rate", "scale-rate"] where given.contains(name) {
        throw .conflict("give --learning-rates or --\(name), not both.")
      }
    }
  }

  /// A training's loop, as the options say.
  func loop(_ run: RunDirectory, _ state: TrainingState) -> TrainingLoop {
    var loop = TrainingLoop(run: run, state: state)
    loop.saveInterval = watch.saveMinutes * 60
    loop.isQuiet = self.run.engine.quiet
    return loop
  }
}
