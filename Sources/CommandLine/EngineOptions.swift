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
