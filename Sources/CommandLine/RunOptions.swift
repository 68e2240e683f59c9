/// Settings of every command that computes: how fast, and how loud.
public struct EngineOptions: Sendable {
  /// Threads; nil is one a core.
  public var threads: Int?
  /// Whether nothing but results is said.
  public var quiet = false

  /// Every setting at its default.
  public init() {}

  /// The options.
  public static var table: OptionTable<EngineOptions> {
    OptionTable()
      .option(
        "threads", \.threads, in: .within(1, 1024), value: "n", .run,
        "Threads. Without it one a core."
      )
      .flag("quiet", \.quiet, .output, "No progress.")
  }
}

/// Settings of every program that makes runs.
public struct RunOptions: Sendable {
  /// Threads and silence.
  public var engine = EngineOptions()
  /// Where runs are kept, and what they need again.
  public var output = "reports/runs"
  public var cache = "reports/cache"
  /// Whether a run begins again whatever is there.
  public var restarts = false
  /// Whether the settings are printed and nothing is done.
  public var isDryRun = false
  /// Whether results are printed as JSON.
  public var isJSON = false

  /// Every setting at its default.
  public init() {}

  /// The options.
  public static var table: OptionTable<RunOptions> {
    OptionTable()
      .options(EngineOptions.table, at: \.engine)
      .flag(
        "restart", \.restarts, .run,
        "Begin again whatever is there: runs, results, features, checks."
      )
      .flag("dry-run", \.isDryRun, .run, "Print the settings and stop.")
      .option("output", \.output, value: "folder", .output, "Where runs are kept.")
      .option(
        "cache", \.cache, value: "folder", .output,
        "Where data checks, features and backbones are kept."
      )
      .flag("json", \.isJSON, .output, "Print the results as JSON.")
  }
}
