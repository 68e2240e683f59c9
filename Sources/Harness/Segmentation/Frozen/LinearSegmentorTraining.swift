import FileSupport
import Layers
import Loading
import Models
import Processes
import Protocols
import Reporting
import TensorCore
import Training
import VisionData

/// The linear classifier of a frozen backbone's cells, as a training loop sees it.
final class LinearSegmentorTraining: Trainee {
  let label: String
  private let task: SegmentationTask
  private let segmentor: LinearSegmentor
  private let pixels: ByteNormalization
  private let sampler: StepSampler
  private let optimizer: AdamW
  // The maps of a batch are shared out; its classifier is trained alike by every process.
  private let ranks = Processes.current

  /// Prepares a training from the classifier's weights as they are.
  init(
    _ segmentor: LinearSegmentor, task: SegmentationTask, pixels: ByteNormalization, seed: Int,
    label: String
  ) {
    self.task = task
    self.segmentor = segmentor
    self.pixels = pixels
    self.label = label
    sampler = StepSampler(
      imageCount: task.imageCounts.training, batchSize: task.recipe.batchSize,
      seed: UInt64(seed))
    optimizer = AdamW(
      WeightDecayRule.all.applied(
        to: segmentor.parameters, weightDecay: Float(task.recipe.weightDecay)), learningRate: 0)
  }

  var epochCount: Int { 1 }
  var batchesPerEpoch: Int { task.recipe.stepCount }
  var imagesPerBatch: Int { task.recipe.batchSize }
  var optimizers: [any Optimizer] { [optimizer] }

  /// No batches, where there are no training images.
  private struct NoBatches: BatchSource {
    func next() -> SegmentationLoader.Batch? { nil }
  }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<SegmentationLoader.Batch> {
    task.loader(
      sampler, share: ranks.share(of: imagesPerBatch), steps: batch..<batchesPerEpoch,
      pixels: pixels) ?? NoBatches()
  }

  func gradients(_ batch: SegmentationLoader.Batch, at position: TrainingPosition) throws -> Float?
  {
    let own = segmentor.map(of: batch.images)
    let map =
      ranks.size == 1
      ? own
      : try Tensor(ranks.joined(own.values), shape: [imagesPerBatch] + own.shape.dropFirst())
    let loss = segmentor.loss(
      of: map, labels: try ranks.gatherBytes(batch.labels).flatMap { $0 },
      height: batch.images.shape[2], width: batch.images.shape[3])
    guard loss.item.isFinite else {
      throw TrainingError.notFinite(
        what: "the loss of the linear classifier", step: position.step,
        remedy: "lower its --learning-rate, or check the checkpoint's features")
    }
    loss.backward()
    return loss.item
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    let rate = task.recipe.learningRate(step: position.step)
    optimizer.update(rate: rate)
    let event = RunEvent(
      step: position.step, values: ["loss": Double(loss), "learning_rate": rate])
    return TrainingEvent([event.json], progress: lossText(loss))
  }

  var state: [StateTensor] { moduleState(segmentor, optimizer) }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) {
    restoreModule(segmentor, optimizer, from: stored, step: position.step)
  }
}
