import CommandLine
import Foundation
import Harness

/// Pretrains a backbone and writes its checkpoint.
@main
struct BenchPretrain {
  static func main() {
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    Command.run(PretrainingOptions.self, arguments: arguments) { try PretrainingCommand.run($0) }
  }
}
