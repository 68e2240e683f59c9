import Layers
import Protocols
import TensorCore

/// One linear classifier in training, with its own learning rate.
final class LinearHead {
  let learningRate: Double
  let layer: Linear
  let optimizer: SGD
  private let schedule: any LearningRateSchedule
  private let settings: LinearProtocol

  init(
    _ settings: LinearProtocol, learningRate: Double, featureCount: Int, classCount: Int,
    stepsPerEpoch: Int, batchSize: Int, seed: UInt64
  ) {
    self.settings = settings
    self.learningRate = learningRate
    let initializer = Initializer(seed: seed)
    layer =
      settings.start == .truncatedNormal
      ? Linear(truncatedNormal: featureCount, classCount, key: "head.", initializer)
      : Linear(
        weight: initializer.normal(
          [classCount, featureCount], key: "head.weight", deviation: settings.headDeviation),
        bias: Tensor(zeros: [classCount]))
    optimizer = SGD(
      layer.parameters.map {
        OptimizedParameter(
          key: $0.key, tensor: $0.tensor, weightDecay: Float(settings.weightDecay))
      }, learningRate: 0, momentum: 0.9, isNesterov: settings.isNesterov)
    schedule = settings.learningRateSchedule(
      learningRate, batchSize: batchSize, stepsPerEpoch: stepsPerEpoch)
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
      rate: schedule.learningRate(step: step),
      clipping: settings.clipNorm > 0 ? .global(Float(settings.clipNorm)) : nil)
  }

  /// Notes a divergence that no loss has shown yet.
  func noteDivergence(step: Int) {
    guard divergedStep == nil, !weights.allSatisfy(\.isFinite) else { return }
    divergedStep = step
  }

  /// What it answers by.
  var classifier: ProbeClassifier { ProbeClassifier(layer) }

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
