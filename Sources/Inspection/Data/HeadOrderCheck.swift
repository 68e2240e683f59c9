import CommandLine
import Evaluation
import FileSupport
import Foundation
import Loading
import Models
import Protocols
import Reporting
import TensorCore
import VisionData

/// Compares the order of a data set's class folders with that of a checkpoint's own classifier.
///
/// A classifier whose classes are in another order answers consistently and wrongly: most images
/// of a folder get the same class, but not the folder's. That is what is looked for, on a few
/// images a class.
struct HeadOrderCheck {
  /// Images of one class that are classified, and images in all at most.
  private static let imagesPerClass = 8, imageLimit = 400

  /// The finding for a checkpoint on a data set; nil when it has no classifier of that size.
  ///
  /// - Throws: What loading the checkpoint and the images throws.
  static func finding(
    path: String, claim: NetworkClaim, data: ClassificationData, inputSize: Int
  ) throws -> DataFinding? {
    let loaded = try BackboneLoader.load(path: path, inputSize: inputSize, claim: claim)
    let split = data.validation
    guard let head = loaded.head, head.classCount == split.classNames.count else { return nil }
    let limit = min(imageLimit, imagesPerClass * head.classCount)
    let order = split.evenly(limit)
    var settings = LinearProtocol()
    settings.inputSize = inputSize
    let weight = Tensor(head.weight, shape: [head.classCount, loaded.backbone.featureCount])
    let bias = Tensor(head.bias, shape: [head.classCount])
    let loader = BatchLoader(
      folder: split, order: order, transforms: [settings.testTransform],
      normalization: loaded.report.normalization.map {
        PixelNormalization(near: $0[0], deviation: $0[1])
      } ?? .imageNet, batchSize: 32, seed: 0, epoch: 0, policy: .skip)
    let progress = ProgressReporter("class order", total: order.count, unit: "images")
    var answers = [[Int]](repeating: [], count: head.classCount)
    while let batch = try loader.next() {
      try Interruption.check()
      let logits = withoutGradients {
        linear(loaded.backbone.features(batch.images), weight: weight, bias: bias)
      }
      for (row, label) in batch.labels.enumerated() {
        let record = logits.withRow(row) {
          ClassificationRecord(index: batch.indices[row], label: label, scores: $0)
        }
        answers[label].append(record.predictions.first ?? -1)
      }
      progress.advance(by: batch.labels.count)
    }
    progress.finish()
    return ClassOrder.judge(answers)
  }
}
