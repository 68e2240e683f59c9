import CommandLine
import Evaluation
import FileSupport
import Reporting

extension McNemar: OptionChoice {}

/// A form that a report is written in.
public enum ReportFormat: String, OptionChoice, Sendable {
  case html, md, csv, json, tex, events
}

/// How differences are tested, and where tests are kept: of every command that compares runs.
struct DifferenceOptions: Sendable {
  var resamples = 1000
  var margins: [String] = []
  var cache = "reports/cache"

  static var table: OptionTable<DifferenceOptions> {
    OptionTable()
      .option(
        // Fewer make intervals of noise.
        "resamples", \.resamples, in: .within(100, 1e6), value: "n", .protocolSettings,
        "Swaps of a permutation test; a large family takes more."
      )
      .option("margin", \.margins, value: "list", .protocolSettings, MarginOption.help)
      .option("cache", \.cache, value: "folder", .output, "Where tests are kept.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  func validate() throws(UsageError) { _ = try MarginOption.margins(margins) }

  /// Makes sure that margins are of numbers that these runs have.
  ///
  /// - Throws: `UsageError` that names the first that none has.
  func requireMargins(of runs: [StoredRun]) throws(UsageError) {
    // Without runs there is more to say than that.
    guard !runs.isEmpty else { return }
    _ = try MarginOption.margins(margins, of: runs.map(\.result.description))
  }

  /// A builder that tests so.
  func builder() -> ComparisonBuilder {
    var builder = ComparisonBuilder()
    builder.margins = Margins(points: margins) ?? .published
    builder.resampleCount = resamples
    builder.cache = cache + "/tests"
    return builder
  }
}

/// The settings of `bench-report`.
package struct BuildReportOptions: CommandOptions {
  var runs = ["reports/runs"]
  var baseline: String?
  var references = SuppliedFiles.path("reports/reference")
  var tests = DifferenceOptions()
  var seed = 0
  var mcNemar = McNemar.exact
  var gallery = 6
  var changesBaseline = true
  var formats = ReportFormat.allCases
  var output = "reports/comparison"
  var json = false
  var quiet = false
  /// Names of the options that were given.
  private var given: Set<String> = []

  package init() {}

  package mutating func start(given: Set<String>) { self.given = given }

  package static var table: OptionTable<BuildReportOptions> {
    OptionTable(
      name: "bench-report", summary: "Compare finished runs in one report, with a verdict.",
      usage: "[--runs <folders>] [options]  |  explain, diff, check, simulate",
      examples: [
        "swift run bench-report",
        "swift run bench-report --runs reports/runs,elsewhere/runs --output comparison",
        "swift run bench-report explain linear/moby/top1",
        "swift run bench-report diff reports/runs/a reports/runs/b",
        "swift run bench-report check",
      ]
    )
    .option(
      "runs", \.runs, value: "folders", .input,
      "Runs, or folders that hold them, with commas."
    )
    .option(
      "baseline", \.baseline, value: "name", .input,
      "Row that the others are compared with. Without it the supervised one of each network."
    )
    .option(
      "references", \.references, value: "folder", .input,
      "Published figures, shown beside ours; none for none."
    )
    .options(DifferenceOptions.table, at: \.tests)
    .option(
      "seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of the swaps."
    )
    .option(
      "mcnemar", \.mcNemar, value: "form", .protocolSettings,
      "Exact claims too seldom rather than too often; mid-p as often as it says, on average."
    )
    .option(
      "gallery", \.gallery, in: .within(0, 1000), value: "n", .output,
      "Images a row, so many gains and so many losses."
    )
    .flag(
      "every-baseline", \.changesBaseline, .output,
      "Test against every other row, too, so that the page can change its baseline."
    )
    .option("formats", \.formats, value: "list", .output, "What to write.")
    .option("output", \.output, value: "folder", .output, "Where the report goes.")
    .flag("json", \.json, .output, "Print the report as JSON.")
    .flag("quiet", \.quiet, .output, "Print nothing but the report.")
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  package func validate() throws(UsageError) {
    try tests.validate()
    guard formats.contains(.html) || !given.contains("gallery") else {
      throw .conflict("--gallery is for the page; add html to --formats or leave --gallery out.")
    }
  }

  /// The builder that these settings ask for.
  ///
  /// - Throws: `DatasetError` for a folder of figures that was named and is not there.
  func builder() throws(DatasetError) -> ComparisonBuilder {
    if !["none", BuildReportOptions().references].contains(references) {
      let known = Set(TaskDescription.all.flatMap(\.references)).sorted()
      guard known.contains(where: { FileStamp(path: references + "/" + $0) != nil }) else {
        throw DatasetError(
          path: references, problem: "is no folder of published figures",
          remedy: "give one that holds \(known.joined(separator: " or ")), or --references none",
          exitCode: .missingFile)
      }
    }
    var builder = tests.builder()
    builder.mcNemar = mcNemar
    builder.baseline = baseline
    builder.seed = UInt64(seed)
    builder.references = references
    builder.galleryCount = gallery
    return builder
  }
}

/// The settings of `bench-report explain`.
package struct ExplainOptions: CommandOptions {
  var report = BuildReportOptions()
  var cell = ""

  package init() {}

  package static var table: OptionTable<ExplainOptions> {
    OptionTable(
      name: "bench-report explain", summary: "Say where a number of the report comes from.",
      usage: "<cell> [--runs <folders>] [options]",
      examples: ["swift run bench-report explain linear/moby/top1"]
    )
    .argument(
      "cell", \.cell, .input, "The number's name: task/method/metric. 'all' lists them."
    )
    .option("runs", \.report.runs, value: "folders", .input, "Runs, or folders that hold them.")
    .option("baseline", \.report.baseline, value: "name", .input, "Row to compare with.")
    .options(DifferenceOptions.table, at: \.report.tests)
    .option(
      "seed", \.report.seed, in: .atLeast(0), value: "n", .protocolSettings,
      "Seed of the swaps."
    )
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  package func validate() throws(UsageError) { try report.validate() }
}

/// The settings of `bench-report diff`.
package struct DiffOptions: CommandOptions {
  var first = ""
  var second = ""
  var tests = DifferenceOptions()

  package init() {}

  package static var table: OptionTable<DiffOptions> {
    OptionTable(
      name: "bench-report diff",
      summary: "Two runs side by side: what was done differently, then the numbers.",
      usage: "<first> <second> [options]",
      examples: ["swift run bench-report diff reports/runs/a reports/runs/b"]
    )
    .argument("first", \.first, .input, "Folder of the run that is taken as the baseline.")
    .argument("second", \.second, .input, "Folder of the other run.")
    .options(DifferenceOptions.table, at: \.tests)
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  package func validate() throws(UsageError) { try tests.validate() }
}

/// The settings of `bench-report check`.
package struct CheckReportOptions: CommandOptions {
  var runs = ["reports/runs"]
  var references = SuppliedFiles.path("reports/reference")
  var configuration: String?
  var json = false

  package init() {}

  package static var table: OptionTable<CheckReportOptions> {
    OptionTable(
      name: "bench-report check",
      summary: "Hold runs against known figures; the status is 1 when one lies outside.",
      usage: "[--runs <folders>] [--references <folder>]",
      examples: [
        "swift run bench-report check --references reports/reference",
        "swift run bench-report check --runs scored --configuration 'Mask R-CNN 3x'",
      ]
    )
    .option("runs", \.runs, value: "folders", .input, "Runs, or folders that hold them.")
    .option(
      "references", \.references, value: "folder", .input, "Files of figures with their room."
    )
    .option(
      "configuration", \.configuration, value: "name", .input,
      "What runs are that were only scored, as the figures call it: 'Cascade Mask R-CNN 3x'."
    )
    .flag("json", \.json, .output, "Print the findings as JSON.")
  }
}
