import CommandLine
import Evaluation
import FileSupport
import Foundation
import Runs
import VisionData

/// The settings of `bench-ade20k show`.
struct ShowSegmentationOptions: CommandOptions {
  var images = ""
  var labels = ""
  var predictions: String?
  var output = ""
  var classes = ""
  var encoding: LabelEncoding.Kind?
  var predictionValues = PredictionValues.ids
  var opacity = 0.5
  var count = 20
  var engine = EngineOptions()

  static var table: OptionTable<ShowSegmentationOptions> {
    OptionTable(
      name: "bench-ade20k show",
      summary: "Draw the classes of label maps over their images, with a legend.",
      usage: "--images <folder> --labels <folder> --output <folder> [options]",
      examples: [
        "swift run bench-ade20k show --images ade/images/validation "
          + "--labels ade/annotations/validation --output shown",
        "swift run bench-ade20k show --images ade/images/validation "
          + "--labels ade/annotations/validation --predictions out --output shown",
      ]
    )
    .option(
      "images", \.images, value: "folder", .input, "JPEG or PNG pictures.", isRequired: true
    )
    .option(
      "labels", \.labels, value: "folder", .input,
      "Label maps of the same names, true or predicted.",
      isRequired: true
    )
    .option(
      "predictions", \.predictions, value: "folder", .input, "Predicted maps to show beside them."
    )
    .option(
      "classes", \.classes, value: "table", .input,
      "\(SegmentationClasses.names) or a JSON file. The data set's own."
    )
    .option("label-values", \.encoding, value: "name", .input, "How label maps store classes.")
    .option(
      "prediction-values", \.predictionValues, value: "name", .input,
      "How predictions store classes: as the label maps, or as indices from 0."
    )
    .option(
      "opacity", \.opacity, in: .within(0, 1), value: "x", .protocolSettings,
      "Share of the colour."
    )
    .option(
      "count", \.count, in: .count, value: "n", .protocolSettings, "Images at most, evenly spread."
    )
    .option("output", \.output, value: "folder", .output, "Where PNG files go.", isRequired: true)
    .options(EngineOptions.table, at: \.engine)
  }
}

enum ShowSegmentation {
  static func run(_ options: ShowSegmentationOptions) throws -> ExitCode {
    try options.engine.apply()
    let maps = try SegmentationTruth(options.labels)
    let predictions = try options.predictions.map { try LabelMapFolder($0) }
    let classes = try maps.classes(options.classes, labels: options.encoding)
    let overlay = SegmentationOverlay(classes: classes, opacity: options.opacity)
    let pictures = try SegmentationPictures(
      images: options.images, maps: maps, predictions: predictions, classes: classes,
      values: options.predictionValues)
    let all = pictures.names
    let chosen = evenPlaces(options.count, of: all.count).map { all[$0] }
    for name in chosen {
      try OutputPath.check(
        "\(options.output)/\(name).png",
        against: [options.images, options.labels, options.predictions].compactMap { $0 })
    }
    let progress = ProgressReporter("drawing", total: chosen.count, unit: "images")
    for name in chosen {
      try Interruption.check()
      let (image, labels) = try pictures.load(name)
      let panel = overlay.panel(image, caption: (name as NSString).lastPathComponent, maps: labels)
      try AtomicFile.write(try ImageFile.png(panel), to: "\(options.output)/\(name).png")
      progress.advance()
    }
    progress.finish()
    Console.output("\(options.output): \(chosen.count) of \(all.count) images")
    return .success
  }
}
