import CommandLine
import Processes
import Threads

extension EngineOptions {
  /// Takes silence, processes and threads over for a command that works in one process.
  ///
  /// - Throws: `ProcessCountError` where a launcher started several.
  package func apply() throws {
    try join()
    try Processes.refuseOthers()
  }

  /// Takes silence, processes and threads over for a command whose work processes share.
  ///
  /// - Throws: `ProcessStartError` where the others cannot be joined, `DifferentWorkError` where they
  ///   were told something else.
  package func join() throws {
    if quiet { ProgressReporter.silence() }
    if !Processes.areStarted {
      try Processes.start(mpi)
      try SameWork.requireSameStart(Command.settings)
    }
    if Processes.current.size > 1, threads == nil {
      let cores = try Cores(Processes.current)
      ThreadPool.shared.threadCount = cores.threadCount
      if cores.areMostlyIdle, !quiet {
        Console.error(
          "The launcher gives the processes \(cores.covered) of this machine's \(cores.machine) "
            + "cores; with --bind-to none they use all.")
      }
    }
    if let threads { ThreadPool.shared.threadCount = threads }
  }
}
