import CommandLine
import FileSupport
import Foundation
import Layers
import Models
import TensorCore
import Training
import VisionData

/// Trains a segmentor; a killed run goes on where its state was last saved, to the same bits.
struct SegmentorTraining {
  let recipe: SegmentationRecipe
  let segmentor: Segmentor
  let folder: SegmentationFolder
  let encoding: LabelEncoding
  /// The first this many images; 0 is all.
  let limit: Int
  let seed: UInt64
  let state: TrainingState
  let run: RunDirectory
  /// Seconds between two saved states.
  let saveInterval: Double
  let label: String

  /// Trains to the end.
  ///
  /// - Throws: What loading throws; `TrainingError` when the loss is not finite; `InterruptedError`
  ///   after saving the state when the user asks to stop.
  func callAsFunction() throws {
    let optimizer = AdamW(recipe.optimizedParameters(segmentor), learningRate: 0)
    var update =
      try state.restore(segmentor, optimizer) { segmentor.restoreBuffers($0) } ?? 0
    try dropEvents(from: update)
    let count = limit > 0 ? min(limit, folder.count) : folder.count
    let sampler = IterationSampler(imageCount: count, batchSize: recipe.batchSize, seed: seed)
    let loader = SegmentationLoader(
      folder: folder, encoding: encoding, transform: recipe.training, sampler: sampler,
      iterations: update..<recipe.iterations)
    let progress = ProgressReporter(
      label, total: recipe.iterations * recipe.batchSize, unit: "images",
      resumedAt: update * recipe.batchSize)
    segmentor.setTraining(true)
    var lastSave = Date()
    var waiting: [JSONValue] = []
    func save() throws {
      try run.append(waiting, to: "events.jsonl")
      waiting = []
      try run.synchronize("events.jsonl")
      try state.save(segmentor, optimizer, updates: update)
      lastSave = Date()
    }
    while let batch = try loader.next() {
      segmentor.backbone.dropPath =
        recipe.dropPathRate > 0
        ? DropPathContext(rate: recipe.dropPathRate, seed: seed, step: update) : nil
      let losses = segmentor.losses(
        batch.images, labels: batch.labels, seed: seed, step: update)
      guard losses.total.item.isFinite else {
        throw TrainingError.notFinite(
          what: "the loss of the segmentor", step: update, remedy: "lower its --learning-rate")
      }
      let rate = recipe.learningRate(step: update)
      waiting.append(
        .object([
          "update": .integer(update), "loss": .number(Double(losses.total.item)),
          "decode_loss": .number(Double(losses.decode)),
          "auxiliary_loss": .number(Double(losses.auxiliary)), "learning_rate": .number(rate),
        ]))
      losses.total.backward()
      optimizer.learningRate = Float(rate)
      optimizer.step()
      optimizer.clearGradients()
      update += 1
      progress.advance(
        by: recipe.batchSize, extra: String(format: "loss %.3f", losses.total.item))
      if Interruption.isRequested || Date().timeIntervalSince(lastSave) > saveInterval {
        try save()
        try Interruption.check()
      }
    }
    try run.append(waiting, to: "events.jsonl")
    try run.synchronize("events.jsonl")
    progress.finish()
    segmentor.setTraining(false)
  }

  /// Lines that were written after the state are dropped; they come again.
  private func dropEvents(from update: Int) throws {
    let kept = try run.rows("events.jsonl").filter { ($0["update"]?.intValue ?? .max) < update }
    try run.restart("events.jsonl")
    try run.append(kept, to: "events.jsonl")
  }
}
