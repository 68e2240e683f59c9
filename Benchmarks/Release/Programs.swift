import CommandLine
import Foundation
import Harness

/// All programs in one file, which is as large as one of them: it does what the name says that it is
/// called by, or its first argument.
@main
struct Programs {
  private static let runs: [String: @Sendable ([String]) -> Never] = [
    "bench-linear": LinearCommand.run, "bench-coco": CocoCommands.run,
    "bench-ade20k": SegmentationCommands.run, "bench-data": DataCommands.run,
    "bench-report": ReportCommands.run, "bench-suite": SuiteCommand.run,
    "bench-pretrain": { arguments in
      Command.run(PretrainingOptions.self, arguments: arguments) { try PretrainingCommand.run($0) }
    },
  ]

  static func main() {
    let words = Swift.CommandLine.arguments
    let called = words.first.map { ($0 as NSString).lastPathComponent } ?? ""
    if let run = runs[called] { run(Array(words.dropFirst())) }
    if words.count > 1, let run = runs[words[1]] { run(Array(words.dropFirst(2))) }
    Console.error(
      "Error: call this file by the name of a program, or name one first: "
        + runs.keys.sorted().joined(separator: ", ") + ".")
    exit(64)
  }
}
