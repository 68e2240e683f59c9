/// The commands of `bench-coco`.
public enum CocoCommands {
  /// Runs the command that the first argument names.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-coco", summary: "Detect and segment objects of COCO.",
      commands: [
        Subcommand("evaluate", "Score a result file: COCO's numbers, errors, differences.") {
          arguments in
          Command.run(EvaluateOptions.self, arguments: arguments) {
            try EvaluateCommand($0.options).run()
          }
        }
      ],
      examples: [
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections results.json"
      ], arguments: arguments)
  }
}
