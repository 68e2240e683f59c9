import CounterRandom
import FileSupport
import Layers
import Loading
import Models
import Processes
import TensorCore
import Training
import VisionData

/// A pretraining plan as a training loop sees it.
final class PretrainingTraining: Trainee {
  let engine: PretrainingEngine
  let curves = PretrainingCurves()
  private let plan: PretrainingPlan
  private let data: ClassificationData
  private let order: [Int]
  private let stepsPerEpoch: Int
  /// Nil where nothing is there to tell apart.
  let probe: EpochProbe?
  private let remedy: String
  let label: String

  /// Prepares a training.
  ///
  /// - Parameters:
  ///   - order: The training images that take part.
  ///   - label: What the progress line says; nil is method and network.
  ///   - remedy: What a user changes where it diverges.
  init(
    _ plan: PretrainingPlan, data: ClassificationData, order: [Int], engine: PretrainingEngine,
    label: String? = nil, remedy: String = "lower --base-learning-rate or raise --warmup-epochs"
  ) {
    self.label = label ?? "\(plan.recipe.method.title) \(plan.architecture.name)"
    self.remedy = remedy
    self.plan = plan
    self.data = data
    self.order = order
    self.engine = engine
    stepsPerEpoch = order.count / plan.recipe.batchSize
    probe = EpochProbe(
      data: data, limit: plan.probeLimit, inputSize: plan.inputSize, policy: plan.onBadImage)
  }

  var epochCount: Int { plan.recipe.epochs }
  var batchesPerEpoch: Int { stepsPerEpoch }
  var imagesPerBatch: Int { plan.recipe.batchSize }
  var optimizers: [any Optimizer] { [engine.optimizer] }

  /// Batches in all views.
  struct Views: BatchSource {
    let loader: BatchLoader
    func next() throws -> (views: [Tensor], labels: [Int], indices: [Int])? {
      try loader.nextViews()
    }
    var skippedImages: Int { loader.skipped.count }
  }

  func batches(
    epoch: Int, from batch: Int
  ) -> any BatchSource<(views: [Tensor], labels: [Int], indices: [Int])> {
    Views(
      loader: BatchLoader(
        folder: data.train, order: images(ofEpoch: epoch), startBatch: batch,
        share: engine.groups.ownImages, transforms: plan.views,
        batchSize: plan.recipe.batchSize, seed: UInt64(plan.seed), epoch: epoch,
        policy: plan.onBadImage))
  }

  func gradients(
    _ batch: (views: [Tensor], labels: [Int], indices: [Int]), at position: TrainingPosition
  ) throws -> Float? {
    // A batch that lost an image would not divide the queue and shift the norm's statistics.
    let isShort = batch.labels.count < engine.groups.ownImages.count
    guard try !engine.groups.communicator.any(isShort) else { return nil }
    return try engine.gradients(
      try makeBatch(batch.views, batch.labels, step: position.step), step: position.step,
      epoch: position.epoch)
  }

  func update(loss: Float, at position: TrainingPosition) throws -> TrainingEvent {
    let outcome = engine.update(loss: loss, step: position.step, epoch: position.epoch)
    guard outcome.loss.isFinite, outcome.gradientNorm.isFinite else {
      throw diverged(outcome.loss.isFinite ? "the gradient" : "the loss", at: position)
    }
    return curves.record(outcome, engine: engine, step: position.step, epoch: position.epoch)
  }

  func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent {
    guard let probe else { return TrainingEvent([]) }
    // The rate that spoiled the last step's weights is at fault, not an image.
    let top1 = try probe.top1(
      engine.method.publishedEncoder, fault: diverged("a feature", at: position))
    guard let top1 else { return TrainingEvent([]) }
    return TrainingEvent([
      curves.recordProbe(top1, epoch: position.epoch, step: position.step)
    ])
  }

  /// Makes sure that what is published gives numbers, where no probe of epochs saw to it.
  ///
  /// - Throws: `TrainingError` where it does not; what loading throws.
  func checkFeatures(at position: TrainingPosition) throws {
    guard probe == nil else { return }
    let fault = diverged("a feature", at: position)
    _ = try FeaturePass(
      backbone: engine.method.publishedEncoder, folder: data.train,
      transform: EvaluationTransform(inputSize: plan.inputSize), batchSize: 8,
      policy: plan.onBadImage, fault: { _ in fault }
    )(Array(order.prefix(8)))
  }

  private func diverged(_ what: String, at position: TrainingPosition) -> TrainingError {
    .notFinite(
      what: "\(what) of \(plan.recipe.method.title)", step: position.step,
      remedy: remedy + ", then use --restart")
  }

  /// The images of an epoch in order, whole batches only.
  private func images(ofEpoch epoch: Int) -> [Int] {
    RepeatedAugmentation(repeats: plan.recipe.repeats, rounding: plan.recipe.batchSize)
      .order(count: order.count, seed: UInt64(plan.seed), epoch: epoch)
      .prefix(stepsPerEpoch * plan.recipe.batchSize).map { order[$0] }
  }

  private func makeBatch(
    _ views: [Tensor], _ labels: [Int], step: Int
  ) throws -> PretrainingBatch {
    guard let mixing = plan.recipe.settings.labels?.mixing else {
      return PretrainingBatch(views: views)
    }
    let communicator = engine.groups.communicator
    let labels = try communicator.gather(labels.map(Float.init)).map { Int($0) }
    let classes = data.train.classNames.count
    let (height, width) = (views[0].shape[2], views[0].shape[3])
    var stream = RandomStream(seed: UInt64(plan.seed), purpose: .mixing, epoch: step)
    let mix = mixing.draw(width: width, height: height, stream: &stream)
    // An image is mixed with its mirror in the batch, which another process has.
    let mirrored = try withMirror(views[0], communicator)
    mirrored.withMutableValues {
      MixupCutmix.apply(mix, to: $0, count: mirrored.shape[0], height: height, width: width)
    }
    let targets = Tensor(
      mixing.targets(
        labels, classCount: classes, share: mix.share(width: width, height: height)),
      shape: [labels.count, classes])
    let own = views[0].shape[0]
    return PretrainingBatch(
      views: [mirrored.shape[0] == own ? mirrored : rows(mirrored, 0..<own)], targets: targets)
  }

  /// Own images and, behind them, those that mirror them; one process has both already.
  private func withMirror(_ view: Tensor, _ communicator: any Communicator) throws -> Tensor {
    guard communicator.size > 1 else { return view }
    let partner = communicator.size - 1 - communicator.rank
    let others = Tensor(zeros: view.shape)
    try view.withValues { own in
      try others.withMutableValues {
        try communicator.swap(UnsafeRawBufferPointer(own), into: .init($0), with: partner)
      }
    }
    return concatenated([view, others])
  }

  // MARK: State

  var state: [StateTensor] { engine.state }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) throws {
    if let key = engine.restore({ stored.tensors[$0] }) {
      throw TrainingError.foreignState("'\(key)'")
    }
    guard curves.restore(events, epochs: plan.recipe.epochs) else {
      throw TrainingError.foreignState("the epochs of its events")
    }
  }
}
