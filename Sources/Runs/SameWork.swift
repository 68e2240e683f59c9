import FileSupport
import Processes

/// Processes that would not compute one and the same run.
struct DifferentWorkError: ReportableError, Equatable {
  /// The first process that differs from the first of all, and in what.
  let rank: Int
  let what: String

  var exitCode: ExitCode { .badData }
  var description: String {
    "process \(rank) has \(what) than process 0; give all processes the same program, files and "
      + "options."
  }
}

/// Makes sure that all processes do the same before hours are spent.
enum SameWork {
  /// Options that may differ: nothing depends on them, or, as of data and configuration files, what
  /// counts is what they hold.
  private static let free: Set = ["config", "data", "mpi", "quiet", "threads"]

  /// Compares what was started, once, before the processes wait for each other: options that are in
  /// no run's key also decide who waits for whom.
  ///
  /// - Parameter settings: The options of this process by name, as they were resolved.
  /// - Throws: `DifferentWorkError` when a process runs another program, or has other options.
  static func requireSameStart(_ settings: [(name: String, value: String)]) throws {
    guard Processes.current.size > 1 else { return }
    let digest = try SHA256.digest(file: "/proc/self/exe")
    try require([("another build of the program", digest)])
    // Processes of one program may still run different commands of it.
    try require([("another command", settings.map(\.name).joined(separator: " "))])
    try require(
      settings.filter { !free.contains($0.name) }.map {
        ("other settings (--\($0.name))", $0.value)
      })
  }

  /// - Throws: `DifferentWorkError` when a process has other data, weights or settings.
  static func requireSameRun(_ key: RunKey) throws {
    try require([
      ("other data", key.document["data"]?.text() ?? ""),
      ("other weights", key.document["backbone"]?.text() ?? ""),
      ("other settings", key.document.text()),
    ])
  }

  /// Every process says why, so whichever is heard.
  private static func require(_ parts: [(what: String, value: String)]) throws {
    let ranks = Processes.current
    guard ranks.size > 1 else { return }
    for (what, value) in parts {
      let values = try ranks.gatherBytes(Array(value.utf8))
      guard let rank = values.firstIndex(where: { $0 != values[0] }) else { continue }
      throw DifferentWorkError(rank: rank, what: what)
    }
  }
}
