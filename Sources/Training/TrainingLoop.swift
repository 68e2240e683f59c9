import CommandLine
import FileSupport
import Foundation
import Layers
import Processes
import Runs
import TensorCore

/// Trains to the end, or goes on where a stopped run left its state; both end in the same bytes.
///
/// One policy for every training: within an epoch the state is saved every `saveInterval` seconds,
/// at the end of an epoch when the last one is a minute old. Lines of `events.jsonl` are written as
/// they come; the state remembers how many there were, and later ones are cut off before a run goes
/// on. An interruption saves first; so does an error of loading or measuring, so that one bad image
/// does not cost hours.
public struct TrainingLoop {
  /// Where `events.jsonl` is.
  public let run: RunDirectory
  /// Where the state is kept; nil keeps none, for trainings of seconds.
  public let state: TrainingState?
  /// Seconds between two saved states within an epoch.
  public var saveInterval = 300.0
  /// Seconds to a state at the end of an epoch; `saveInterval` where that is less.
  public var epochSaveInterval = 60.0
  /// Whether nothing but errors is said.
  public var isQuiet = false
  /// Called once an update, between gradients and clipping.
  public var reduce: (_ optimizers: [any Optimizer], _ loss: inout Float) throws -> Void = {
    _, _ in
  }

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
    private let ranks = Processes.current
    var position = TrainingPosition()
    private var eventCount = 0
    private var sinceSave = Stopwatch()
    private let progress: ProgressReporter

    /// The events so far.
    ///
    /// - Throws: `FileError` where the file is damaged; unlike other rows these are not made again, so
    ///   that to move it away is no remedy.
    private static func events(of run: RunDirectory) throws(FileError) -> [JSONValue] {
      do {
        return try run.rows(TrainingLoop.events)
      } catch {
        guard error.exitCode == .badData else { throw error }
        throw FileError(
          path: error.path, problem: error.problem,
          remedy: "put an intact copy of it back, or use --restart to begin again",
          exitCode: error.exitCode)
      }
    }

    init(_ loop: TrainingLoop, _ trainee: some Trainee) throws {
      self.loop = loop
      if let state = loop.state, let stored = try state.restore(expected: trainee.state) {
        guard let position = TrainingPosition(stored.facts["position"]),
          position.epoch <= trainee.epochCount, position.batch <= trainee.batchesPerEpoch,
          let count = stored.facts["events"]?.intValue, count >= 0
        else { throw state.fault("does not say where the training was") }
        let rows = try Self.events(of: loop.run)
        guard rows.count >= count else {
          throw FileError(
            path: "\(loop.run.path)/\(TrainingLoop.events)",
            problem: "has \(rows.count) of the \(count) lines that belong to the saved state",
            remedy: "put it back, or use --restart to begin again", exitCode: .badData)
        }
        do {
          try trainee.restore(stored, at: position, events: Array(rows.prefix(count)))
        } catch TrainingError.foreignState(let what) {
          throw state.fault("lacks or misstates \(what)")
        }
        (self.position, eventCount) = (position, count)
      }
      try Self.requireSameStart(position, eventCount: eventCount, of: loop.run)
      let batches = position.epoch * trainee.batchesPerEpoch + position.batch
      if batches > 0, !loop.isQuiet {
        Console.error(
          "going on after step \(position.step), batch \(batches) of "
            + "\(trainee.epochCount * trainee.batchesPerEpoch)")
      }
      try loop.run.cut(TrainingLoop.events, after: eventCount)
      progress = ProgressReporter(
        trainee.label,
        total: trainee.epochCount * trainee.batchesPerEpoch * trainee.imagesPerBatch,
        unit: "images", resumedAt: batches * trainee.imagesPerBatch)
    }

