import CommandLine
import Evaluation
import FileSupport
import Foundation
import Loading
import Models
import TensorCore
import VisionData

/// A nearest-neighbour classification with the backbone as it is, to see whether it learns.
struct EpochProbe {
  let train, validation: ImageFolder
  let trainOrder, validationOrder: [Int]
  let transform: EvaluationTransform
  let policy: BadImagePolicy

  /// A probe of at most `limit` images a split; nil when there is nothing to tell apart.
  init?(data: ClassificationData, limit: Int, inputSize: Int, policy: BadImagePolicy) {
    guard limit > 0, data.train.classNames.count > 1, data.validation.count > 0 else { return nil }
    train = data.train
    validation = data.validation
    trainOrder = train.evenly(limit)
    validationOrder = validation.evenly(limit)
    transform = EvaluationTransform(inputSize: inputSize)
    self.policy = policy
  }

  /// Neighbours that vote.
  var k: Int { min(20, trainOrder.count) }

  /// Top-1 of the vote of `k` neighbours; nil where no image of a split could be decoded.
  ///
  /// - Throws: What loading throws; `fault` for features that are no numbers.
  func top1(_ backbone: any Backbone, fault: some ReportableError) throws -> Double? {
    let (trainUnits, trainLabels) = try units(train, trainOrder, backbone, fault)
    let (units, labels) = try units(validation, validationOrder, backbone, fault)
    guard !trainLabels.isEmpty, !labels.isEmpty else { return nil }
    let nearest = NearestNeighbourProbe.neighbours(of: units, limit: k, among: [(0, trainUnits)])
    var hits = 0
    for (row, nearest) in nearest.enumerated() {
      let votes = nearest.votes(
        ks: [k], temperature: NearestNeighbourProbe.temperature, labels: trainLabels,
        classCount: train.classNames.count)[0]
      let best = votes.indices.max { (votes[$0], -$0) < (votes[$1], -$1) } ?? 0
      // Without neighbours nothing was said, least of all the first class.
      if !nearest.rows.isEmpty, best == Int(labels[row]) { hits += 1 }
    }
    return Double(hits) / Double(labels.count)
  }

  private func units(
    _ folder: ImageFolder, _ order: [Int], _ backbone: any Backbone, _ fault: any ReportableError
  ) throws -> (Tensor, [Int32]) {
    let pass = FeaturePass(
      backbone: backbone, folder: folder, transform: transform, batchSize: 32, policy: policy,
      fault: { _ in fault })
    let found = try pass(order).features
    let features = Tensor(found.values, shape: [found.labels.count, backbone.featureCount])
    return (l2Normalized(features), found.labels)
  }
}
