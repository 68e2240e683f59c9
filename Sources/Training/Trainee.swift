import FileSupport
import Foundation
import Layers
import TensorCore

/// Where a training is.
public struct TrainingPosition: Sendable, Equatable {
  /// The current epoch, and its finished batches; both from 0.
  public var epoch = 0, batch = 0
  /// Updates made.
  public var step = 0
  /// Images left out because they could not be decoded.
  public var skippedImages = 0

  /// The beginning.
  public init() {}

  /// The position as a fact of a state.
  var json: JSONValue {
    .object([
      "epoch": .integer(epoch), "batch": .integer(batch), "step": .integer(step),
      "skipped": .integer(skippedImages),
    ])
  }

  /// Reads a position; nil when it is none.
  init?(_ json: JSONValue?) {
    guard let epoch = json?["epoch"]?.intValue, let batch = json?["batch"]?.intValue,
      let step = json?["step"]?.intValue, let skipped = json?["skipped"]?.intValue,
      [epoch, batch, step, skipped].allSatisfy({ (0...1 << 48).contains($0) })
    else { return nil }
    (self.epoch, self.batch, self.step, skippedImages) = (epoch, batch, step, skipped)
  }
}

/// The batches of one epoch, in order.
public protocol BatchSource<Batch> {
  associatedtype Batch
  /// The next batch, or nil at the end.
  ///
  /// - Throws: What loading throws.
  mutating func next() throws -> Batch?
  /// Images that this source left out because they could not be decoded.
  var skippedImages: Int { get }
}

extension BatchSource {
  public var skippedImages: Int { 0 }
}

/// What a step or an epoch has to say.
public struct TrainingEvent {
  /// Lines for `events.jsonl`.
  public var rows: [JSONValue]
  /// What the progress line says beside rate and time left.
  public var progress = ""
  /// Something that the user must see at once.
  public var warning: String?

  /// Collects lines.
  public init(_ rows: [JSONValue], progress: String = "", warning: String? = nil) {
    self.rows = rows
    self.progress = progress
    self.warning = warning
  }
}

/// What a `TrainingLoop` trains: networks, their optimisers and data.
///
/// A step is `gradients`, then the loop's hook, then `update`. All random draws are functions of
/// the position, so state and position are all that a run needs to go on.
public protocol Trainee: AnyObject {
  associatedtype Batch
  /// What the progress line calls it.
  var label: String { get }
  var epochCount: Int { get }
  /// Batches of an epoch, and images of a batch, for the progress line.
  var batchesPerEpoch: Int { get }
  var imagesPerBatch: Int { get }
  /// Whose parameters `gradients` leaves gradients in.
  var optimizers: [any Optimizer] { get }
  /// Whether weights that are no numbers at the end are dealt with by the trainee itself.
  var survivesDivergence: Bool { get }

  /// The batches of an epoch from one on.
  ///
  /// - Throws: What loading throws.
  func batches(epoch: Int, from batch: Int) throws -> any BatchSource<Batch>
  /// Leaves the gradients of a batch in the parameters, after as many passes as it takes; of a batch
  /// that processes share the sums over all of them.
  ///
  /// - Returns: The mean loss; nil when the batch makes no update.
  /// - Throws: `TrainingError` when the loss is not finite.
  func gradients(_ batch: Batch, at position: TrainingPosition) throws -> Float?
  /// Clips the gradients, updates the parameters and forgets the gradients.
  ///
  /// - Throws: `TrainingError` when a gradient is not finite.
  func update(loss: Float, at position: TrainingPosition) throws -> TrainingEvent
  /// Measures what belongs to the end of an epoch.
  ///
  /// - Throws: What measuring throws.
  func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent

  /// Every tensor that the next step depends on.
  var state: [StateTensor] { get }
  /// What the next step depends on and is no tensor.
  var facts: JSONValue { get }
  /// Takes over a state whose names and shapes were compared, and the lines written before it.
  ///
  /// - Throws: `TrainingError.foreignState` when it is none of this trainee.
  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]) throws
}

extension Trainee {
  public var facts: JSONValue { .object([:]) }
  public var survivesDivergence: Bool { false }
  public func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent {
    TrainingEvent([])
  }
}

// MARK: One network and one optimiser

/// The state of a network and its optimiser.
public func moduleState(_ module: some Module, _ optimizer: some Optimizer) -> [StateTensor] {
  StateDictionary(module).entries.map { ("model." + $0.key, $0.shape, $0.values) }
    + optimizer.state.map { ("optimizer." + $0.key, $0.tensor.shape, $0.tensor.values) }
}

/// Takes over parameters, running statistics and the optimiser's memory.
public func restoreModule(
  _ module: some Module, _ optimizer: some Optimizer, from stored: TrainingState.Contents,
  step: Int
) {
  for (key, tensor) in module.parameters {
    if let values = stored.tensors["model." + key] { tensor.assign(values) }
  }
  module.restoreStatistics { stored.tensors["model." + $0] }
  for (key, tensor) in optimizer.state {
    if let values = stored.tensors["optimizer." + key] { tensor.assign(values) }
  }
  optimizer.stepCount = step
}

/// A loss as progress lines show it.
public func lossText(_ loss: Float) -> String { String(format: "loss %.3f", loss) }
