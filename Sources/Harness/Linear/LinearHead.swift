import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import TensorCore

/// One linear classifier in training, with its own learning rate.
final class LinearHead {
  let learningRate: Double
  let layer: Linear
  private let optimizer: SGD
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
  private(set) var divergedStep: Int?

  /// One update on a batch of features.
  ///
  /// - Returns: The loss; NaN once the classifier diverged.
  func train(features: Tensor, labels: [Int], step: Int) -> Float {
    guard divergedStep == nil else { return .nan }
    let loss = crossEntropy(
      layer(features), targets: labels, labelSmoothing: Float(settings.labelSmoothing))
    guard loss.item.isFinite, loss.item < 1e6 else {
      divergedStep = step
      return .nan
    }
    loss.backward()
    clipGradientNorm(optimizer.parameters, limit: Float(settings.clipNorm))
    optimizer.learningRate = Float(schedule.learningRate(step: step))
    optimizer.step()
    optimizer.clearGradients()
    return loss.item
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
        records.append(
          ClassificationRecord(
            index: Int(features.indices[row]), label: Int(features.labels[row]),
            scores: UnsafeBufferPointer(start: logits.pointer + offset * classes, count: classes)))
      }
    }
    return records
  }

  /// Everything needed to go on later: weights and velocities.
  var state: [(key: String, tensor: Tensor)] {
    layer.parameters + optimizer.state
  }
}

/// Why training stopped.
public enum TrainingError: ReportableError, Equatable {
  /// A loss was NaN or infinite.
  case notFinite(what: String, step: Int, remedy: String)
  /// A setting makes no sense for the data.
  case setting(String)

  public var exitCode: ExitCode {
    switch self {
    case .notFinite: .gateFailed
    case .setting: .usage
    }
  }

  public var description: String {
    switch self {
    case .notFinite(let what, let step, let remedy):
      "the loss of the \(what) is not a finite number at step \(step); \(remedy)."
    case .setting(let sentence): sentence
    }
  }
}
