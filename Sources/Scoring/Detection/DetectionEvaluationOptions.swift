import CommandLine
import Evaluation
import VisionData

extension OverlapType: OptionChoice {}

/// The settings of `bench-coco evaluate`.
package struct DetectionEvaluationOptions: CommandOptions {
  var groundTruth = ""
  var detections = ""
  var versus: String?
  var types: [OverlapType] = []
  var limits = [1, 10, 100]
  var classAgnostic = false
  var corrected = false
  var resamples = 1000
  var seed = 0
  var perClass = false
  var errors = false
  var output: String?
  var records: String?
  var run = PredictedRunOptions()
  var engine = EngineOptions()

  package init() {}

  package static var table: OptionTable<DetectionEvaluationOptions> {
    OptionTable(
      name: "bench-coco evaluate",
      summary: "Score detections in COCO's result format against annotations.",
      usage: "--ground-truth <file> --detections <file> [options]",
      examples: [
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections results.json",
        "swift run bench-coco evaluate --ground-truth instances_val2017.json "
          + "--detections moby.json --versus supervised.json --per-class --errors",
      ]
    )
    .option(
      "ground-truth", \.groundTruth, value: "file", .input, "Annotations: instances_*.json.",
      isRequired: true
    )
    .option(
      "detections", \.detections, value: "file", .input, "Results: a list of detections.",
      isRequired: true
    )
    .option(
      "versus", \.versus, value: "file", .input,
      "Results of another detector; prints the difference and its interval."
    )
    .option(
      "iou-type", \.types, value: "names", .protocolSettings,
      "Overlap of boxes, masks or both. What the results hold."
    )
    .option(
      "max-detections", \.limits, in: .count, value: "n,n,n", .protocolSettings,
      "Detections of an image and class that count."
    )
    .flag("class-agnostic", \.classAgnostic, .protocolSettings, "Take all classes for one.")
    .flag(
      "corrected", \.corrected, .protocolSettings,
      "Do not follow pycocotools where it errs: objects with id 0, sizes of masks beside boxes."
    )
    .option(
      "resamples", \.resamples, in: .within(2, 1e6), value: "n", .protocolSettings,
      "Swaps of the permutation test of a difference."
    )
    .option(
      "seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of the swaps."
    )
    .flag("per-class", \.perClass, .output, "Also the numbers of every class.")
    .flag("errors", \.errors, .output, "Also what each kind of error costs (TIDE).")
    .option("output", \.output, value: "file", .output, "Also writes the numbers as JSON.")
    .option(
      "records", \.records, value: "folder", .output,
      "Also writes how every detection was matched, for later comparisons."
    )
    .options(PredictedRunOptions.table, at: \.run)
    .options(EngineOptions.table, at: \.engine)
  }

  package func validate() throws(UsageError) {
    try run.validate()
    guard run.name == nil || !classAgnostic else {
      throw .conflict("--name keeps a run of COCO's numbers; leave --class-agnostic out.")
    }
    guard !limits.isEmpty else {
      throw .conflict("--max-detections must name at least one number.")
    }
    guard Set(limits).count == limits.count else {
      throw .conflict("--max-detections names a number twice: \(limits.argument).")
    }
  }
}
