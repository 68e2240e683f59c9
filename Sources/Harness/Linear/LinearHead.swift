import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import TensorCore

/// One linear classifier in training, with its own learning rate.
final class LinearHead {
  let learningRate: Double
  let layer: Linear
  let optimizer: SGD
  private let schedule: CosineSchedule
  private let settings: LinearProtocol

  init(
    _ settings: LinearProtocol, learningRate: Double, featureCount: Int, classCount: Int,
    stepsPerEpoch: Int, batchSize: Int, seed: UInt64
  ) {
    self.settings = settings
    self.learningRate = learningRate
    layer = Linear(
      truncatedNormal: featureCount, classCount, key: "head.", Initializer(seed: seed))
    optimizer = SGD(
      layer.parameters.map {
        OptimizedParameter(
          key: $0.key, tensor: $0.tensor, weightDecay: Float(settings.weightDecay))
      }, learningRate: 0, momentum: 0.9, isNesterov: true)
    // The published rate is for 512 images; warm-up starts at 5e-7 and the cosine ends at 5e-6 of
    // a rate of 1.
    let scale = Double(batchSize) / 512
    schedule = CosineSchedule(
      peak: learningRate * scale, warmupStart: 5e-7 * scale, minimum: 5e-6 * scale,
      warmupSteps: settings.warmupEpochs * stepsPerEpoch,
      totalSteps: settings.epochs * stepsPerEpoch)
  }

  /// The step at which the loss ceased to be a number; the classifier stopped learning there.
  var divergedStep: Int?

  // Whether gradients wait for `update`.
  private var isWaiting = false

  /// Leaves the gradients of a batch of features in the weights.
  ///
  /// - Returns: The loss; NaN once the classifier diverged.
  func gradients(features: Tensor, labels: [Int], step: Int) -> Float {
    guard divergedStep == nil else { return .nan }
    let loss = crossEntropy(
      layer(features), targets: labels, labelSmoothing: Float(settings.labelSmoothing))
    guard loss.item.isFinite, loss.item < 1e6 else {
      divergedStep = step
      return .nan
    }
    loss.backward()
    isWaiting = true
    return loss.item
  }

  /// Updates the weights by the gradients that were left, if any were.
  func update(step: Int) {
    guard isWaiting else { return }
    isWaiting = false
    optimizer.update(
      rate: schedule.learningRate(step: step), clipping: .global(Float(settings.clipNorm)))
  }

  /// Notes a divergence that no loss has shown yet.
  func noteDivergence(step: Int) {
    guard divergedStep == nil, !weights.allSatisfy(\.isFinite) else { return }
    divergedStep = step
  }

  /// The classifier's answers on some rows of a feature matrix.
  func records(_ features: FeatureMatrix, rows: [Int]? = nil) -> [ClassificationRecord] {
    let rows = rows ?? Array(0..<features.count)
    var records: [ClassificationRecord] = []
    records.reserveCapacity(rows.count)
    let block = 1024
    for start in stride(from: 0, to: rows.count, by: block) {
      let part = rows[start..<min(rows.count, start + block)]
      let logits = withoutGradients { layer(features.rows(part)) }
      let classes = logits.shape[1]
      for (offset, row) in part.enumerated() {
        logits.withValues { values in
          records.append(
            ClassificationRecord(
              index: Int(features.indices[row]), label: Int(features.labels[row]),
              scores: UnsafeBufferPointer(
                rebasing: values[offset * classes..<(offset + 1) * classes])))
        }
      }
    }
    return records
  }

  /// Everything needed to go on later: weights and velocities.
  var memory: [(key: String, tensor: Tensor)] { layer.parameters + optimizer.state }

  /// Weights, then biases.
  var weights: [Float] {
    get { layer.weight.values + (layer.bias?.values ?? []) }
    set {
      layer.weight.assign(Array(newValue.prefix(layer.weight.elementCount)))
      layer.bias?.assign(Array(newValue.dropFirst(layer.weight.elementCount)))
    }
  }
}
