import CocoFormat
import CommandLine
import FileSupport
import Foundation
import Geometry
import Inspection
import Models
import Protocols
import Runs
import SampleData
import VisionData

/// The settings of `bench-coco show`.
struct ShowDetectionsOptions: CommandOptions {
  var detector = ""
  var data: String?
  var split = DetectionOptions.Split.validation
  var count = 6
  var score = 0.3
  var recipe = DetectionRecipe.Name.maskRCNN1x
  var preset = Preset.full
  var imageScale = 1.0
  var output = "detections.png"
  var engine = EngineOptions()

  static let basis = ["preset"]

  mutating func start(given: Set<String>) {
    if given.isDisjoint(with: ["preset", "data"]) { preset = .mini }
  }

  static var table: OptionTable<ShowDetectionsOptions> {
    OptionTable(
      name: "bench-coco show", summary: "Draw what a detector finds: masks, boxes and names.",
      usage: "--detector <file> [options]",
      examples: ["swift run bench-coco show --detector reports/runs/…/detector.pth"]
    )
    .option(
      "detector", \.detector, value: "file", .input, "A detector checkpoint.", isRequired: true
    )
    .option("data", \.data, value: "folder", .input, "COCO-style folder; else the sample set.")
    .option("split", \.split, value: "name", .input, "Which images.")
    .option("count", \.count, in: .count, value: "n", .run, "How many images.")
    .option(
      "score", \.score, in: .within(0, 1), value: "x", .run, "Draw detections from this score on."
    )
    .option(
      "recipe", \.recipe, value: "name", .protocolSettings, "Whose test size images are brought to."
    )
    .option(
      "preset", \.preset, value: "size", .protocolSettings, "How large that recipe was run."
    )
    .option(
      "image-scale", \.imageScale, in: .within(0.05, 4), value: "x", .protocolSettings,
      "Factor of that size."
    )
    .option("output", \.output, value: "file", .output, "The PNG to write.")
    .options(EngineOptions.table, at: \.engine)
  }
}

enum ShowDetections {
  /// Draws the first images of a split with their detections on one sheet.
  static func run(_ options: ShowDetectionsOptions) throws -> ExitCode {
    try options.engine.apply()
    var recipe = DetectionRecipe(options.recipe, preset: options.preset)
    recipe.scaleImages(by: options.imageScale)
    let root = try options.data ?? SampleSet.made(\.instancesPath)
    let part = try DetectionLayout.expect(root).part(
      options.split == .training ? .training : .testing, scoresOnly: true)
    let dataset = try DetectionDataset(part, use: .testing).first(options.count)
    try OutputPath.check(options.output, against: [root, options.detector])
    let loaded = try Detector.load(path: options.detector)
    let names = dataset.classNames
    try loaded.expectClasses(
      names, count: loaded.network.configuration.classCount, of: dataset.annotations.path)
    let inference = DetectionInference(
      detector: loaded.network, dataset: dataset, testSize: recipe.testSize,
      label: "detecting")
    var pictures: [(image: RGBImage, caption: String)] = []
    for image in dataset.images {
      try Interruption.check()
      let found = try inference.detections(image).filter { Double($0.score) >= options.score }
      let items = found.reversed().map { DetectionOverlay.Item($0, names: names) }
      pictures.append(
        (
          DetectionOverlay().image(try dataset.pixels(image), items: items),
          "\(dataset.annotations.images[image].fileName): \(found.count)"
        ))
    }
    let largest = pictures.map { max($0.image.width, $0.image.height) }.max() ?? 480
    var sheet = ContactSheet(
      columnCount: min(3, options.count), cellSize: min(480, max(160, largest)))
    for picture in pictures { sheet.add(picture.image, caption: picture.caption) }
    try AtomicFile.write(try ImageFile.png(sheet.image()), to: options.output)
    Console.output("\(dataset.images.count) images in \(options.output)")
    return .success
  }
}
