import CocoFormat
import CommandLine
import Foundation
import Layers
import Models
import TensorCore
import Training
import VisionData

/// Trains a detector; a killed run goes on where its state was last saved, to the same bits.
///
/// All random choices are functions of seed, epoch, step and image, so the state is the weights,
/// the optimiser's moments and the position.
struct DetectorTraining {
  let recipe: DetectionRecipe
  let detector: Detector
  let dataset: DetectionDataset
  let seed: UInt64
  /// Where the state is kept.
  let state: TrainingState
  /// Seconds between two saved states.
  let saveInterval: Double
  let label: String

  /// What one update cost and gave, for the run's log.
  struct Event {
    let update: Int
    let loss: Float
    let terms: [(name: String, value: Float)]
    let learningRate: Double
  }

  /// Trains to the end.
  ///
  /// - Parameter log: Called after every update.
  /// - Throws: What loading throws; `TrainingError` when the loss is not finite; `InterruptedError`
  ///   after saving the state when the user asks to stop.
  func run(log: (Event) throws -> Void) throws {
    let sampler = AspectRatioBatches(
      sizes: dataset.images.map {
        (dataset.annotations.images[$0].width, dataset.annotations.images[$0].height)
      }, batchSize: recipe.imagesPerPass, groupMultiple: recipe.batchSize, seed: seed)
    let updatesPerEpoch = sampler.batchCount / recipe.passesPerUpdate
    let schedule = recipe.schedule(updatesPerEpoch: updatesPerEpoch)
    let optimizer = AdamW(recipe.optimizedParameters(detector), learningRate: 0)
    let total = recipe.epochs * updatesPerEpoch
    var update = try state.restore(detector, optimizer) { detector.restoreBuffers($0) } ?? 0
    let progress = ProgressReporter(
      label, total: total * recipe.batchSize, unit: "images",
      resumedAt: update * recipe.batchSize)
    var lastSave = Date()
    while update < total {
      let epoch = update / updatesPerEpoch
      let done = update % updatesPerEpoch * recipe.passesPerUpdate
      let batches = sampler.batches(epoch: epoch).dropFirst(done).map { batch in
        batch.map { dataset.images[$0] }
      }
      let loader = DetectionLoader(
        dataset, batches: batches, augmentation: recipe.augmentation, seed: seed, epoch: epoch)
      while update < (epoch + 1) * updatesPerEpoch {
        let event = try step(
          loader, optimizer, update: update, rate: schedule.learningRate(step: update))
        update += 1
        try log(event)
        progress.advance(by: recipe.batchSize, extra: String(format: "loss %.3f", event.loss))
        if Interruption.isRequested || Date().timeIntervalSince(lastSave) > saveInterval {
          try state.save(detector, optimizer, updates: update)
          lastSave = Date()
          try Interruption.check()
        }
      }
    }
    detector.backbone.dropPath = nil
    progress.finish()
  }

  private func step(
    _ loader: DetectionLoader, _ optimizer: AdamW, update: Int, rate: Double
  ) throws -> Event {
    var loss: Float = 0
    var sums: [(name: String, value: Float)] = []
    for pass in 0..<recipe.passesPerUpdate {
      guard let batch = try loader.next() else { break }
      let number = update * recipe.passesPerUpdate + pass
      detector.backbone.dropPath =
        recipe.dropPathRate > 0
        ? DropPathContext(rate: recipe.dropPathRate, seed: seed, step: number) : nil
      let losses = detector.losses(batch, draws: DetectionDraws(seed: seed, step: number))
      let share = scaled(losses.sum, by: 1 / Float(recipe.passesPerUpdate))
      guard share.item.isFinite else {
        throw TrainingError.notFinite(
          what: recipe.detector.name, step: update, remedy: "lower its --learning-rate")
      }
      share.backward()
      loss += share.item
      for (index, term) in losses.terms.enumerated() {
        let value = term.value.item / Float(recipe.passesPerUpdate)
        if index < sums.count {
          sums[index].value += value
        } else {
          sums.append((term.name, value))
        }
      }
    }
    // A pass without objects leaves the mask head without a gradient; its weights decay still.
    for parameter in optimizer.parameters where parameter.tensor.gradient == nil {
      parameter.tensor.gradient = Tensor(zeros: parameter.tensor.shape)
    }
    optimizer.learningRate = Float(rate)
    optimizer.step()
    optimizer.clearGradients()
    return Event(update: update, loss: loss, terms: sums, learningRate: rate)
  }
}
