import CommandLine
import Scoring

/// The commands of `bench-coco`.
public enum CocoCommands {
  /// Runs the command that the first argument names; options alone run the benchmark.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-coco", summary: "Detect and segment objects of COCO.",
      commands: [
        Subcommand(
          "run", "Fine-tune detectors on backbones and score them; the default.",
          DetectionOptions.self
        ) { try DetectionBenchmark.execute($0) },
        Subcommand(
          "evaluate", "Score a result file: COCO's numbers, errors, differences.",
          DetectionEvaluationOptions.self
        ) { try EvaluateDetections($0.options).run() },
        Subcommand(
          "show", "Draw what a detector finds: masks, boxes and names.", ShowDetectionsOptions.self
        ) { try ShowDetections.run($0.options) },
      ], standard: "run",
      examples: [
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections results.json"
      ], arguments: renamed(arguments))
  }

  /// Takes `--recipe mini` of versions before 0.2 for the preset that it is now.
  static func renamed(_ arguments: [String]) -> [String] {
    var arguments = arguments.map { $0 == "--recipe=mini" ? "--preset=mini" : $0 }
    for place in arguments.indices.dropLast()
    where arguments[place] == "--recipe" && arguments[place + 1] == "mini" {
      arguments[place] = "--preset"
    }
    return arguments
  }
}
