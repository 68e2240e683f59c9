import CommandLine
import Harness

/// The size of a made-up program's run.
enum SmithySize: String, OptionChoice { case smoke, mini, full }

/// The settings of a made-up program with every kind of option.
struct SmithyOptions: CommandOptions {
  var folder = ""
  var weights = ""
  var preset = SmithySize.full
  var epochs = 100
  var rate = 1.0
  var seeds = [0]
  var limit: Int?
  var checks = true
  var isCached = false
  var output = "reports"

  var forge = Forge()

  /// Settings that several programs could have.
  struct Forge {
    var heat = 0.5
    var bellows: Int?

    static var table: OptionTable<Forge> {
      OptionTable()
        .option("heat", \.heat, in: .within(0, 1), value: "x", .protocolSettings, "Of the fire.")
        .option("bellows", \.bellows, in: .count, value: "n", .protocolSettings, "How many.")
    }
  }

  static let basis = ["preset"]

  mutating func start(given: Set<String>) {
    guard preset == .smoke else { return }
    epochs = 3
    isCached = true
  }

  static var table: OptionTable<SmithyOptions> {
    OptionTable(
      name: "bench-smithy", summary: "Measure how well a backbone forges.",
      usage: "--weights <file> <folder> [options]",
      examples: ["swift run bench-smithy --weights a.pth forge --preset smoke"]
    )
    .argument("folder", \.folder, .input, "Where the iron is.")
    .option(
      "weights", \.weights, value: "file", .input, "Checkpoint of the smith.", isRequired: true
    )
    .option("preset", \.preset, value: "size", .protocolSettings, "How much is run.")
    .option("epochs", \.epochs, value: "n", .protocolSettings, "Passes over the iron.")
    .option(
      "learning-rate", \.rate, value: "x", .protocolSettings,
      "Rate for a batch of 512; a longer explanation that has to go on in a second line."
    )
    .options(Forge.table, at: \.forge)
    .flag("cached", \.isCached, .protocolSettings, "Compute features once.")
    .option("seeds", \.seeds, value: "list", .run, "One forging a seed.")
    .option("limit", \.limit, value: "n", .run, "Use at most n pieces.")
    .flag("check", \.checks, .run, "Look at the iron first.")
    .option("output", \.output, value: "folder", .output, "Where reports go.")
  }

  func validate() throws(UsageError) {
    guard !isCached || seeds.count < 4 else { throw .conflict("--cached takes 3 seeds at most.") }
  }
}
