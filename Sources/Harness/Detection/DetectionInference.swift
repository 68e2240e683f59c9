import CocoFormat
import CommandLine
import FileSupport
import Foundation
import Geometry
import Loading
import Models
import Reporting
import Runs
import Training
import VisionData

/// Runs a detector over images and keeps every image's detections as they come.
///
/// One checksummed line an image goes to the end of a file; a killed run goes on after the last
/// whole line.
struct DetectionInference {
  let detector: Detector
  let dataset: DetectionDataset
  let testSize: ResizeLimit
  let label: String

  /// The detections of `images`, from the run's file as far as they are there.
  ///
  /// - Parameter images: Indices into the annotations' images.
  /// - Throws: What loading and writing throw, `InterruptedError` when the user asks to stop.
  func results(_ images: [Int], in run: RunDirectory) throws -> [CocoResult] {
    let rows = try ImageRows(run: run, name: RunImages.detections).lines(
      images, label: label, number: { dataset.annotations.images[$0].id },
      reading: { $0["image_id"]?.intValue }
    ) { image in
      .init(
        line: Detection.row(
          try detections(image), imageID: dataset.annotations.images[image].id))
    }
    let ids = dataset.annotations.categoriesByLabel.map { dataset.annotations.categories[$0].id }
    return try zip(images, rows).flatMap { image, row -> [CocoResult] in
      let id = dataset.annotations.images[image].id
      guard let found = Detection.detections(row, classCount: ids.count) else {
        throw FileError(
          path: run.path + "/" + RunImages.detections,
          problem: "holds a line that is no list of detections",
          remedy: "move the file away and run again", exitCode: .badData)
      }
      return found.map { detection in
        let (x1, y1) = (Double(detection.box.x1), Double(detection.box.y1))
        return CocoResult(
          imageID: id, categoryID: ids[detection.label],
          box: CocoBox(
            x: x1, y: y1, width: Double(detection.box.x2) - x1,
            height: Double(detection.box.y2) - y1),
          segmentation: .runs(detection.mask, isCompressed: true), score: Double(detection.score))
      }
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
}
