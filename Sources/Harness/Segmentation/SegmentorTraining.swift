import FileSupport
import Layers
import Loading
import Models
import Protocols
import Reporting
import TensorCore
import Training
import VisionData

/// A segmentor under its recipe, as a training loop sees it: one epoch of as many batches as the
/// recipe has steps.
final class SegmentorTraining: Trainee {
  let label: String
  private let recipe: SegmentationRecipe
  private let segmentor: Segmentor
  private let folder: SegmentationFolder
  private let encoding: LabelEncoding
  private let seed: UInt64
  private let sampler: StepSampler
  private let optimizer: AdamW
  // The losses of the update at hand.
  private var decode = Float.nan, auxiliary = Float.nan

  /// Prepares a training from the segmentor's weights as they are.
  init(
    recipe: SegmentationRecipe, segmentor: Segmentor, folder: SegmentationFolder,
    encoding: LabelEncoding, seed: UInt64, label: String
  ) {
    self.recipe = recipe
    self.segmentor = segmentor
    self.folder = folder
    self.encoding = encoding
    self.seed = seed
    self.label = label
    sampler = StepSampler(imageCount: folder.count, batchSize: recipe.batchSize, seed: seed)
    optimizer = AdamW(
      LayerDecay(recipe.layerDecay).applied(
        to: WeightDecayRule.namedNorms.applied(
          to: segmentor.parameters, weightDecay: Float(recipe.weightDecay)),
        in: segmentor.backbone.architecture), learningRate: 0)
  }

  var epochCount: Int { 1 }
  var batchesPerEpoch: Int { recipe.stepCount }
  var imagesPerBatch: Int { recipe.batchSize }
  var optimizers: [any Optimizer] { [optimizer] }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<SegmentationLoader.Batch> {
    SegmentationLoader(
      folder: folder, encoding: encoding, transform: recipe.training, sampler: sampler,
      steps: batch..<recipe.stepCount)
  }

  func gradients(_ batch: SegmentationLoader.Batch, at position: TrainingPosition) throws -> Float?
  {
    let passCount = recipe.batchSize / recipe.imagesPerPass
    let share = 1 / Float(passCount)
    var loss: Float = 0
    (decode, auxiliary) = (0, 0)
    for pass in 0..<passCount {
      let part = pass * recipe.imagesPerPass..<(pass + 1) * recipe.imagesPerPass
      let number = position.step * passCount + pass
      segmentor.backbone.dropPath =
        recipe.dropPathRate > 0
        ? DropPathContext(rate: recipe.dropPathRate, seed: seed, step: number) : nil
      let losses = segmentor.losses(
        batch.images(part), labels: batch.labels(part), seed: seed, step: number)
      let total = passCount == 1 ? losses.total : scaled(losses.total, by: share)
      guard total.item.isFinite else {
        throw TrainingError.notFinite(
          what: "the loss of the segmentor", step: position.step,
          remedy: "lower its --learning-rate")
      }
      total.backward()
      loss += total.item
      decode += losses.decode * share
      auxiliary += losses.auxiliary * share
    }
    return loss
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    let rate = recipe.learningRate(step: position.step)
    optimizer.update(rate: rate)
    return TrainingEvent(
      [
        RunEvent(
          step: position.step,
          values: [
            "loss": Double(loss), "decode_loss": Double(decode),
            "auxiliary_loss": Double(auxiliary), "learning_rate": rate,
          ]
        ).json
      ], progress: lossText(loss))
  }

  var state: [StateTensor] { moduleState(segmentor, optimizer) }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) {
    restoreModule(segmentor, optimizer, from: stored, step: position.step)
    segmentor.restoreBuffers { stored.tensors["model." + $0] }
  }
}

extension SegmentationLoader: BatchSource {}
