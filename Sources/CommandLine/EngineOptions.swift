import Processes

/// Settings of every command that computes: how fast, and how loud.
public struct EngineOptions: Sendable {
  /// Threads; nil is one a core, shared out among the processes of a machine.
  public var threads: Int?
  /// Whether other processes are joined.
  public var mpi = Processes.Mode.auto
  /// Whether nothing but results is said.
  public var quiet = false

  /// Every setting at its default.
  public init() {}

  /// The options.
  public static var table: OptionTable<EngineOptions> {
    OptionTable()
      .option(
        "threads", \.threads, in: .within(1, 1024), value: "n", .run,
        "Threads of each process. Without it one a core, shared out among the processes of a machine."
      )
      .option(
        "mpi", \.mpi, value: "when", .run,
        "Whether the processes that mpirun or srun started share the work: auto, on, or off, where "
          + "each works by itself."
      )
      .flag("quiet", \.quiet, .output, "No progress.")
  }
}

extension Processes.Mode: OptionChoice {}
