import Foundation
import TestSupport
import Testing

@testable import Processes

/// What the variables of launchers say.
@Suite("Launchers")
struct LauncherTests {
  private func launcher(_ variables: [String: String]) throws -> Launcher {
    try #require(Launcher(variables))
  }

  @Test("Each launcher is known by its variables")
  func kinds() throws {
    let open = try launcher(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"])
    #expect(open.family == .openMPI && open.size == 4 && open.rank == 3)
    let hydra = try launcher([
      "PMI_SIZE": "2", "PMI_RANK": "1", "PMI_FD": "8", "MPI_LOCALNRANKS": "2",
    ])
    #expect(hydra.family == .mpich && hydra.size == 2 && hydra.rank == 1 && hydra.control == 8)
    let slurm = try launcher(["SLURM_STEP_NUM_TASKS": "16", "SLURM_PROCID": "5"])
    #expect(slurm.name == "srun" && slurm.family == .unknown && slurm.size == 16)
    #expect(slurm.rank == 5 && slurm.control == nil)
    let pmix = try launcher(["SLURM_STEP_NUM_TASKS": "16", "PMIX_RANK": "0"])
    #expect(pmix.family == .openMPI)
    let second = try launcher(["SLURM_STEP_NUM_TASKS": "16", "PMI_SIZE": "16", "PMI_FD": "3"])
    #expect(second.family == .mpich && second.control == nil)
  }

  @Test("The nearest launcher decides, and an allocation alone is none")
  func nearest() throws {
    let inside = try launcher([
      "SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "OMPI_COMM_WORLD_SIZE": "32",
      "OMPI_COMM_WORLD_RANK": "0",
    ])
    #expect(inside.size == 32 && inside.rank == 0)
    #expect(Launcher([:]) == nil)
    #expect(Launcher(["SLURM_NTASKS": "16", "SLURM_PROCID": "0", "SLURM_JOB_ID": "7"]) == nil)
  }

  @Test("Nonsense in the variables is no launcher")
  func nonsense() {
    #expect(Launcher(["OMPI_COMM_WORLD_SIZE": "four"]) == nil)
    #expect(Launcher(["PMI_SIZE": "-2"]) == nil)
    #expect(Launcher(["SLURM_STEP_NUM_TASKS": "99999999999999999999"]) == nil)
  }

  @Test("A launcher that started one process started no others; one that does not say may have")
  func several() throws {
    #expect(try !launcher(["SLURM_STEP_NUM_TASKS": "1"]).startedSeveral)
    #expect(try !launcher(["MPI_LOCALNRANKS": "1"]).startedSeveral)
    #expect(try launcher(["MPI_LOCALNRANKS": "1", "PMI_PORT": "host:1"]).startedSeveral)
    #expect(try launcher(["MPI_LOCALNRANKS": "2"]).startedSeveral)
    #expect(try launcher(["PMIX_RANK": "0"]).startedSeveral)
  }

  @Test("The launcher's own library is tried first, versions before bare names")
  func order() {
    #expect(MessageLibrary.names(for: .openMPI).first == "libmpi.so.40")
    #expect(MessageLibrary.names(for: .mpich).first == "libmpich.so.12")
    for family in [Launcher.Family.openMPI, .mpich, .unknown] {
      let names = MessageLibrary.names(for: family)
      #expect(names.count == 8 && Set(names).count == 8)
      #expect(names.suffix(3).allSatisfy { $0.hasSuffix(".so") })
    }
  }

  /// Libraries that are installed with their launchers.
  private static var libraries: [String] {
    [(MessageLauncher.openMPI, "libmpi.so.40"), (.mpich, "libmpich.so.12")]
      .filter { $0.0.isInstalled }.map(\.1)
  }

  @Test(
    "Processes that do not see each other are refused with the remedy, by the first of them",
    .enabled(if: !Self.libraries.isEmpty, "needs a library of MPI"))
  func singletons() throws {
    let folder = try TemporaryDirectory()
    for (rank, library) in [0, 1].flatMap({ rank in Self.libraries.map { (rank, $0) } }) {
      let outcome = try ChildProgram.run(
        "bench-kernels", ["network", "--check"], in: folder.path,
        environment: [
          "SLURM_STEP_NUM_TASKS": "16", "SLURM_PROCID": "\(rank)",
          "SWINBENCH_MPI_LIBRARY": library,
        ], limit: 30)
      #expect(outcome.status == 64 && outcome.hasExited)
      #expect(outcome.output.isEmpty)
      #expect(outcome.failures.count == 1 - rank)
      #expect(outcome.errors.split(separator: "\n").count == 1 - rank, "\(outcome.errors)")
      if rank == 0 {
        #expect(outcome.errors.contains("srun started 16 processes, but "))
        #expect(outcome.errors.contains("--mpi=pmix"))
      }
    }
  }

  @Test("A library that is not there, or is none, is named with the remedy")
  func noLibrary() throws {
    let folder = try TemporaryDirectory()
    let text = folder.file("libmpi.so")
    try Data("no library".utf8).write(to: URL(fileURLWithPath: text))
    for path in ["/none/libmpi.so.40", text, "libz.so.1"] {
      let outcome = try ChildProgram.run(
        "bench-kernels", ["network", "--check", "--mpi", "on"], in: folder.path,
        environment: ["SWINBENCH_MPI_LIBRARY": path])
      #expect(outcome.status == 66)
      #expect(outcome.failures.count == 1 && outcome.errors.contains("--mpi off"))
    }
    let unasked = try ChildProgram.run(
      "bench-kernels", ["network", "--check"], in: folder.path,
      environment: ["SWINBENCH_MPI_LIBRARY": "/none/libmpi.so"])
    #expect(unasked.status == 0, "one process needs no library")
  }
}

/// Which cores a process may use beside others.
@Suite("Cores of processes")
struct CoresTests {
  private func cores(_ masks: [[UInt8]], hosts: [String], of rank: Int, machine: Int) -> Cores {
    Cores(
      mask: masks[rank], host: Array(hosts[rank].utf8),
      all: zip(masks, hosts).map { $0 + Array($1.utf8) }, machine: machine)
  }

  @Test("Unbound processes share the cores of their machine alone")
  func unbound() {
    let shared = cores(
      .init(repeating: [0xFF], count: 4), hosts: ["a", "a", "b", "a"], of: 0, machine: 8)
    #expect(shared.own == 8 && shared.sharers == 3 && shared.threadCount == 2)
    #expect(!shared.areMostlyIdle)
    let crowd = cores(
      .init(repeating: [0x03], count: 4), hosts: ["a", "a", "a", "a"], of: 1, machine: 2)
    #expect(crowd.threadCount == 1)
  }

  @Test("Bound processes have their own cores, and idle ones are seen")
  func bound() {
    let bound = cores([[0x01], [0x02]], hosts: ["a", "a"], of: 1, machine: 8)
    #expect(bound.threadCount == 1 && bound.covered == 2 && bound.areMostlyIdle)
    let halves = cores([[0x0F], [0xF0]], hosts: ["a", "a"], of: 0, machine: 8)
    #expect(halves.threadCount == 4 && !halves.areMostlyIdle)
  }

  @Test("Processes side by side agree on what they share")
  func together() async throws {
    let all = try await ThreadRanks(4).run { try Cores($0) }
    #expect(Set(all.map(\.threadCount)).count == 1)
    #expect(all[0].sharers == 4 && all[0].own >= 1)
    #expect(try Cores(SingleProcess()).sharers == 1)
  }
}
