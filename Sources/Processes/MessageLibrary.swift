import CMPI
import FileSupport
import Foundation

/// The processes could not be joined.
public struct ProcessStartError: ReportableError {
  public let description: String
  public let exitCode: ExitCode
  /// Whether every process sees the same, so that one of them says it.
  let isCommon: Bool
}

/// The library that passes messages: which one is opened, and how it is joined.
enum MessageLibrary {
  /// Names a file to open in place of those that are tried.
  static let variable = "SWINBENCH_MPI_LIBRARY"

  private static let openMPI = ["libmpi.so.40"]
  // Debian renames MPICH's; elsewhere it has the name that its relatives have.
  private static let mpich = ["libmpich.so.12", "libmpi.so.12"]
  private static let standard = ["libmpi_abi.so.1", "libmpi_abi.so.0"]
  private static let unversioned = ["libmpi.so", "libmpich.so", "libmpi_abi.so"]

  /// The files that are tried, the launcher's own library first: another one would not know it.
  static func names(for family: Launcher.Family) -> [String] {
    switch family {
    case .openMPI, .unknown: openMPI + mpich + standard + unversioned
    case .mpich: mpich + standard + openMPI + unversioned
    }
  }

  /// Opens the library and joins the world.
  ///
  /// - Parameter trusts: Whether the library is started also where it is not seen how it would learn
  ///   of the others.
  /// - Throws: `ProcessStartError` with a remedy.
  static func join(_ launcher: Launcher?, trusts: Bool) throws -> MessagePassing {
    try load(launcher)
    let version = String(cString: cmpi_library_version())
    if let launcher, let wanted = launcher.size, wanted > 1, !trusts, !launcher.tellsOthers,
      cmpi_interface() == CMPI_OPEN_MPI
    {
      // It would end the process by itself, with a page of text.
      throw singletons(launcher, count: wanted, version: version)
    }
    var (rank, size, localSize): (Int32, Int32, Int32) = (0, 1, 1)
    var status: Int32 = 0
    let message = text { status = cmpi_start(&rank, &size, &localSize, $0, $1) }
    guard status == 0 else {
      throw ProcessStartError(
        description: "MPI could not be started by \(version): \(message); see docs/cluster.md, or "
          + "work in one process with --mpi off.",
        exitCode: .internalFailure, isCommon: false)
    }
    if let launcher, let wanted = launcher.size, wanted > 1, size == 1 {
      cmpi_finalize()
      throw singletons(launcher, count: wanted, version: version)
    }
    return MessagePassing(rank: Int(rank), size: Int(size), localSize: max(1, Int(localSize)))
  }

  private static func load(_ launcher: Launcher?) throws {
    let given = ProcessInfo.processInfo.environment[variable]
    let names = given.map { [$0] } ?? names(for: launcher?.family ?? .unknown)
    let words = names.map { strdup($0) }
    defer { for word in words { free(word) } }
    var status: Int32 = 0
    let message = text { buffer, capacity in
      let pointers = words.map { UnsafePointer($0) }
      status = cmpi_load(pointers, pointers.count, buffer, capacity)
    }
    guard status != 0 else { return }
    let why =
      status == 2 && given == nil
      ? "no library of MPI was found (\(message))"
      : "the library of MPI cannot be used (\(message))"
    throw ProcessStartError(
      description: "\(why); install openmpi-bin or mpich, load the cluster's module, name the file "
        + "in \(variable), or work in one process with --mpi off.",
      exitCode: .missingFile, isCommon: false)
  }

  private static func singletons(_ launcher: Launcher, count: Int, version: String)
    -> ProcessStartError
  {
    let remedy =
      launcher.name == "srun"
      ? "choose how srun tells them, --mpi=pmix for Open MPI and --mpi=pmi2 for MPICH (srun "
        + "--mpi=list shows what there is)"
      : "start them with the launcher of that library, or name the launcher's library in \(variable)"
    return ProcessStartError(
      description: "\(launcher.name) started \(count) processes, but \(version) sees each by "
        + "itself; \(remedy).",
      exitCode: .usage, isCommon: true)
  }
}
