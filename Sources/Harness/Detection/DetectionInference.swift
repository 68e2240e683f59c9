import CocoFormat
import CommandLine
import FileSupport
import Foundation
import Geometry
import Models
import Training
import VisionData

/// Runs a detector over images and keeps every image's detections as they come.
///
/// One checksummed line an image goes to the end of a file; a killed run goes on after the last
/// whole line.
struct DetectionInference {
  /// The file of the run that the lines go to.
  static let fileName = "detections.jsonl"
  let detector: Detector
  let dataset: DetectionDataset
  let testSize: ResizeLimit
  let label: String

  /// The detections of `images`, from the run's file as far as they are there.
  ///
  /// - Parameter images: Indices into the annotations' images.
  /// - Throws: What loading and writing throw, `InterruptedError` when the user asks to stop.
  func results(_ images: [Int], in run: RunDirectory) throws -> [CocoResult] {
    var known: [Int: JSONValue] = [:]
    for row in try run.rows(Self.fileName) {
      if let id = row["image_id"]?.intValue { known[id] = row }
    }
    let missing = images.filter { known[dataset.annotations.images[$0].id] == nil }
    let progress = ProgressReporter(
      label, total: images.count, unit: "images", resumedAt: images.count - missing.count)
    for image in missing {
      try Interruption.check()
      let row = Self.row(
        try detections(image), imageID: dataset.annotations.images[image].id)
      try run.append([row], to: Self.fileName)
      known[dataset.annotations.images[image].id] = row
      progress.advance()
    }
    try run.synchronize(Self.fileName)
    progress.finish()
    let ids = dataset.annotations.categoriesByLabel.map { dataset.annotations.categories[$0].id }
    return try images.flatMap { image -> [CocoResult] in
      guard let row = known[dataset.annotations.images[image].id] else { return [] }
      return try Self.results(row, categoryIDs: ids, in: run.path + "/" + Self.fileName)
    }
  }

  /// The detections of one image in its own pixels.
  func detections(_ image: Int) throws -> [Detection] {
    let pixels = try dataset.pixels(image)
    let sample = DetectionSample(image: pixels, target: DetectionTarget()).resized(to: testSize)
    guard
      let found = detector.detections(
        DetectionBatch([sample]), original: (pixels.height, pixels.width))
    else {
      throw TrainingError.brokenOutput(network: "detector", image: dataset.path(image))
    }
    return found
  }

  /// One image's detections as a line, by class and inside a class by falling score.
  static func row(_ detections: [Detection], imageID: Int) -> JSONValue {
    let ordered = detections.enumerated().sorted {
      ($0.element.label, $0.offset) < ($1.element.label, $1.offset)
    }.map(\.element)
    return .object([
      "image_id": .integer(imageID),
      "detections": .array(
        ordered.map { detection in
          .object([
            "label": .integer(detection.label), "score": .number(Double(detection.score)),
            "box": .array(
              [detection.box.x1, detection.box.y1, detection.box.x2, detection.box.y2]
                .map { .number(Double($0)) }),
            "size": .array([.integer(detection.mask.height), .integer(detection.mask.width)]),
            "runs": .array(detection.mask.runs.map { .integer(Int($0)) }),
          ])
        }),
    ])
  }

  /// The detections of a line in COCO's terms.
  ///
  /// - Throws: `FileError` when the line is of another form.
  static func results(
    _ row: JSONValue, categoryIDs: [Int], in path: String
  ) throws -> [CocoResult] {
    let fault = FileError(
      path: path, problem: "holds a line that is no list of detections",
      remedy: "move the file away and run again", exitCode: .badData)
    guard let imageID = row["image_id"]?.intValue, let items = row["detections"]?.arrayValue else {
      throw fault
    }
    return try items.map { item in
      let box = item["box"]?.arrayValue?.compactMap(\.doubleValue) ?? []
      let size = item["size"]?.arrayValue?.compactMap(\.intValue) ?? []
      guard let label = item["label"]?.intValue, categoryIDs.indices.contains(label),
        let score = item["score"]?.doubleValue, box.count == 4, size.count == 2,
        let runs = item["runs"]?.arrayValue?.compactMap(\.intValue),
        let mask = try? RunLengthMask(height: size[0], width: size[1], counts: runs)
      else { throw fault }
      return CocoResult(
        imageID: imageID, categoryID: categoryIDs[label],
        box: CocoBox(x: box[0], y: box[1], width: box[2] - box[0], height: box[3] - box[1]),
        segmentation: .runs(mask, isCompressed: true), score: score)
    }
  }
}
