import CommandLine
import Protocols
import Scoring

/// The commands of `bench-linear`.
public enum LinearCommand {
  /// Runs the command that the first argument names; options alone run the benchmark.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-linear", summary: "Classify images on the features of a backbone.",
      commands: [
        Subcommand(
          "run", "Train and score a classifier, on frozen features or end to end; the default.",
          LinearOptions.self
        ) { parsed in
          parsed.options.settings.trainsNetwork
            ? try ClassifierBenchmark.execute(parsed) : try LinearBenchmark.execute(parsed)
        },
        Subcommand(
          "evaluate", "Score classes or logits that were predicted elsewhere.",
          ClassificationEvaluationOptions.self
        ) { try EvaluateClassification($0.options).run() },
      ], standard: "run",
      examples: [
        "swift run bench-linear evaluate --predictions moby.csv --ground-truth imagenet/val"
      ], arguments: arguments)
  }
}
