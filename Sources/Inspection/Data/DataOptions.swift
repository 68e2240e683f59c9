import CommandLine
import Foundation
import Models
import SampleData
import Scoring
import VisionData

extension DataCheck.Depth: OptionChoice {}

/// The images that `bench-data show` shows.
public enum ShownSplit: String, OptionChoice, Sendable {
  case training = "train"
  case validation = "val"
}

/// What `bench-data show` does to the images.
public enum ShownView: String, OptionChoice, Sendable {
  /// Nothing.
  case stored
  /// As test images are seen.
  case test
  /// As training images are seen: by the linear probe, a detector, a segmentor.
  case train
  /// MoBY's two views.
  case moby
}

/// What is said of label maps, wherever data of several kinds may be.
private struct LabelMapSettings {
  let classes: String
  let labels: LabelEncoding.Kind?
  let suffix: String?

  /// Makes sure that there are label maps that it is about.
  func check(_ layouts: [DataLayout], of root: String) throws(UsageError) {
    let given = [
      ("classes", !classes.isEmpty), ("labels", labels != nil), ("label-suffix", suffix != nil),
    ].first { $0.1 }
    let hasMaps = layouts.contains { if case .segmentation = $0 { true } else { false } }
    guard let given, !hasMaps else { return }
    throw .conflict("--\(given.0) is about label maps, and \(root) holds none; leave it out.")
  }
}

/// The settings of `bench-data make`.
package struct MakeDataOptions: CommandOptions {
  var seed = Int(SampleSettings().seed)
  var trainImages = SampleSettings().trainingImagesPerClass
  var validationImages = SampleSettings().validationImagesPerClass
  var trainScenes = SampleSettings().instanceScenes.training
  var validationScenes = SampleSettings().instanceScenes.validation
  var imageSize = SampleSettings().imageSize
  var output = "datasets/sample"
  var engine = EngineOptions()

  package init() {}

  package static var table: OptionTable<MakeDataOptions> {
    OptionTable(
      name: "bench-data make", summary: "Draw the sample data set.", usage: "[options]",
      examples: ["swift run bench-data make", "swift run bench-data make --seed 2 --output other"]
    )
    .option("seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of all pictures.")
    .option(
      "train-images", \.trainImages, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Training images a class."
    )
    .option(
      "val-images", \.validationImages, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Validation images a class."
    )
    .option(
      "train-scenes", \.trainScenes, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Training scenes with objects, and with label maps."
    )
    .option(
      "val-scenes", \.validationScenes, in: .within(0, 1e6), value: "n", .protocolSettings,
      "Validation scenes of each kind."
    )
    .option(
      "image-size", \.imageSize, in: .within(1, 65_536), value: "px", .protocolSettings,
      "Shorter side of an image."
    )
    .option("output", \.output, value: "folder", .output, "Where the set is written.")
    .options(EngineOptions.table, at: \.engine)
  }
}

/// The settings of `bench-data check`.
package struct CheckDataOptions: CommandOptions {
  var data: String?
  var backbone: String?
  var inputSize: Int?
  var heads: Int?
  var classes = ""
  var labels: LabelEncoding.Kind?
  var labelSuffix: String?
  var files = DetectionFileOptions()
  var depth = DataCheck.Depth.full
  var report: String?
  var cache = "reports/cache"
  var json = false
  var comparesRanks = false
  var engine = EngineOptions()

  package init() {}

  /// What is said of the checkpoint's network.
  var claim: NetworkClaim { NetworkClaim(headCount: heads) }

  /// Refuses what is said of label maps where there are none.
  func check(_ layouts: [DataLayout], of root: String) throws(UsageError) {
    try LabelMapSettings(classes: classes, labels: labels, suffix: labelSuffix)
      .check(layouts, of: root)
  }

  package func validate() throws(UsageError) {
    let given = [("heads", heads != nil), ("input-size", inputSize != nil)].first { $0.1 }
    if let given, backbone == nil {
      throw .conflict("--\(given.0) is about a checkpoint; --backbone names none.")
    }
    try LabelSuffix.validate(labelSuffix)
    try files.validate(data: data, needsTraining: false, needsValidation: false)
  }

  package static var table: OptionTable<CheckDataOptions> {
    OptionTable(
      name: "bench-data check", summary: "Look through a data set for what would spoil a run.",
      usage: "[--data <folder>] [options]",
      examples: [
        "swift run bench-data check --data imagenet", "swift run bench-data check --data ade20k",
        "swift run bench-data check --data imagenet --depth quick --json",
      ]
    )
    .option(
      "data", \.data, value: "folder", .input,
      "Folder in any layout that a program reads. The sample set."
    )
    .option(
      "backbone", \.backbone, value: "file", .input,
      "Also compares the classifier of this checkpoint: its classes and their order."
    )
    .option(
      "input-size", \.inputSize, in: .multiple(of: 4, from: 16, to: 4096), value: "px", .input,
      "Side of the images for that classifier. 224."
    )
    .option(
      "heads", \.heads, in: .within(1, 1024), value: "n", .input,
      "Attention heads of its network, where the shapes do not tell."
    )
    .option(
      "classes", \.classes, value: "table", .input,
      "Class table of label maps: \(SegmentationClasses.names) or a JSON file. The data set's own."
    )
    .option("labels", \.labels, value: "name", .input, "How label maps store classes.")
    .option("label-suffix", \.labelSuffix, value: "text", .input, LabelSuffix.help)
    .options(DetectionFileOptions.table, at: \.files)
    .option("depth", \.depth, value: "name", .protocolSettings, "How much is looked at.")
    .flag(
      "ranks", \.comparesRanks, .protocolSettings,
      "Under mpirun or srun: compare the files that the processes see."
    )
    .option("report", \.report, value: "file", .output, "Also writes the findings as JSON.")
    .option("cache", \.cache, value: "folder", .output, "Where findings are kept.")
    .flag("json", \.json, .output, "Print the findings as JSON.")
    .options(EngineOptions.table, at: \.engine)
  }
}

