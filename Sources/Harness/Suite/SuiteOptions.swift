import CommandLine
import FileSupport
import Processes

/// A downstream task of the suite.
enum SuiteTask: String, OptionChoice {
  case linear, coco, ade20k

  /// The program that does it.
  var program: String { "bench-" + rawValue }
}

/// A time as people write it: `90m`, `2h`, `1.5d`.
struct TimeBudget: Sendable {
  /// The time in seconds.
  let seconds: Double

  /// Reads a time; nil where it is none.
  init?(_ text: String) {
    let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()),
      number > 0, number <= 1e6
    else { return nil }
    seconds = number * unit
  }
}

/// The settings of `bench-suite`: all that the programs that it runs are told.
public struct SuiteOptions: CommandOptions {
  var backbones: [String] = []
  var data: String?
  var tasks = SuiteTask.allCases
  var preset: Preset?
  var seeds: [Int] = []
  var budget: String?
  var linear = ""
  var coco = ""
  var ade20k = ""
  var output = "reports/comparison"
  var runs: String?
  var cache = "reports/cache"
  var restarts = false
  var isDryRun = false
  var printsConfiguration = false
  var opens = true
  var engine = EngineOptions()

  /// Every setting at its default.
  public init() {}

  public static var table: OptionTable<SuiteOptions> {
    OptionTable(
      name: "bench-suite",
      summary: "Run every task that a folder holds data for, the quickest first, and report.",
      usage: "[--backbone <files>] [--data <folder>] [options]",
      examples: [
        "swift run bench-suite",
        "swift run bench-suite --backbone mine.pth,supervised.pth --data /data --output reports/mine",
        "swift run bench-suite --backbone mine.pth --data /data --budget 12h --dry-run",
      ]
    )
    .option(
      "backbone", \.backbones, value: "files", .input,
      "Checkpoints, or 'random', with commas. Without it short ones of the suite's own."
    )
    .option(
      "data", \.data, value: "folder", .input,
      "A data set, or a folder of data sets in any layouts. The sample set."
    )
    .option("tasks", \.tasks, value: "list", .run, "Which tasks.")
    .option("preset", \.preset, value: "size", .protocolSettings, "How large every run is.")
    .option(
      "seeds", \.seeds, in: .atLeast(0), value: "list", .run, "Trainings. Without it the programs'."
    )
    .option(
      "budget", \.budget, value: "time", .run,
      "Leave out what does not fit: 90m, 12h, 2d. Without it nothing."
    )
    .option(
      "linear", \.linear, value: "options", .protocolSettings,
      "More options for bench-linear, in quotes: --linear=\"--cached --learning-rates 0.3,1,3\"; what "
        + "holds spaces in quotes of its own."
    )
    .option("coco", \.coco, value: "options", .protocolSettings, "More options for bench-coco.")
    .option(
      "ade20k", \.ade20k, value: "options", .protocolSettings, "More options for bench-ade20k."
    )
    .flag("restart", \.restarts, .run, "Begin again whatever is there.")
    .flag("dry-run", \.isDryRun, .run, "Print the forecast and stop.")
    .flag("print-config", \.printsConfiguration, .run, "Print the settings for --config and stop.")
    .option("output", \.output, value: "folder", .output, "Where the report goes.")
    .option(
      "runs", \.runs, value: "folder", .output,
      "Where runs are kept. Without it in the report's folder, or reports/runs."
    )
    .option("cache", \.cache, value: "folder", .output, "Where features and checks are kept.")
    .flag("open", \.opens, .output, "Show the report where there is a screen.")
    .options(EngineOptions.table, at: \.engine)
  }

  /// Checks what single options cannot.
  ///
  /// - Throws: `UsageError`.
  public func validate() throws(UsageError) {
    guard !tasks.isEmpty else { throw .conflict("--tasks names no task.") }
    if let budget, TimeBudget(budget) == nil {
      throw .conflict("--budget got '\(budget)'; give a time as 90m, 12h or 2d.")
    }
    if !seeds.isEmpty { try SeedList.validate(seeds) }
    for (task, text) in handedOn where !text.isEmpty {
      guard tasks.contains(task) else {
        throw .conflict(
          "--\(task.rawValue) is for \(task.program), which --tasks leaves out; leave it out, too.")
      }
      try checkHandedOn(text, to: task)
    }
  }

  /// The options for single programs, as they were given.
  var handedOn: [(task: SuiteTask, text: String)] {
    [(.linear, linear), (.coco, coco), (.ade20k, ade20k)]
  }

  /// Refuses to hand through what the suite decides, or was told itself.
  private func checkHandedOn(_ text: String, to task: SuiteTask) throws(UsageError) {
    // By their values: a configuration file holds them all.
    let told = [
      ("mpi", engine.mpi != .auto), ("preset", preset != nil), ("quiet", engine.quiet),
      ("restart", restarts), ("seeds", !seeds.isEmpty), ("threads", engine.threads != nil),
    ].filter { $0.1 }.map { $0.0 }
    let own: Set = [
      "backbone", "cache", "config", "data", "dry-run", "help", "help-all", "output", "runs",
    ]
    guard let words = QuotedWords.split(text) else {
      throw .conflict("--\(task.rawValue) has a quote that is not closed: \(text)")
    }
    for word in words where word.hasPrefix("--") {
      let spelled = String(word.dropFirst(2).prefix { $0 != "=" })
      let name = spelled.hasPrefix("no-") ? String(spelled.dropFirst(3)) : spelled
      guard !own.contains(name) else {
        throw .conflict(
          "--\(task.rawValue) hands --\(name) through, which the suite itself decides"
            + (Self.table.shapes.contains { $0.name == name }
              ? "; give --\(name) to bench-suite." : ".")
        )
      }
      guard !told.contains(name) else {
        throw .conflict(
          "--\(name) is given to bench-suite and in --\(task.rawValue); give it in one place.")
      }
    }
  }

  /// Where runs are kept.
  var runFolder: String {
    runs ?? (output == SuiteOptions().output ? "reports/runs" : output + "/runs")
  }

  /// What a program is told.
  ///
  /// - Parameter data: The folder of its data; nil is the sample set.
  func arguments(for task: SuiteTask, data: String?) -> [String] {
    var list: [String] = []
    if !backbones.isEmpty { list += ["--backbone", backbones.joined(separator: ",")] }
    if let data { list += ["--data", data] }
    if let preset { list += ["--preset", preset.rawValue] }
    if !seeds.isEmpty { list += ["--seeds", seeds.map(String.init).joined(separator: ",")] }
    // Lines that cannot be taken apart were refused.
    for (_, text) in handedOn.filter({ $0.task == task }) { list += QuotedWords.split(text) ?? [] }
    list += ["--output", runFolder, "--cache", cache]
    if let threads = engine.threads { list += ["--threads", String(threads)] }
    if engine.quiet { list.append("--quiet") }
    if restarts { list.append("--restart") }
    return list
  }
}

extension ParsedOptions<SuiteOptions> {
  /// The settings as the file that `--config` reads.
  var configuration: String {
    let asked = ["config", "print-config", "dry-run"]
    let members = settings.filter { !$0.value.isEmpty && !asked.contains($0.name) }
      .map { ($0.name, JSONValue.string($0.value)) }
    return JSONValue.object(Dictionary(uniqueKeysWithValues: members)).text(isPretty: true)
  }
}
