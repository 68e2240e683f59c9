import Synchronization

/// The processes that this one works with.
public enum Processes {
  /// Whether processes are looked for.
  public enum Mode: String, CaseIterable, Sendable {
    /// Where a launcher (`mpirun`, `srun`) started this process.
    case auto
    /// Always.
    case on
    /// Never: this process works by itself.
    case off
  }

  private static let shared = Mutex<any Communicator>(SingleProcess())

  /// The communicator of this process; a single process before `start`.
  public static var current: any Communicator {
    standIn ?? shared.withLock { $0 }
  }

  /// Joins the other processes.
  public static func start(_ mode: Mode) throws {}

  /// Leaves the other processes, at the end of the work.
  public static func finish() {}
}
