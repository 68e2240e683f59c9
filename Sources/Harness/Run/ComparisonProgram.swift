import CommandLine
import FileSupport
import Processes
import Reporting
import Runs

/// The settings of a program that compares candidates.
protocol ComparisonOptions: CommandOptions {
  var run: RunOptions { get }
  var data: DataOptions { get }
  var preset: Preset { get }
  /// The files of what is compared, as far as they are named.
  var comparedFiles: [String] { get }
  /// The settings of the recipe by name, for `--dry-run`.
  var recipeSettings: [String: String] { get }
}

/// What a program found about a candidate.
protocol CandidateOutcome {
  /// What tables show of it.
  var result: RunResult { get set }
  /// The folder of its run.
  var folder: String { get }
}

/// A program that measures candidates one after another and compares them in tables.
protocol ComparisonProgram {
  associatedtype Options: ComparisonOptions
  associatedtype Outcome: CandidateOutcome

  /// Reads the data.
  init(_ options: Options, _ context: RunContext) throws
  /// What tells the data from others: hashes and counts.
  var dataIdentity: [String: String] { get }
  /// What the user wants compared; empty where the program makes backbones of its own.
  var named: [Candidate] { get }
  /// The backbones that it makes where the user names nothing.
  func ownBackbones() throws -> OwnBackbones
  /// Measures a candidate, or finds what an earlier run measured.
  func outcome(of candidate: Candidate) throws -> Outcome
  /// About how many seconds a candidate takes, measured on a few of its own steps.
  func seconds(of candidate: Candidate) throws -> Double
  /// Writes and prints the tables.
  func report(_ outcomes: [Outcome]) throws
}

extension ComparisonProgram {
  /// Runs the program.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings, data or checkpoints.
  static func execute(_ parsed: ParsedOptions<Options>) throws -> ExitCode {
    let options = parsed.options
    if options.run.isDryRun {
      // A process that only prints would leave the others waiting for it.
      try options.run.engine.join()
      for file in options.comparedFiles { try FileBytes.requireReadable(file) }
      Console.output(parsed.text(options.recipeSettings))
      return .success
    }
    _ = try opened(options).run()
    return .success
  }

  /// Sets the process up and reads the data.
  ///
  /// - Throws: As `execute`.
  static func opened(_ options: Options) throws -> Self {
    // The processes are joined here, so that the first one alone looks through the data.
    let context = try RunContext(options.run, data: options.data, preset: options.preset)
    // Not after hours of hashing, or of the first one's training.
    for file in options.comparedFiles { try FileBytes.requireReadable(file) }
    return try Processes.rootFirst { try Self(options, context) }
  }

  /// Measures all candidates and compares them.
  ///
  /// - Returns: The folders of their runs.
  /// - Throws: As `execute`.
  func run() throws -> [String] {
    let candidates =
      named.isEmpty ? try Processes.rootFirst { try ownBackbones().candidates() } : named
    var outcomes = try candidates.map { try outcome(of: $0) }
    for (at, title) in Candidate.distinctTitles(candidates).enumerated() {
      outcomes[at].result.backbone["name"] = title
    }
    if Processes.current.isRoot { try report(outcomes) }
    return outcomes.map(\.folder)
  }
}

extension ParsedOptions {
  /// What `--dry-run` prints: the settings as they were given, and what they come to.
  func text(_ settings: [String: String]) -> String {
    let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    return summary + "\n" + lines.joined(separator: "\n")
  }
}
