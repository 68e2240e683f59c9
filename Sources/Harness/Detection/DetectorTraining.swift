import CocoFormat
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

/// A detector under its recipe, as a training loop sees it: a batch holds the passes of one update.
///
/// All random choices are functions of seed, epoch, step and image, so the state is the weights,
/// the optimiser's moments and the position.
final class DetectorTraining: Trainee {
  let label: String
  private let recipe: DetectionRecipe
  private let detector: Detector
  private let dataset: DetectionDataset
  private let seed: UInt64
  private let sampler: AspectRatioBatches
  private let optimizer: AdamW
  // A group of images is a pass.
  private let groups: ImageGroups
  private let schedule: StepSchedule
  // The terms of the loss of the update at hand.
  private var terms: [(name: String, value: Float)] = []

  /// Prepares a training from the detector's weights as they are.
  init(
    recipe: DetectionRecipe, detector: Detector, dataset: DetectionDataset, seed: UInt64,
    label: String, groups: ImageGroups? = nil
  ) {
    self.groups =
      groups ?? ImageGroups(batchSize: recipe.batchSize, count: recipe.passesPerStep)
    self.recipe = recipe
    self.detector = detector
    self.dataset = dataset
    self.seed = seed
    self.label = label
    sampler = AspectRatioBatches(
      sizes: dataset.images.map {
        (dataset.annotations.images[$0].width, dataset.annotations.images[$0].height)
      }, batchSize: recipe.imagesPerPass, groupMultiple: recipe.batchSize, seed: seed)
    schedule = recipe.schedule(stepsPerEpoch: sampler.batchCount / recipe.passesPerStep)
    optimizer = AdamW(
      LayerDecay(recipe.layerDecay).applied(
        to: WeightDecayRule.namedNorms.applied(
          to: detector.parameters, weightDecay: Float(recipe.weightDecay)),
        in: detector.backbone.architecture), learningRate: 0)
  }

  var epochCount: Int { recipe.epochs }
  var batchesPerEpoch: Int { sampler.batchCount / recipe.passesPerStep }
  var imagesPerBatch: Int { recipe.batchSize }
  var optimizers: [any Optimizer] { [optimizer] }

  /// The passes of each update of an epoch.
  private struct Passes: BatchSource {
    let loader: DetectionLoader
    let count: Int

    func next() throws -> [DetectionBatch]? {
      var passes: [DetectionBatch] = []
      while passes.count < count, let batch = try loader.next() { passes.append(batch) }
      return passes.isEmpty ? nil : passes
    }
  }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<[DetectionBatch]> {
    let batches = sampler.batches(epoch: epoch).prefix(batchesPerEpoch * recipe.passesPerStep)
      .map { batch in batch.map { dataset.images[$0] } }
    let done = batch * recipe.passesPerStep
    let rest = Array(batches.dropFirst(done))
    return Passes(
      loader: DetectionLoader(
        dataset, batches: rest, augmentation: recipe.augmentation, seed: seed, epoch: epoch,
        own: rest.indices.filter { firstPass..<firstPass + groups.ownCount ~= $0 % groups.count },
        after: Array(batches.prefix(done))),
      count: groups.ownCount)
  }

  /// The first of an update's passes that this process makes.
  private var firstPass: Int { groups.communicator.rank * groups.ownCount }

  func gradients(_ batch: [DetectionBatch], at position: TrainingPosition) throws -> Float? {
    let sum = GroupSum(groups, parameters: optimizer.parameters.map(\.tensor))
    var names: [String] = []
    defer { detector.backbone.dropPath = nil }
    for (pass, images) in batch.enumerated() {
      let number = position.step * recipe.passesPerStep + firstPass + pass
      detector.backbone.dropPath =
        recipe.dropPathRate > 0
        ? DropPathContext(rate: recipe.dropPathRate, seed: seed, step: number) : nil
      let losses = detector.losses(images, draws: DetectionDraws(seed: seed, step: number))
      let share = scaled(losses.sum, by: 1 / Float(recipe.passesPerStep))
      if share.item.isFinite { share.backward(ready: sum.readiness(ofGroup: pass)) }
      names = losses.terms.map(\.name)
      sum.add(
        terms: [share.item]
          + losses.terms.map { $0.value.item / Float(recipe.passesPerStep) })
    }
    let sums = try sum.finish()
    guard let loss = sums.first, loss.isFinite else {
      throw TrainingError.notFinite(
        what: "the loss of \(recipe.detector.name)", step: position.step,
        remedy: "lower its --learning-rate")
    }
    terms = zip(names, sums.dropFirst()).map { ($0, $1) }
    // A pass without objects leaves the mask head without a gradient; its weights decay still.
    for parameter in optimizer.parameters where parameter.tensor.gradient == nil {
      parameter.tensor.gradient = Tensor(zeros: parameter.tensor.shape)
    }
    return loss
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    let rate = schedule.learningRate(step: position.step)
    optimizer.update(rate: rate)
    var event = RunEvent(
      step: position.step, values: ["loss": Double(loss), "learning_rate": rate])
    for term in terms { event.values[term.name] = Double(term.value) }
    return TrainingEvent([event.json], progress: lossText(loss))
  }

  var state: [StateTensor] { moduleState(detector, optimizer) }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) {
    restoreModule(detector, optimizer, from: stored, step: position.step)
  }
}
