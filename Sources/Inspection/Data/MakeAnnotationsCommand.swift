import CommandLine
import FileSupport
import Foundation
import Runs
import SampleData
import VisionData

/// The settings of `bench-data make-annotations`.
package struct MakeAnnotationsOptions: CommandOptions {
  var images = 5000
  var objects = 36_781
  var corners = 20
  var detectionsPerImage = 100
  var seed = 1
  var output = "annotations.json"
  var boxes: String?
  var masks: String?
  var engine = EngineOptions()

  package init() {}

  package static var table: OptionTable<MakeAnnotationsOptions> {
    OptionTable(
      name: "bench-data make-annotations",
      summary:
        "Write random COCO annotations and detections, for measuring readers and evaluators.",
      usage: "[options]",
      examples: [
        "swift run bench-data make-annotations --boxes boxes.json --masks masks.json",
        "swift run bench-data make-annotations --images 118287 --objects 860001 --output train.json",
      ]
    )
    .option(
      "images", \.images, in: .count, value: "n", .protocolSettings, "How many images there are."
    )
    .option(
      "objects", \.objects, in: .within(0, 1e9), value: "n", .protocolSettings,
      "Objects of all images together."
    )
    .option(
      "corners", \.corners, in: .within(4, 1e6), value: "n", .protocolSettings,
      "Mean corners of an outline."
    )
    .option(
      "detections-per-image", \.detectionsPerImage, in: .within(0, 1e6), value: "n",
      .protocolSettings, "Detections of an image."
    )
    .option("seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of everything.")
    .option("output", \.output, value: "file", .output, "The annotations.")
    .option("boxes", \.boxes, value: "file", .output, "Also writes detections with boxes.")
    .option("masks", \.masks, value: "file", .output, "Also writes detections with masks.")
    .options(EngineOptions.table, at: \.engine)
  }
}

/// Writes random annotations: `bench-data make-annotations`.
struct MakeAnnotationsCommand {
  let options: MakeAnnotationsOptions

  func run() throws -> ExitCode {
    try options.engine.apply()
    var set = SyntheticAnnotations()
    set.seed = UInt64(options.seed)
    set.imageCount = options.images
    set.objectCount = options.objects
    set.meanCornerCount = options.corners
    set.detectionsPerImage = options.detectionsPerImage
    let progress = ProgressReporter("annotations", total: options.images, unit: "images")
    try set.writeAnnotations(to: options.output) { progress.advance(to: $0) }
    progress.finish()
    for (label, boxes, masks) in [
      ("boxes", options.boxes ?? "", ""), ("masks", "", options.masks ?? ""),
    ] where boxes + masks != "" {
      let progress = ProgressReporter(label, total: options.images, unit: "images")
      try set.writeDetections(boxes: boxes, masks: masks) { progress.advance(to: $0) }
      progress.finish()
    }
    for path in [options.output, options.boxes, options.masks].compactMap({ $0 }) {
      let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
      Console.output("\(path): \(size >> 10) KiB")
    }
    return .success
  }
}
