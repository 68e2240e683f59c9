import CommandLine
import Harness

/// Runs every task that a folder holds data for, and reports.
@main
struct BenchSuite {
  static func main() {
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    Command.run(SuiteOptions.self, arguments: arguments) { try SuiteCommand.run($0) }
  }
}
