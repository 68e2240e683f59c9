import Foundation
import Inspection

/// Compares finished runs in one report.
@main
struct BenchReport {
  static func main() {
    ReportCommands.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
