import CommandLine
import Threads

extension EngineOptions {
  /// Takes silence and threads over for the process.
  package func apply() {
    if quiet { ProgressReporter.silence() }
    if let threads { ThreadPool.shared.threadCount = threads }
  }
}
