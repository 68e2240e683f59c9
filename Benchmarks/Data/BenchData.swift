import Foundation
import Inspection

/// Makes, checks and shows data sets.
@main
struct BenchData {
  static func main() {
    DataCommands.run(Array(Swift.CommandLine.arguments.dropFirst()))
  }
}
