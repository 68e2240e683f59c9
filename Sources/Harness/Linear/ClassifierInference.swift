import CommandLine
import Evaluation
import FileSupport
import Foundation
import Loading
import Models
import Processes
import Reporting
import Runs
import TensorCore
import Training
import VisionData

/// Classifies images and keeps a record of each, block by block.
struct ClassifierInference {
  let network: Classifier
  let folder: ImageFolder
  let transform: EvaluationTransform
  let policy: BadImagePolicy
  let label: String

  /// Images whose answers are lost at most when the program is killed.
  private static let blockSize = 1024

  /// Classifies some images; those with a record are not done again.
  ///
  /// - Returns: The records in the images' order; damaged images that are to be skipped have none.
  /// - Throws: What loading and writing throw.
  func records(_ order: [Int], in run: RunDirectory) throws -> [ClassificationRecord] {
    let name = TaskDescription.fineTuning.recordFiles[0]
    var known: [Int: ClassificationRecord] = [:]
    for row in try run.rows(name) {
      guard let record = ClassificationRecord(row, classCount: network.classCount) else { continue }
      known[record.index] = record
    }
    let missing = order.filter { known[$0] == nil }
    let progress = ProgressReporter(
      label, total: order.count, unit: "images", resumedAt: order.count - missing.count)
    let pass = FeaturePass(
      backbone: network.backbone, folder: folder, transform: transform,
      batchSize: RunContext.featureBatch, policy: policy)
    for start in stride(from: 0, to: missing.count, by: Self.blockSize) {
      let part = Array(missing[start..<min(missing.count, start + Self.blockSize)])
      let features = try pass(part) { progress.advance(by: $0 * Processes.current.size) }.features
      let found = records(of: features)
      try run.append(found.map { $0.json(seed: 0) }, to: name)
      for record in found { known[record.index] = record }
    }
    try run.synchronize(name)
    // Who does not write may read it next.
    try Processes.current.barrier()
    progress.finish()
    return order.compactMap { known[$0] }
  }

  private func records(of features: LabelledFeatures) -> [ClassificationRecord] {
    guard !features.labels.isEmpty else { return [] }
    let logits = withoutGradients {
      network.logits(
        ofFeatures: Tensor(
          features.values, shape: [features.labels.count, network.backbone.featureCount]))
    }
    return features.labels.indices.map { row in
      logits.withRow(row) {
        ClassificationRecord(
          index: Int(features.indices[row]), label: Int(features.labels[row]), scores: $0)
      }
    }
  }
}
