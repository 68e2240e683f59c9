import CommandLine
import Scoring

/// The commands of `bench-ade20k`.
public enum SegmentationCommands {
  /// Runs the command that the first argument names; options alone run the benchmark.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-ade20k", summary: "Semantic segmentation with UPerNet on ADE20K.",
      commands: [
        Subcommand(
          "run", "Fine-tune UPerNet on backbones and score it; the default.",
          SegmentationOptions.self
        ) { try SegmentationBenchmark.execute($0) },
        Subcommand(
          "evaluate", "Score label maps that were predicted elsewhere.",
          SegmentationEvaluationOptions.self
        ) { try EvaluateSegmentation.run($0.options) },
        Subcommand("show", "Draw classes over images.", ShowSegmentationOptions.self) {
          try ShowSegmentation.run($0.options)
        },
      ], standard: "run",
      examples: [
        "swift run bench-ade20k evaluate --ground-truth ade --predictions out --per-class"
      ], arguments: arguments)
  }
}
