import CommandLine
import FileSupport
import Foundation
import Layers

/// Trains to the end, or goes on where a stopped run left its state; both end in the same bytes.
///
/// One policy for every training: within an epoch the state is saved every `saveInterval` seconds,
/// at the end of an epoch when the last one is a minute old; lines of `events.jsonl` go to disk
/// with the state, which remembers how many there are, and later ones are cut off before a run goes
/// on. An interruption saves first; so does an error of loading, so that one bad image does not
/// cost hours.
public struct TrainingLoop {
  /// Where `events.jsonl` is.
  public let run: RunDirectory
  /// Where the state is kept; nil keeps none, for trainings of seconds.
  public let state: TrainingState?
  /// Seconds between two saved states within an epoch.
  public var saveInterval = 300.0
  /// Whether nothing but errors is said.
  public var isQuiet = false
  /// Called once an update, between gradients and clipping: what several processes add up is added
  /// up here.
  public var reduce: (_ optimizers: [any Optimizer], _ loss: inout Float) throws -> Void = { _, _ in }

  private static let events = "events.jsonl"

  /// Sets the run's folder and state.
  public init(run: RunDirectory, state: TrainingState?) {
    self.run = run
    self.state = state
  }

  /// Trains.
  ///
  /// - Returns: Where the training ended, and the step that it went on from.
  /// - Throws: What loading and writing throw; `TrainingError` when loss or gradients are not
  ///   finite; `InterruptedError` after saving the state when the user asks to stop.
  public func train(
    _ trainee: some Trainee
  ) throws -> (position: TrainingPosition, resumedAt: Int) {
    var session = try Session(self, trainee)
    let resumedAt = session.position.step
    try session.run(trainee)
    return (session.position, resumedAt)
  }

  /// One process's part of a training.
  private struct Session {
    let loop: TrainingLoop
    var position = TrainingPosition()
    private var waiting: [JSONValue] = []
    private var eventCount = 0
    private var lastSave = Date()
    private let progress: ProgressReporter

    init(_ loop: TrainingLoop, _ trainee: some Trainee) throws {
      self.loop = loop
      var kept: [JSONValue] = []
      if let state = loop.state, let stored = try state.restore(expected: trainee.state) {
        guard let position = TrainingPosition(stored.facts["position"]),
          let count = stored.facts["events"]?.intValue
        else {
          throw FileError(
            path: state.path, problem: "does not say where the training was",
            remedy: "use --restart to begin again", exitCode: .badData)
        }
        self.position = position
        kept = Array(try loop.run.rows(TrainingLoop.events).prefix(count))
        guard kept.count == count else {
          throw FileError(
            path: "\(loop.run.path)/\(TrainingLoop.events)",
            problem: "has \(kept.count) of the \(count) lines that belong to the saved state",
            remedy: "put it back, or use --restart to begin again", exitCode: .badData)
        }
        try trainee.restore(stored, at: position, events: kept)
      }
      let batches = position.epoch * trainee.batchesPerEpoch + position.batch
      if batches > 0, !loop.isQuiet {
        Console.error(
          "going on after step \(position.step), batch \(batches) of "
            + "\(trainee.epochCount * trainee.batchesPerEpoch)")
      }
      try loop.run.restart(TrainingLoop.events)
      try loop.run.append(kept, to: TrainingLoop.events)
      eventCount = kept.count
      progress = ProgressReporter(
        trainee.label,
        total: trainee.epochCount * trainee.batchesPerEpoch * trainee.imagesPerBatch,
        unit: "images", resumedAt: batches * trainee.imagesPerBatch)
    }

    mutating func run(_ trainee: some Trainee) throws {
      while position.epoch < trainee.epochCount {
        try finishEpoch(trainee, of: try trainee.batches(epoch: position.epoch, from: position.batch))
        note(try trainee.epochDidEnd(at: position))
        position.epoch += 1
        position.batch = 0
        // Long epochs are worth a state each; short ones one now and then.
        if isDue(after: min(60, loop.saveInterval)) { try save(trainee) }
      }
      try flush()
      progress.finish()
    }

    private mutating func finishEpoch<T: Trainee>(
      _ trainee: T, of batches: any BatchSource<T.Batch>
    ) throws {
      var batches = batches
      let skippedBefore = position.skippedImages
      while let batch = try load(from: &batches, for: trainee) {
        position.skippedImages = skippedBefore + batches.skippedImages
        if var loss = try trainee.gradients(batch, at: position) {
          try loop.reduce(trainee.optimizers, &loss)
          let event = try trainee.update(loss: loss, at: position)
          note(event)
          position.step += 1
          progress.advance(by: trainee.imagesPerBatch, extra: event.progress)
        }
        position.batch += 1
        if Interruption.isRequested {
          try save(trainee)
          throw InterruptedError()
        }
        if isDue(after: loop.saveInterval), position.batch < trainee.batchesPerEpoch {
          try save(trainee)
        }
      }
      position.skippedImages = skippedBefore + batches.skippedImages
    }

    private mutating func load<T: Trainee>(
      from batches: inout any BatchSource<T.Batch>, for trainee: T
    ) throws -> T.Batch? {
      do {
        return try batches.next()
      } catch {
        // The error of loading says more than one of saving.
        try? save(trainee)
        throw error
      }
    }

    private mutating func note(_ event: TrainingEvent) {
      waiting += event.rows
      if let warning = event.warning, !loop.isQuiet { Console.error("\nwarning: \(warning)") }
    }

    private func isDue(after seconds: Double) -> Bool {
      loop.state != nil && (seconds <= 0 || Date().timeIntervalSince(lastSave) > seconds)
    }

    private mutating func flush() throws(FileError) {
      try loop.run.append(waiting, to: TrainingLoop.events)
      try loop.run.synchronize(TrainingLoop.events)
      eventCount += waiting.count
      waiting = []
    }

    private mutating func save(_ trainee: some Trainee) throws {
      guard let state = loop.state else { return }
      try flush()
      guard case .object(var facts) = trainee.facts else { return }
      facts["position"] = position.json
      facts["events"] = .integer(eventCount)
      try state.save(trainee.state, facts: .object(facts))
      lastSave = Date()
    }
  }
}
