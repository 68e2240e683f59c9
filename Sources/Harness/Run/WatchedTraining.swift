import FileSupport
import Layers
import Reporting
import Training

/// A training that is looked at while it runs: after every so many batches its network is scored or
/// kept.
///
/// A look comes before the batch that follows it is taken, where the loop saves the state first
/// when something fails: a run that is stopped in a look goes on with it. What it found is a row of
/// the next update. The network's weights and the draws of the training stay what they are.
final class WatchedTraining<Inner: Trainee>: Trainee {
  /// What happens when so many batches are done, and what it found.
  typealias Look = (_ batches: Int) throws -> [String: Double]

  private let inner: Inner
  private let isDue: (_ batches: Int) -> Bool
  private let look: Look
  private var last = 0
  private var found: [String: Double] = [:]

  /// Watches a training.
  ///
  /// - Parameters:
  ///   - isDue: Whether there is something to see after so many batches; the end is not asked for.
  ///   - look: Looks.
  init(_ inner: Inner, isDue: @escaping (_ batches: Int) -> Bool, look: @escaping Look) {
    self.inner = inner
    self.isDue = isDue
    self.look = look
  }

  /// Batches that are looked at before each is taken.
  private struct Source: BatchSource {
    let training: WatchedTraining
    var batches: any BatchSource<Inner.Batch>
    /// Batches done since the training's beginning.
    var done: Int

    mutating func next() throws -> Inner.Batch? {
      try training.arrive(at: done)
      done += 1
      return try batches.next()
    }

    var skippedImages: Int { batches.skippedImages }
  }

  private func arrive(at batches: Int) throws {
    guard batches > last, batches < epochCount * batchesPerEpoch, isDue(batches) else { return }
    found.merge(try look(batches)) { $1 }
    last = batches
  }

  func batches(epoch: Int, from batch: Int) throws -> any BatchSource<Inner.Batch> {
    Source(
      training: self, batches: try inner.batches(epoch: epoch, from: batch),
      done: epoch * batchesPerEpoch + batch)
  }

  func update(loss: Float, at position: TrainingPosition) throws -> TrainingEvent {
    var event = try inner.update(loss: loss, at: position)
    if !found.isEmpty {
      event.rows.insert(RunEvent(step: position.step, values: found).json, at: 0)
      found = [:]
    }
    return event
  }

  var label: String { inner.label }
  var epochCount: Int { inner.epochCount }
  var batchesPerEpoch: Int { inner.batchesPerEpoch }
  var imagesPerBatch: Int { inner.imagesPerBatch }
  var optimizers: [any Optimizer] { inner.optimizers }
  var survivesDivergence: Bool { inner.survivesDivergence }
  var state: [StateTensor] { inner.state }
  var facts: JSONValue { inner.facts }

  func gradients(_ batch: Inner.Batch, at position: TrainingPosition) throws -> Float? {
    try inner.gradients(batch, at: position)
  }

  func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent {
    try inner.epochDidEnd(at: position)
  }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) throws {
    try inner.restore(stored, at: position, events: events)
  }
}
