import CommandLine
import Evaluation
import FileSupport
import Foundation
import Models
import Reporting
import Scoring
import Threads
import Training
import VisionData

/// The commands of `bench-ade20k`.
public enum SegmentationCommands {
  /// Runs the command that the first argument names; without one, the benchmark itself.
  public static func run(_ arguments: [String]) -> Never {
    if arguments.first?.hasPrefix("-") ?? true {
      Command.run(SegmentationOptions.self, arguments: arguments) {
        try SegmentationBenchmark.execute($0)
      }
    }
    Command.run(
      "bench-ade20k", summary: "Semantic segmentation with UPerNet on ADE20K.",
      commands: [
        Subcommand("run", "Fine-tune UPerNet on backbones and score it; the default.") {
          arguments in
          Command.run(SegmentationOptions.self, arguments: arguments) {
            try SegmentationBenchmark.execute($0)
          }
        },
        Subcommand("evaluate", "Score label maps that were predicted elsewhere.") { arguments in
          Command.run(SegmentationEvaluationOptions.self, arguments: arguments) {
            try EvaluateSegmentation.run($0.options)
          }
        },
        Subcommand("show", "Draw classes over images.") { arguments in
          Command.run(ShowSegmentationOptions.self, arguments: arguments) {
            try ShowSegmentation.run($0.options)
          }
        },
      ],
      examples: [
        "swift run bench-ade20k evaluate --ground-truth ade --predictions out --per-class"
      ], arguments: arguments)
  }
}
