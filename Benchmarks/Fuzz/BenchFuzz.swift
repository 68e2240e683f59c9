import CommandLine
import Foundation
import Fuzzing

/// Gives every reader of the suite inputs that are wrong behind their checksums.
@main
struct BenchFuzz {
  static func main() {
    let arguments = Array(Swift.CommandLine.arguments.dropFirst())
    Command.run(FuzzOptions.self, arguments: arguments) { try FuzzCommand.run($0) }
  }
}
