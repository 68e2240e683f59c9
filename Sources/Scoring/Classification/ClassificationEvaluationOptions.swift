import CommandLine
import Runs

/// The settings of `bench-linear evaluate`.
package struct ClassificationEvaluationOptions: CommandOptions {
  var predictions = ""
  var groundTruth = ""
  var classMap: String?
  var run = PredictedRunOptions()
  var perClass = false
  var output: String?
  var json = false
  var engine = EngineOptions()

  package init() {}

  package static var table: OptionTable<ClassificationEvaluationOptions> {
    OptionTable(
      name: "bench-linear evaluate",
      summary: "Score classes or logits that were predicted elsewhere.",
      usage: "--predictions <file> --ground-truth <folder or file> [options]",
      examples: [
        "swift run bench-linear evaluate --predictions moby.csv --ground-truth imagenet/val "
          + "--name MoBY --method moby --network Swin-T",
        "swift run bench-linear evaluate --predictions a.jsonl --ground-truth imagenet-a "
          + "--class-map imagenet_wnids.txt",
      ]
    )
    .option(
      "predictions", \.predictions, value: "file", .input,
      "CSV or JSON lines: image, and a class, ranked classes, or a number for each class.",
      isRequired: true
    )
    .option(
      "ground-truth", \.groundTruth, value: "path", .input,
      "A folder with a folder a class, a data set with val, or CSV or JSON lines of image and "
        + "label.", isRequired: true
    )
    .option(
      "class-map", \.classMap, value: "file", .input,
      "The classifier's classes in the order of its numbers, a line each; the truth may have a "
        + "part of them, as ImageNet-A and -R do."
    )
    .options(PredictedRunOptions.table, at: \.run)
    .flag(
      "per-class", \.perClass, .output,
      "Also the numbers of every class; in JSON who was taken for whom."
    )
    .option("output", \.output, value: "file", .output, "Also writes the numbers as JSON.")
    .flag("json", \.json, .output, "Print JSON instead of tables.")
    .options(EngineOptions.table, at: \.engine)
  }

  package mutating func start(given: Set<String>) { run.start(given: given) }

  package func validate() throws(UsageError) { try run.validate() }
}
