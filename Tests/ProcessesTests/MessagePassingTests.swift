import Foundation
import TestSupport
import Testing

/// Programs under the launchers of Open MPI and of MPICH.
///
/// `bench-kernels network --check` compares what arrives with what the slow obvious way would bring.
@Suite("Processes of Open MPI", .needs(.openMPI), .serialized, .timeLimit(.minutes(10)))
struct OpenMPITests {
  private let tests = MessagePassingTests(launcher: .openMPI)

  @Test("Everything arrives, and one process speaks", arguments: [1, 2, 3, 4])
  func arrival(count: Int) throws { try tests.arrival(count: count) }

  @Test("A process that fails ends all with its one sentence", arguments: [0, 2])
  func failure(rank: Int) throws { try tests.failure(rank: rank) }

  @Test("A process that is killed ends all")
  func killed() throws { try tests.killed() }

  @Test("A process that cannot join ends all with its one sentence")
  func absent() throws { try tests.absent() }

  @Test("Mistakes, help and refusals are said once")
  func once() throws { try tests.once() }

  @Test("Off, each process works by itself; else the cores are shared out")
  func sharing() throws { try tests.sharing() }
}

@Suite("Processes of MPICH", .needs(.mpich), .serialized, .timeLimit(.minutes(10)))
struct MPICHTests {
  private let tests = MessagePassingTests(launcher: .mpich)

  @Test("Everything arrives, and one process speaks", arguments: [1, 2, 3, 4])
  func arrival(count: Int) throws { try tests.arrival(count: count) }

  @Test("A process that fails ends all with its one sentence", arguments: [0, 2])
  func failure(rank: Int) throws { try tests.failure(rank: rank) }

  @Test("A process that is killed ends all")
  func killed() throws { try tests.killed() }

  @Test("A process that cannot join ends all with its one sentence")
  func absent() throws { try tests.absent() }

  @Test("Mistakes, help and refusals are said once")
  func once() throws { try tests.once() }

  @Test("Off, each process works by itself; else the cores are shared out")
  func sharing() throws { try tests.sharing() }
}

/// What holds under every launcher.
private struct MessagePassingTests {
  let launcher: MessageLauncher

  private func network(
    _ arguments: [String], count: Int, limit: Double = 120
  ) throws -> ChildProgram.Outcome {
    let folder = try TemporaryDirectory()
    return try ChildProgram.run(
      "bench-kernels", ["network"] + arguments, in: folder.path, under: (launcher, count),
      limit: limit)
  }

  func arrival(count: Int) throws {
    let outcome = try network(["--check", "--mpi", "on"], count: count)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = outcome.output.split(separator: "\n")
    let line = try #require(lines.first)
    #expect(lines.count == 1)
    #expect(
      line.hasPrefix(
        "processes: \(count), on this machine: \(count), threads of each: "))
    #expect(line.contains(", comparisons that agree: "))
    #expect(line.contains(launcher == .openMPI ? "Open MPI" : "MPICH"))
    #expect(outcome.failures.isEmpty)
  }

  // The limits are those within which all must end.

  func failure(rank: Int) throws {
    let outcome = try network(
      ["--loss", "error", "--lost", "\(rank)"], count: 4, limit: 30)
    #expect(outcome.status == 70)
    #expect(outcome.failures == ["Error: process \(rank) fails, as it was asked to."])
  }

  func killed() throws {
    let outcome = try network(["--loss", "killed"], count: 4, limit: 30)
    // Launchers end with the signal's number, or with 128 more.
    #expect([SIGKILL, 128 + SIGKILL].contains(outcome.status) && outcome.hasExited)
    #expect(outcome.failures.isEmpty, "\(outcome.errors)")
  }

  func absent() throws {
    let folder = try TemporaryDirectory()
    let program = [ChildProgram.path("bench-kernels"), "network", "--check"]
    let words =
      launcher.arguments(1) + launcher.setting("SWINBENCH_MPI_LIBRARY", to: "/none/libmpi.so")
      + program + [":"] + launcher.arguments(2).suffix(2) + program
    let outcome = try ChildProgram.run(
      path: launcher.path, words, in: folder.path, limit: 30)
    #expect(outcome.status == 66 && outcome.hasExited)
    #expect(outcome.failures.count == 1)
    #expect(outcome.errors.contains("/none/libmpi.so"))
  }

  func once() throws {
    let mistake = try network(["--floats", "many"], count: 3, limit: 30)
    #expect(mistake.status == 64)
    #expect(mistake.failures.count == 1 && mistake.errors.contains("--floats"))
    let late = try network(["--loss", "error", "--lost", "7"], count: 2, limit: 30)
    #expect(late.status == 64)
    #expect(late.failures == ["Error: --lost 7: there are 2 processes."])
    let help = try network(["--help"], count: 2, limit: 30)
    #expect(help.status == 0)
    #expect(help.output.components(separatedBy: "Usage: bench-kernels network").count == 2)
    let folder = try TemporaryDirectory()
    // One has settings of the engine, the other has none.
    for (program, words) in [
      ("bench-data", ["make-annotations", "--output", "x.json"]),
      ("bench-report", ["diff", "a", "b"]),
    ] {
      let refused = try ChildProgram.run(
        program, words, in: folder.path, under: (launcher, 2), limit: 30)
      #expect(refused.status == 64, "\(program): \(refused.errors)")
      #expect(refused.failures.count == 1)
      #expect(refused.errors.contains("this command works in one process"))
    }
  }

  func sharing() throws {
    let apart = try network(["--check", "--mpi", "off"], count: 2)
    #expect(apart.status == 0)
    let lines = apart.output.split(separator: "\n")
    #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("processes: 1, ") })
    let cores = ProcessInfo.processInfo.activeProcessorCount
    let together = try network(["--check"], count: 2)
    #expect(together.output.contains(", threads of each: \(max(1, cores / 2)), "))
    let given = try network(["--check", "--threads", "1"], count: 2)
    #expect(given.output.contains(", threads of each: 1, "))
  }
}
