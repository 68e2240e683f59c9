import CommandLine
import Foundation
import Harness
import Inspection

/// All programs in one file, which is as large as one of them: it does what the name says that it is
/// called by, or its first argument.
@main
struct Programs {
  /// Does what a program does; returns for a name that is none.
  private static func run(_ program: String?, _ arguments: [String]) {
    switch program {
    case "bench-linear": LinearCommand.run(arguments)
    case "bench-coco": CocoCommands.run(arguments)
    case "bench-ade20k": SegmentationCommands.run(arguments)
    case "bench-data": DataCommands.run(arguments)
    case "bench-report": ReportCommands.run(arguments)
    case "bench-pretrain":
      Command.run(PretrainingOptions.self, arguments: arguments) { try PretrainingCommand.run($0) }
    case "bench-suite": SuiteCommand.run(arguments)
    default: return
    }
  }

  static func main() {
    let words = Swift.CommandLine.arguments
    run(words.first.map { ($0 as NSString).lastPathComponent }, Array(words.dropFirst()))
    run(words.dropFirst().first, Array(words.dropFirst(2)))
    Console.error(
      "Error: call this file by the name of a program, as the links beside it do, or name one first: "
        + "swinbench bench-data --help.")
    exit(64)
  }
}
