import CommandLine
import Inspection
import Scoring

/// A command with everything that it does before its first file: what tests and the fuzz drive.
package struct CommandTrial: Sendable {
  /// What the user types: `bench-coco evaluate`.
  package let name: String
  /// Its options.
  package let options: [OptionShape]
  /// Parses a command line, checks it and says what it comes to.
  package let run: @Sendable ([String]) throws -> String

  private init<Options: CommandOptions>(
    _ type: Options.Type, _ name: String,
    settings: @escaping @Sendable (Options) throws -> [String: String] = { _ in [:] }
  ) {
    self.name = name
    // Functions and texts; nothing of it changes.
    nonisolated(unsafe) let table = Options.table
    options = table.shapes
    run = { arguments in
      let parsed = try table.parse(arguments)
      return parsed.text(try settings(parsed.options))
    }
  }

  /// Every command of every program.
  package static let all: [CommandTrial] = [
    CommandTrial(LinearOptions.self, "bench-linear", settings: \.recipeSettings),
    CommandTrial(ClassificationEvaluationOptions.self, "bench-linear evaluate"),
    CommandTrial(DetectionOptions.self, "bench-coco", settings: \.recipeSettings),
    CommandTrial(DetectionEvaluationOptions.self, "bench-coco evaluate"),
    CommandTrial(ShowDetectionsOptions.self, "bench-coco show"),
    CommandTrial(SegmentationOptions.self, "bench-ade20k", settings: \.recipeSettings),
    CommandTrial(SegmentationEvaluationOptions.self, "bench-ade20k evaluate"),
    CommandTrial(ShowSegmentationOptions.self, "bench-ade20k show"),
    CommandTrial(PretrainingOptions.self, "bench-pretrain") {
      try PretrainingPlan($0, imageCount: 100).settings
    },
    CommandTrial(BuildReportOptions.self, "bench-report"),
    CommandTrial(SuiteOptions.self, "bench-suite"),
    CommandTrial(ExplainOptions.self, "bench-report explain"),
    CommandTrial(DiffOptions.self, "bench-report diff"),
    CommandTrial(CheckReportOptions.self, "bench-report check"),
    CommandTrial(SimulateOptions.self, "bench-report simulate"),
    CommandTrial(MakeDataOptions.self, "bench-data make"),
    CommandTrial(CheckDataOptions.self, "bench-data check"),
    CommandTrial(ShowDataOptions.self, "bench-data show"),
    CommandTrial(CheckAnnotationsOptions.self, "bench-data check-annotations"),
    CommandTrial(MakeAnnotationsOptions.self, "bench-data make-annotations"),
  ]
}
