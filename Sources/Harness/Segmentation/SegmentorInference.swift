import CommandLine
import Evaluation
import Foundation
import Geometry
import Models
import TensorCore
import Training
import VisionData

/// How test images are shown to a segmentor.
public enum SegmentationMode: String, OptionChoice, Sendable {
  /// Each image whole, once.
  case whole
  /// In windows of the training crop's size, at two thirds of it.
  case slide
  /// Six scales, each also mirrored; probabilities are averaged.
  case multiScale = "ms-flip"

  /// What follows the names of numbers that are measured so.
  var suffix: String { self == .multiScale ? SegmentationScore.multiScaleSuffix : "" }
}

/// Predicts a class for every pixel, image by image, and keeps a record of each as it is made.
struct SegmentorInference {
  let segmentor: Segmentor
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
        ByteNormalization.imageNet.write(seen, to: $0)
      }
      let logits = withoutGradients {
        mode == .slide ? slid(input) : segmentor.logits(input)
      }
      return SegmentationPass(
        logits: logits, height: seen.height, width: seen.width, isFlipped: pass.isFlipped)
    }
    return LabelMap(
      width: image.width, height: image.height,
      labels: ClassMap.classes(passes, height: image.height, width: image.width))
  }

  /// The mean logits of overlapping windows at the input's own size.
  func slid(_ input: Tensor) -> Tensor {
    let (height, width) = (input.shape[2], input.shape[3])
    let classCount = segmentor.configuration.classCount
    let sums = Tensor(zeros: [1, height, width, classCount])
    let counts = Tensor(zeros: [1, height, width, 1])
    let windows = SlidingWindows(size: windowSize, stride: windowSize * 2 / 3)
      .windows(width: width, height: height)
    for box in windows {
      let part = croppedPlanes(
        input, top: box.top, left: box.left, height: box.height, width: box.width)
      let logits = bilinearResized(
        segmentor.logits(part), height: box.height, width: box.width)
      addWindow(logits, to: sums, top: box.top, left: box.left)
      addWindow(
        Tensor(repeating: 1, shape: [1, box.height, box.width, 1]), to: counts, top: box.top,
        left: box.left)
    }
    dividePixels(sums, by: counts)
    return sums
  }

  /// Scores the first images of a folder; images with a record are not done again.
  ///
  /// - Returns: The records in the folder's order.
  func records(
    _ folder: SegmentationFolder, encoding: LabelEncoding, count: Int, in run: RunDirectory,
    label: String
  ) throws -> [SegmentationRecord] {
    let name = "records.jsonl"
    var known: [Int: SegmentationRecord] = [:]
    for row in try run.rows(name) {
      guard let record = SegmentationRecord(row, classCount: encoding.classCount) else { continue }
      known[record.index] = record
    }
    let progress = ProgressReporter(
      label, total: count, unit: "images", resumedAt: known.keys.count { $0 < count })
    for index in 0..<count where known[index] == nil {
      try Interruption.check()
      let (image, labels) = try folder.load(index, encoding)
      let predicted = classes(image)
      guard !predicted.labels.contains(ClassMap.undefined) else {
        throw TrainingError.brokenOutput(network: "segmentor", image: folder.imagePath(index))
      }
      let record = try SegmentationRecord(
        index: index, pairs: LabelPairs(labels: labels.labels, predictions: predicted.labels),
        classCount: encoding.classCount)
      known[index] = record
      try run.append([record.json(name: folder.name(index))], to: name)
      progress.advance()
    }
    try run.synchronize(name)
    progress.finish()
    return (0..<count).compactMap { known[$0] }
  }
}
