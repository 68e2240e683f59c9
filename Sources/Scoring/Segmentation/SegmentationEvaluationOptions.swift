import CommandLine
import Evaluation
import Runs
import VisionData

extension LabelEncoding.Kind: OptionChoice {}
extension PredictionValues: OptionChoice {}
extension SegmentationConvention: OptionChoice {}

/// The settings of `bench-ade20k evaluate`.
package struct SegmentationEvaluationOptions: CommandOptions {
  var groundTruth = ""
  var predictions: [String] = []
  var classes = ""
  var labels: LabelEncoding.Kind?
  var labelSuffix: String?
  var trustsLabels = false
  var predictionValues = PredictionValues.ids
  var convention = SegmentationConvention.mmseg
  var resamples = 1000
  var seed = 0
  var perClass = false
  var output: String?
  var records: String?
  var run = PredictedRunOptions()
  var json = false
  var engine = EngineOptions()
  private var givesSeed = false

  package init() {}

  package mutating func start(given: Set<String>) {
    givesSeed = given.contains("seed")
    run.start(given: given)
  }

  package static var table: OptionTable<SegmentationEvaluationOptions> {
    OptionTable(
      name: "bench-ade20k evaluate",
      summary: "Score label maps that were predicted elsewhere; two folders are also compared.",
      usage: "--ground-truth <folder> --predictions <folder>[,<folder>] [options]",
      examples: [
        "swift run bench-ade20k evaluate --ground-truth ade/annotations/validation "
          + "--predictions out",
        "swift run bench-ade20k evaluate --ground-truth ade --predictions a,b --per-class",
        "swift run bench-ade20k evaluate --ground-truth cityscapes/gtFine/val --predictions out",
        "swift run bench-ade20k evaluate --ground-truth crops --label-suffix _mask --predictions out",
      ]
    )
    .option(
      "ground-truth", \.groundTruth, value: "folder", .input,
      "Label maps, or a data set's folder (ADE20K, Cityscapes, PASCAL VOC) for its validation images.",
      isRequired: true
    )
    .option(
      "predictions", \.predictions, value: "folder,…", .input,
      "PNG files of the images' or the maps' names; one folder or two.", isRequired: true
    )
    .option(
      "classes", \.classes, value: "table", .input,
      "\(SegmentationClasses.names) or a JSON file. The data set's own."
    )
    .option("labels", \.labels, value: "name", .input, "How label maps store classes.")
    .option("label-suffix", \.labelSuffix, value: "text", .input, LabelSuffix.help)
    .flag(
      "trust-labels", \.trustsLabels, .input,
      "Ignore 255 also where the truth looks like masks of 0 and 255 and lacks a class."
    )
    .option(
      "prediction-values", \.predictionValues, value: "name", .input,
      "How predictions store classes: as the ground truth, or as indices from 0."
    )
    .option(
      "convention", \.convention, value: "name", .protocolSettings,
      "Classes without pixels leave the means, or count as 0."
    )
    .option(
      "resamples", \.resamples, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Draws for the intervals; 0 for none."
    )
    .option("seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of the draws.")
    .flag("per-class", \.perClass, .output, "Also print every class.")
    .option("output", \.output, value: "file", .output, "Also write everything as JSON.")
    .option(
      "records", \.records, value: "file", .output,
      "Also write the pixel counts of each image, one line each."
    )
    .options(PredictedRunOptions.table, at: \.run)
    .flag("json", \.json, .output, "Print JSON instead of tables.")
    .options(EngineOptions.table, at: \.engine)
  }

  package func validate() throws(UsageError) {
    try run.validate()
    try LabelSuffix.validate(labelSuffix)
    guard run.name == nil || predictions.count == 1 && convention == .mmseg else {
      throw .conflict("--name keeps one folder scored by mmsegmentation's convention as a run.")
    }
    guard (1...2).contains(predictions.count) else {
      throw .conflict("--predictions takes one folder, or two to compare.")
    }
    guard resamples != 1 else { throw .conflict("--resamples must be 0 or at least 2.") }
    guard resamples > 0 || !givesSeed else {
      throw .conflict("--seed is of the draws, and --resamples 0 makes none; leave it out.")
    }
    guard resamples > 0 || run.name == nil else {
      throw .conflict("--name keeps a run with intervals; leave --resamples 0 out.")
    }
  }
}

extension SegmentationEvaluationOptions {
  /// Where the counts of each image go, a file for each folder of predictions.
  var recordPaths: [String] {
    guard let records else { return [] }
    return predictions.count > 1 ? predictions.indices.map { "\(records).\($0 + 1)" } : [records]
  }
}
