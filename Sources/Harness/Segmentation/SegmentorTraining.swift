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
  private let groups: ImageGroups
  // The losses of the update at hand.
  private var decode = Float.nan, auxiliary = Float.nan

  /// Prepares a training from the segmentor's weights as they are.
  init(
    recipe: SegmentationRecipe, segmentor: Segmentor, folder: SegmentationFolder,
    encoding: LabelEncoding, seed: UInt64, label: String, groups: ImageGroups? = nil
  ) {
    self.groups = groups ?? .whole(recipe.batchSize)
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
      share: groups.ownImages, steps: batch..<recipe.stepCount)
  }

  func gradients(_ batch: SegmentationLoader.Batch, at position: TrainingPosition) throws -> Float?
  {
    let parameters = optimizer.parameters.map(\.tensor)
    let sum = GroupSum(groups, parameters: parameters)
    let passGroups = groups.count * recipe.imagesPerPass / groups.batchSize
    let ownGroups = groups.ownGroups
    for first in stride(from: 0, to: ownGroups.count, by: passGroups) {
      let own = Array(ownGroups[first..<min(ownGroups.count, first + passGroups)])
      // Batch norms see every image of a pass.
      let lockstep = GroupLockstep(
        groups, ownCount: own.count, of: passGroups, parameters: parameters)
      var losses = [[Float]](repeating: [], count: own.count)
      try lockstep.run { [self] group in
        losses[group] = groupGradients(
          batch, own[group], step: position.step, ready: sum.readiness(ofGroup: first + group))
      } ended: { group in
        sum.add(terms: losses[group])
      }
    }
    let terms = try sum.finish()
    guard terms[0].isFinite else {
      throw TrainingError.notFinite(
        what: "the loss of the segmentor", step: position.step, remedy: "lower its --learning-rate")
    }
    (decode, auxiliary) = (terms[1], terms[2])
    return terms[0]
  }

  /// Leaves the gradients of some of the batch's images.
  ///
  /// - Returns: Their share of the loss and of both of its terms.
  private func groupGradients(
    _ batch: SegmentationLoader.Batch, _ images: Range<Int>, step: Int,
    ready: ((Tensor) -> Void)?
  ) -> [Float] {
    let place = groups.ownImages.lowerBound + images.lowerBound
    let passCount = recipe.batchSize / recipe.imagesPerPass
    let number = step * passCount + place / recipe.imagesPerPass
    let first = place % recipe.imagesPerPass
    segmentor.backbone.dropPath =
      recipe.dropPathRate > 0
      ? DropPathContext(rate: recipe.dropPathRate, seed: seed, step: number, firstImage: first)
      : nil
    let losses = segmentor.losses(
      batch.images(images), labels: batch.labels(images), seed: seed, step: number,
      firstImage: first, batchCount: recipe.imagesPerPass)
    let share = 1 / Float(passCount)
    let total = passCount == 1 ? losses.total : scaled(losses.total, by: share)
    total.backward(ready: ready)
    return [total.item, losses.decode * share, losses.auxiliary * share]
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
  }
}

extension SegmentationLoader: BatchSource {}
