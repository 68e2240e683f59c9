import Foundation
import Testing

/// The launchers of MPI that tests start programs with, where they are installed.
public enum MessageLauncher: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case openMPI = "mpirun.openmpi"
  case mpich = "mpirun.mpich"

  /// The file that a test cannot do without.
  struct Absent: Error {}

  public var testDescription: String { rawValue }

  private var found: String? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { $0 + "/" + rawValue }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Whether it is installed.
  public var isInstalled: Bool { found != nil }

  /// The program's path.
  public var path: String {
    get throws {
      guard let found else { throw Absent() }
      return found
    }
  }

  /// What stands before the program, to start it `count` times on this machine.
  ///
  /// Containers run tests as root, have few cores, and may forbid one process to read another's
  /// memory, over which Open MPI would complain.
  public func arguments(_ count: Int) -> [String] {
    let options =
      switch self {
      case .openMPI:
        [
          "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--mca",
          "btl_vader_single_copy_mechanism", "none",
        ]
      case .mpich: [String]()
      }
    return options + ["-n", "\(count)"]
  }

  /// The word that sets a variable for the processes that follow.
  public func setting(_ name: String, to value: String) -> [String] {
    switch self {
    case .openMPI: ["-x", "\(name)=\(value)"]
    case .mpich: ["-env", name, value]
    }
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips a test where a launcher is not installed.
  public static func needs(_ launcher: MessageLauncher) -> Self {
    .enabled(if: launcher.isInstalled, "needs \(launcher.rawValue)")
  }
}
