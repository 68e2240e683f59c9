import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import TensorCore
import Training
import VisionData

/// Trains a classifier that gathers the tokens of a frozen backbone by one learned query.
///
/// Tokens are too many to be stored: every image goes through the backbone in every epoch. Nothing is
/// chosen, and validation images are looked at once, at the end.
final class AttentiveProbe: Trainee {
  let label: String
  private let settings: LinearProtocol
  private let backbone: any Backbone
  private let data: FrozenData
  private let policy: BadImagePolicy
  private let seed: Int
  private let batchSize: Int
  private let classifier: AttentiveClassifier
  private let optimizer: AdamW
  private var losses: [Double] = []
  private var stepLosses: [Double] = []

  /// Prepares a probe of one seed.
  init(
    settings: LinearProtocol, backbone: any Backbone, data: FrozenData, policy: BadImagePolicy,
    seed: Int, label: String
  ) {
    self.settings = settings
    self.backbone = backbone
    self.data = data
    self.policy = policy
    self.seed = seed
    self.label = label
    batchSize = min(settings.batchSize, data.trainOrder.count)
    classifier = AttentiveClassifier(
      channels: backbone.architecture.blockWidths.last ?? backbone.featureCount,
      headCount: backbone.architecture.lastHeadCount, classCount: data.classNames.count,
      initializer: Initializer(seed: UInt64(seed)))
    optimizer = AttentiveProbe.optimizer(classifier, weightDecay: settings.weightDecay)
  }

  /// AdamW; biases, norms and whatever has one axis do not decay.
  static func optimizer(_ classifier: AttentiveClassifier, weightDecay: Double) -> AdamW {
    AdamW(
      classifier.parameters.map { key, tensor in
        let decays = !key.contains("bias") && tensor.shape.count != 1
        return OptimizedParameter(
          key: key, tensor: tensor, weightDecay: decays ? Float(weightDecay) : 0)
      }, learningRate: 0)
  }

  /// The rate and the decay of a step, both along a cosine that begins one step on, as the source's do.
  ///
  /// - Returns: The rate ends at 0, the decay at 1e-6.
  static func schedule(
    _ settings: LinearProtocol, step: Int, of total: Int
  ) -> (rate: Double, decay: Double) {
    let share = 0.5 * (1 + cos(Double.pi * Double(step + 1) / Double(max(1, total))))
    let least = 1e-6
    let decay = least + (settings.weightDecay - least) * share
    return (
      settings.learningRates[0] * share,
      settings.weightDecay >= least ? max(least, decay) : min(least, decay)
    )
  }

  /// Trains, or goes on where a killed run stopped, and answers.
  ///
  /// - Throws: What loading and writing throw; `TrainingError` when it diverged.
  func outcome(_ loop: TrainingLoop) throws -> LinearOutcome {
    _ = try loop.train(self)
    loop.state?.remove()
    let records = try answers()
    var outcome = LinearOutcome(
      seed: seed, chosen: ["epoch": Double(settings.epochs)], remarks: [], heldOutCount: 0,
      classifier: nil, records: records,
      score: ClassificationScore(records, classCount: data.classNames.count))
    outcome.lossCurve = losses
    return outcome
  }

  /// What it says of the validation images.
  private func answers() throws -> [ClassificationRecord] {
    let loader = BatchLoader(
      folder: data.images.validation, order: data.validationOrder,
      transforms: [settings.testTransform], normalization: settings.normalization,
      batchSize: RunContext.featureBatch, seed: 0, epoch: 0, policy: policy)
    var records: [ClassificationRecord] = []
    while let batch = try loader.next() {
      try Interruption.check()
      let logits = withoutGradients { classifier(tokens(batch.images)) }
      for (row, (index, label)) in zip(batch.indices, batch.labels).enumerated() {
        records.append(
          logits.withRow(row) { ClassificationRecord(index: index, label: label, scores: $0) })
      }
    }
    return records
  }

  private func tokens(_ images: Tensor) -> Tensor {
    withoutGradients { backbone.lastTokens(images, blockCount: 1)[0] }
  }

  // MARK: Training

  var epochCount: Int { settings.epochs }
  var batchesPerEpoch: Int { data.trainOrder.count / batchSize }
  var imagesPerBatch: Int { batchSize }
  var optimizers: [any Optimizer] { [optimizer] }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<BatchLoader.Batch> {
    let order = epochOrder(count: data.trainOrder.count, seed: UInt64(seed), epoch: epoch)
    return BatchLoader(
      folder: data.images.train,
      order: order.prefix(batchesPerEpoch * batchSize).map { data.trainOrder[$0] },
      startBatch: batch, transforms: [settings.trainTransform],
      normalization: settings.normalization, batchSize: batchSize, seed: UInt64(seed),
      epoch: epoch, policy: policy)
  }

  func gradients(_ batch: BatchLoader.Batch, at position: TrainingPosition) throws -> Float? {
    // Pieces of a batch bound the memory of its tokens; their gradients add up.
    let count = batch.labels.count
    var loss = 0.0
    for start in stride(from: 0, to: count, by: RunContext.featureBatch) {
      let part = start..<min(count, start + RunContext.featureBatch)
      let share = Float(part.count) / Float(count)
      let own = crossEntropy(
        classifier(tokens(rows(batch.images, part))), targets: Array(batch.labels[part]))
      loss += Double(own.item) * Double(share)
      own.backward(Tensor([share], shape: own.shape))
    }
    guard loss.isFinite else {
      throw TrainingError.notFinite(
        what: "the loss of the attentive classifier", step: position.step,
        remedy: "lower --learning-rates, or check the checkpoint's features")
    }
    return Float(loss)
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    stepLosses.append(Double(loss))
    let (rate, decay) = Self.schedule(
      settings, step: position.step, of: settings.epochs * batchesPerEpoch)
    optimizer.setWeightDecay(Float(decay))
    optimizer.update(rate: rate)
    return TrainingEvent([], progress: lossText(loss))
  }

  func epochDidEnd(at position: TrainingPosition) -> TrainingEvent {
    losses.append(
      stepLosses.isEmpty ? .nan : stepLosses.reduce(0, +) / Double(stepLosses.count))
    stepLosses = []
    return TrainingEvent([])
  }

  // MARK: State

  var state: [StateTensor] { moduleState(classifier, optimizer) }

  var facts: JSONValue {
    func list(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
    return .object(["losses": list(losses), "step losses": list(stepLosses)])
  }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) throws {
    func list(_ name: String) -> [Double]? {
      stored.facts[name]?.arrayValue?.map { $0.doubleValue ?? .nan }
    }
    guard let losses = list("losses"), let steps = list("step losses") else {
      throw TrainingError.foreignState("the losses of the attentive probe")
    }
    (self.losses, stepLosses) = (losses, steps)
    restoreModule(classifier, optimizer, from: stored, step: position.step)
  }
}

extension BatchLoader: BatchSource {
  public var skippedImages: Int { skipped.count }
}