/// The settings of `bench-data show`.
package struct ShowDataOptions: CommandOptions {
  var data: String?
  var split = ShownSplit.training
  var files = DetectionFileOptions()
  var classes = ""
  var labels: LabelEncoding.Kind?
  var labelSuffix: String?
  var view: ShownView?
  var count = 20
  var copies = 1
  var seed = 0
  var inputSize: Int?
  var output = "contact-sheet.png"

  package init() {}

  package func validate() throws(UsageError) {
    try files.validate(data: data, needsTraining: false, needsValidation: false)
    let isNamed = split == .training ? files.training != nil : files.validation != nil
    guard !files.isGiven || isNamed else {
      throw .conflict("--split \(split.rawValue) needs --\(split.rawValue)-annotations.")
    }
    if let view { try checkDraws(of: view) }
    guard (output as NSString).pathExtension.lowercased() == "png" else {
      throw .conflict("--output \(output): a sheet is a PNG; give it a name that ends in .png.")
    }
  }

  /// What there is to show.
  ///
  /// - Parameter sample: The folder of the sample set's images, made when nothing else is named.
  /// - Throws: `DatasetError` for a folder that holds nothing of a known layout.
  func layouts(sample: @autoclosure () throws -> String) throws -> [DataLayout] {
    let root = try files.layout?.root ?? data ?? sample()
    let found =
      try files.layout.map { [.detection($0)] } ?? DataLayout.find(root, labelSuffix: labelSuffix)
    try LabelMapSettings(classes: classes, labels: labels, suffix: labelSuffix)
      .check(found, of: root)
    // The reader of classes says best what a folder lacks.
    return try found.isEmpty ? [.classification(ClassificationLayout.expect(root))] : found
  }

  /// Refuses draws of a view that has none.
  private func checkDraws(of view: ShownView) throws(UsageError) {
    guard view == .stored || view == .test, copies != 1 || seed != 0 else { return }
    throw .conflict(
      "--view \(view.rawValue) draws nothing at random; leave --copies and --seed out.")
  }

  /// The view that is asked for.
  ///
  /// - Throws: `UsageError` for one that data of this kind do not have.
  func view(of what: String, _ known: ShownView...) throws(UsageError) -> ShownView {
    let view = view ?? .stored
    guard known.contains(view) else {
      let names = known.map(\.rawValue).joined(separator: " or ")
      throw .conflict("--view \(view.rawValue) is of images with classes; of \(what), \(names).")
    }
    try checkDraws(of: view)
    return view
  }

  /// The file of a sheet: as it is named, or with the kind of data before its extension.
  func output(_ kind: String?) -> String {
    guard let kind else { return output }
    let path = output as NSString
    let ending = path.pathExtension
    return path.deletingPathExtension + "-" + kind + (ending.isEmpty ? "" : "." + ending)
  }

  package static var table: OptionTable<ShowDataOptions> {
    OptionTable(
      name: "bench-data show",
      summary:
        "Draw images with their classes, boxes, masks or label maps, and as networks see them.",
      usage: "[--data <folder>] [options]",
      examples: [
        "swift run bench-data show --data coco",
        "swift run bench-data show --data ade --split val --count 6",
        "swift run bench-data show --data imagenet --view train --copies 3 --count 8",
      ]
    )
    .option(
      "data", \.data, value: "folder", .input,
      "Images with classes, boxes and masks, or label maps. The sample set."
    )
    .option("split", \.split, value: "name", .input, "Which split.")
    .options(DetectionFileOptions.table, at: \.files)
    .option(
      "classes", \.classes, value: "table", .input,
      "Class table of label maps: \(SegmentationClasses.names) or a JSON file. The data set's own."
    )
    .option("labels", \.labels, value: "name", .input, "How label maps store classes.")
    .option("label-suffix", \.labelSuffix, value: "text", .input, LabelSuffix.help)
    .option(
      "view", \.view, value: "name", .protocolSettings,
      "What is done to the images. Without it MoBY's views of images with classes, nothing to "
        + "others."
    )
    .option("count", \.count, in: .count, value: "n", .protocolSettings, "Images, evenly chosen.")
    .option(
      "copies", \.copies, in: .within(1, 1000), value: "n", .protocolSettings,
      "Draws of each image."
    )
    .option("seed", \.seed, in: .atLeast(0), value: "n", .protocolSettings, "Seed of the draws.")
    .option(
      "input-size", \.inputSize, in: .within(16, 4096), value: "px", .protocolSettings,
      "Side of the views. 96, and 320 with boxes or label maps."
    )
    .option("output", \.output, value: "file", .output, "The PNG file.")
  }
}
