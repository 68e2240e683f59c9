import CommandLine
import Evaluation
import FileSupport
import Foundation
import Geometry
import Models
import Reporting
import Runs
import TensorCore
import Training
import VisionData

/// How test images are shown to a segmentor.
public enum SegmentationMode: String, OptionChoice, Sendable {
  /// Each image whole, once.
  case whole
  /// In windows of the training crop's size, at two thirds of it.
  case slide
  /// Each image whole and mirrored; probabilities are averaged.
  case flip
  /// Six scales, each also mirrored; probabilities are averaged.
  case multiScale = "ms-flip"

  /// What follows the names of numbers that are measured so.
  var suffix: String { self == .multiScale ? SegmentationScore.multiScaleSuffix : "" }
}

/// Predicts a class for every pixel, image by image, and keeps a record of each as it is made.
struct SegmentorInference {
  let segmentor: any PixelClassifier
  /// How pixels become numbers for it.
  var pixels = ByteNormalization.imageNet
  let testing: SegmentationTesting
  let mode: SegmentationMode
  /// Side of the windows of `slide`.
  let windowSize: Int

  /// The class of every pixel of an image; `ClassMap.undefined` where the network's outputs are no
  /// numbers.
  func classes(_ image: RGBImage) -> LabelMap {
    let passes = testing.passes.map { pass -> SegmentationPass in
      let seen = testing(image, pass)
      let input = Tensor(shape: [1, 3, seen.height, seen.width]) {
        pixels.write(seen, to: $0)
      }
      let logits = withoutGradients {
        mode == .slide
          ? segmentor.logits(input, windowSize: windowSize) : segmentor.logits(input)
      }
      return SegmentationPass(
        logits: logits, height: seen.height, width: seen.width, isFlipped: pass.isFlipped)
    }
    return LabelMap(
      width: image.width, height: image.height,
      labels: ClassMap.classes(passes, height: image.height, width: image.width))
  }

  /// Scores the first images of a folder; images with a record are not done again.
  ///
  /// - Returns: The records in the folder's order.
  func records(
    _ folder: SegmentationFolder, encoding: LabelEncoding, count: Int, in run: RunDirectory,
    label: String
  ) throws -> [SegmentationRecord] {
    func record(_ row: JSONValue) -> SegmentationRecord? {
      SegmentationRecord(row, classCount: encoding.classCount)
    }
    return try ImageRows(run: run, name: "records.jsonl").lines(
      Array(0..<count), label: label, reading: { record($0)?.index }
    ) { index in
      let (image, labels) = try folder.load(index, encoding)
      let predicted = classes(image)
      guard !predicted.labels.contains(ClassMap.undefined) else {
        throw TrainingError.brokenOutput(network: "segmentor", image: folder.imagePath(index))
      }
      let record = try SegmentationRecord(
        index: index, pairs: LabelPairs(labels: labels.labels, predictions: predicted.labels),
        classCount: encoding.classCount)
      return .init(
        line: record.json(name: folder.name(index)),
        file: (
          RunImages.predictedMap(of: folder.name(index), in: run.path),
          try ImageFile.png(predicted)
        ))
    }.compactMap(record)
  }
}
