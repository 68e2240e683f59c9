import Foundation
import Harness

/// Runs every task that a folder holds data for, and reports.
@main
struct BenchSuite {
  static func main() {
    SuiteCommand.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
