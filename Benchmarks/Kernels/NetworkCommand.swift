import CommandLine
import FileSupport
import Foundation
import Processes
import Runs
import Threads

/// `bench-kernels network`: how fast messages travel between processes, and whether they arrive.
struct NetworkOptions: CommandOptions {
  /// How a process is lost.
  enum Loss: String, OptionChoice { case none, killed, error }

  var engine = EngineOptions()
  var checks = false
  var floats = 28_000_000
  var loss = Loss.none
  var lost = 1

  static var table: OptionTable<NetworkOptions> {
    OptionTable(
      name: "bench-kernels network",
      summary: "Measures messages between the processes that mpirun or srun started, one JSON "
        + "object a line.",
      usage: "[options]",
      examples: [
        "mpirun -n 2 bench-kernels network", "mpirun -n 4 bench-kernels network --check",
        "mpirun -n 4 bench-kernels network --loss killed",
      ]
    )
    .options(EngineOptions.table, at: \.engine)
    .flag(
      "check", \.checks, .run,
      "Send known bytes in every way there is, compare what arrives, and measure nothing."
    )
    .option(
      "floats", \.floats, in: .within(1, 1e9), value: "n", .run,
      "Numbers in the measured sum; 28 million are the gradients of Swin-T."
    )
    .option(
      "loss", \.loss, value: "how", .run,
      "Lose a process on purpose, killed or by an error: all must end within 30 s."
    )
    .option("lost", \.lost, in: .within(0, 1e6), value: "n", .run, "Which process is lost.")
  }
}

/// A process that was asked to fail.
private struct WantedError: ReportableError {
  let rank: Int
  var exitCode: ExitCode { .internalFailure }
  var description: String { "process \(rank) fails, as it was asked to." }
}

enum NetworkCommand {
  static func run(_ arguments: [String]) -> Never {
    Command.run(NetworkOptions.self, arguments: arguments) { parsed in
      let options = parsed.options
      try options.engine.join()
      let ranks = Processes.current
      if options.loss != .none { try lose(options, ranks) }
      if options.checks {
        let count = try NetworkCheck(ranks).run()
        let library = Processes.versionOfMPI.map { ", \($0)" } ?? ""
        Console.output(
          "processes: \(ranks.size), on this machine: \(ranks.localSize), "
            + "threads of each: \(ThreadPool.shared.threadCount), comparisons that agree: \(count)\(library)"
        )
        return .success
      }
      try NetworkSpeed(ranks).measure(floats: options.floats)
      return .success
    }
  }

  /// Loses one process while the others wait for it.
  private static func lose(_ options: NetworkOptions, _ ranks: any Communicator) throws {
    guard options.lost < ranks.size else {
      throw UsageError.conflict("--lost \(options.lost): there are \(ranks.size) processes.")
    }
    try ranks.barrier()
    if ranks.rank == options.lost {
      if options.loss == .killed { kill(getpid(), SIGKILL) }
      throw WantedError(rank: ranks.rank)
    }
    try ranks.barrier()
  }
}