    /// Makes sure that every process goes on from the same place; all have read the state when it
    /// returns.
    private static func requireSameStart(
      _ position: TrainingPosition, eventCount: Int, of run: RunDirectory
    ) throws {
      let ranks = Processes.current
      let own = [position.epoch, position.batch, position.step, position.skippedImages, eventCount]
      let starts = try ranks.gatherBytes(own.withUnsafeBytes { Array($0) })
      guard starts.contains(where: { $0 != starts[0] }) else { return }
      throw FileError(
        path: run.path, problem: "is not the same folder for all \(ranks.size) processes",
        remedy: "give an --output that all machines share", exitCode: .badData)
    }

    mutating func run(_ trainee: some Trainee) throws {
      while position.epoch < trainee.epochCount {
        let (epoch, batch) = (position.epoch, position.batch)
        let batches = try saving(trainee) { try trainee.batches(epoch: epoch, from: batch) }
        try finishEpoch(trainee, of: batches)
        try requireNumbers(trainee)
        let end = position
        let event = try saving(trainee) { try trainee.epochDidEnd(at: end) }
        try note(event)
        position.epoch += 1
        position.batch = 0
        // Long epochs are worth a state each; short ones one now and then.
        if isDue(after: min(loop.epochSaveInterval, loop.saveInterval)) { try save(trainee) }
      }
      try loop.run.synchronize(TrainingLoop.events)
      progress.finish()
    }

    /// An epoch's last update can spoil the weights without a loss that shows it.
    private func requireNumbers(_ trainee: some Trainee) throws(TrainingError) {
      guard !trainee.survivesDivergence else { return }
      for parameter in trainee.optimizers.flatMap(\.parameters)
      where !parameter.tensor.values.allSatisfy(\.isFinite) {
        throw .notFinite(
          what: "'\(parameter.key)' of \(trainee.label)", step: position.step,
          remedy: "lower the learning rate, then use --restart")
      }
    }

    private mutating func finishEpoch<T: Trainee>(
      _ trainee: T, of batches: any BatchSource<T.Batch>
    ) throws {
      var batches = batches
      let skippedBefore = position.skippedImages
      while let batch = try saving(trainee, { try batches.next() }) {
        position.skippedImages = skippedBefore + batches.skippedImages
        if var loss = try trainee.gradients(batch, at: position) {
          try loop.reduce(trainee.optimizers, &loss)
          let event = try trainee.update(loss: loss, at: position)
          try note(event)
          position.step += 1
          progress.advance(by: trainee.imagesPerBatch, extra: event.progress)
        }
        position.batch += 1
        if try ranks.any(Interruption.isRequested) {
          try save(trainee)
          throw InterruptedError()
        }
        if isDue(after: loop.saveInterval), position.batch < trainee.batchesPerEpoch {
          try save(trainee)
        }
      }
      position.skippedImages = skippedBefore + batches.skippedImages
    }

    /// Loads or measures; when that fails, the state is saved first.
    private mutating func saving<Result>(
      _ trainee: some Trainee, _ body: () throws -> Result
    ) throws -> Result {
      do {
        return try body()
      } catch let error as TrainingError {
        // A network that diverged is no state to go on from.
        throw error
      } catch {
        // The error at hand says more than one of saving.
        try? save(trainee)
        throw error
      }
    }

    private mutating func note(_ event: TrainingEvent) throws(FileError) {
      if !event.rows.isEmpty { try loop.run.append(event.rows, to: TrainingLoop.events) }
      eventCount += event.rows.count
      if let warning = event.warning, !loop.isQuiet { Console.error("\nwarning: \(warning)") }
    }

    private func isDue(after seconds: Double) -> Bool {
      loop.state != nil && (seconds <= 0 || sinceSave.seconds > seconds)
    }

    private mutating func save(_ trainee: some Trainee) throws {
      // All processes have the same state; the first one keeps it.
      guard ranks.isRoot, let state = loop.state, case .object(var facts) = trainee.facts else {
        return
      }
      // Every line that the state counts is on disk before it.
      try loop.run.synchronize(TrainingLoop.events)
      facts["position"] = position.json
      facts["events"] = .integer(eventCount)
      try state.save(trainee.state, facts: .object(facts))
      sinceSave = Stopwatch()
    }
  }
}
