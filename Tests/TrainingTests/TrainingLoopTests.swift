import FileSupport
import Foundation
import Layers
import Runs
import TensorCore
import TestSupport
import Testing
import Training

private struct Stop: Error {}
private struct Unreadable: Error {}

/// A line is fitted to points that follow from their number: small, and with all that a loop needs.
private final class LineFit: Trainee {
  let label = "line"
  let epochCount = 3, batchesPerEpoch = 5, imagesPerBatch = 2
  let weight = Tensor([0.5], shape: [1])
  let optimizer: AdamW
  var epochs: [Double] = []
  var failsAt: Int?
  var failsToMeasure = false
  /// What the last update makes of the weight.
  var spoils: Float?

  init() {
    optimizer = AdamW([OptimizedParameter(key: "weight", tensor: weight)], learningRate: 0)
    weight.requiresGradient = true
  }

  var optimizers: [any Optimizer] { [optimizer] }

  struct Numbers: BatchSource {
    var rest: Range<Int>
    let failsAt: Int?
    var skippedImages = 0
    mutating func next() throws -> Int? {
      guard let number = rest.first else { return nil }
      if number == failsAt { throw Unreadable() }
      rest = rest.dropFirst()
      if number % 7 == 3 { skippedImages += 1 }
      return number
    }
  }

  func batches(epoch: Int, from batch: Int) -> any BatchSource<Int> {
    Numbers(rest: epoch * 5 + batch..<epoch * 5 + 5, failsAt: failsAt)
  }

  func gradients(_ batch: Int, at position: TrainingPosition) -> Float? {
    // One batch in seven makes no update.
    guard batch % 7 != 3 else { return nil }
    let error = weight.item - Float(batch)
    weight.gradient = Tensor([2 * error], shape: [1])
    return error * error
  }

  func update(loss: Float, at position: TrainingPosition) -> TrainingEvent {
    optimizer.update(rate: 0.1)
    if let spoils, position.epoch == 2, position.batch == 4 { weight.assign([spoils]) }
    return TrainingEvent([
      .object(["step": .integer(position.step), "loss": .number(Double(loss))])
    ])
  }

  func epochDidEnd(at position: TrainingPosition) throws -> TrainingEvent {
    if failsToMeasure { throw Unreadable() }
    epochs.append(Double(weight.item))
    return TrainingEvent([.object(["epoch": .integer(position.epoch)])])
  }

  var state: [StateTensor] {
    [("weight", [1], weight.values)]
      + optimizer.state.map { ("optimizer." + $0.key, $0.tensor.shape, $0.tensor.values) }
  }

  var facts: JSONValue { .object(["epochs": .array(epochs.map { .number($0) })]) }

  func restore(
    _ stored: TrainingState.Contents, at position: TrainingPosition, events: [JSONValue]
  ) {
    if let values = stored.tensors["weight"] { weight.assign(values) }
    for (key, tensor) in optimizer.state {
      if let values = stored.tensors["optimizer." + key] { tensor.assign(values) }
    }
    optimizer.stepCount = position.step
    epochs = stored.facts["epochs"]?.arrayValue?.compactMap(\.doubleValue) ?? []
  }
}

@Suite("The training loop", .timeLimit(.minutes(5)))
struct TrainingLoopTests {
  private func loop(_ folder: String, key: String = "key") throws -> TrainingLoop {
    let run = try RunDirectory(path: folder)
    var loop = TrainingLoop(
      run: run, state: TrainingState(path: folder + "/state.safetensors", key: key))
    loop.saveInterval = 0
    loop.isQuiet = true
    return loop
  }

  @Test("A training stopped at any step ends in the same numbers and lines", arguments: 0..<13)
  func resume(stop: Int) throws {
    let folder = try TemporaryDirectory()
    let whole = LineFit()
    let end = try loop(folder.file("whole")).train(whole)
    #expect(end.position.step == 13 && end.position.skippedImages == 2 && end.resumedAt == 0)
    var cut = try loop(folder.file("cut"))
    var steps = 0
    cut.reduce = { _, _ in
      if steps == stop { throw Stop() }
      steps += 1
    }
    #expect(throws: Stop.self) { try cut.train(LineFit()) }
    let rest = LineFit()
    cut.reduce = { _, _ in }
    let last = try cut.train(rest)
    #expect(last.resumedAt == stop && last.position == end.position)
    #expect(rest.weight.values == whole.weight.values && rest.epochs == whole.epochs)
    #expect(
      try FileBytes.read(folder.file("cut/events.jsonl"))
        == FileBytes.read(folder.file("whole/events.jsonl")))
  }

  @Test("Lines written after the state are cut off; lost ones are an error")
  func events() throws {
    let folder = try TemporaryDirectory()
    let cut = try stopped(folder.file("run"), at: 4)
    #expect(try cut.run.rows("events.jsonl").count == 5)
    try cut.run.append([.object(["step": .integer(99)])], to: "events.jsonl")
    _ = try cut.train(LineFit())
    #expect(try cut.run.rows("events.jsonl").count == 16)
    let other = try stopped(folder.file("other"), at: 4)
    try other.run.restart("events.jsonl")
    let error = #expect(throws: FileError.self) { try other.train(LineFit()) }
    #expect(error?.problem.contains("lines that belong to the saved state") == true)
  }

  /// A loop whose training was stopped after some steps.
  @discardableResult
  private func stopped(_ folder: String, at stop: Int) throws -> TrainingLoop {
    var cut = try loop(folder)
    var steps = 0
    cut.reduce = { _, _ in
      if steps == stop { throw Stop() }
      steps += 1
    }
    #expect(throws: Stop.self) { try cut.train(LineFit()) }
    cut.reduce = { _, _ in }
    return cut
  }

  @Test("A last update that spoils the weights is an error, though no loss shows it")
  func spoiledWeights() throws {
    let folder = try TemporaryDirectory()
    for (name, value) in [("nan", Float.nan), ("infinity", .infinity)] {
      let line = LineFit()
      line.spoils = value
      let error = try #require(throws: TrainingError.self) {
        try loop(folder.file(name)).train(line)
      }
      #expect("\(error)".contains("'weight' of line"), "\(error)")
    }
  }

  @Test("An error of loading leaves a state behind")
  func unreadable() throws {
    let folder = try TemporaryDirectory()
    var first = try loop(folder.file("run"))
    first.saveInterval = 1000
    let failing = LineFit()
    failing.failsAt = 9
    #expect(throws: Unreadable.self) { try first.train(failing) }
    #expect(try first.train(LineFit()).resumedAt == 8)
  }

  @Test("An error of measuring leaves a state, and only the measuring is done again")
  func unmeasured() throws {
    let folder = try TemporaryDirectory()
    let whole = LineFit()
    _ = try loop(folder.file("whole")).train(whole)
    var first = try loop(folder.file("run"))
    first.saveInterval = 1000
    let failing = LineFit()
    failing.failsToMeasure = true
    #expect(throws: Unreadable.self) { try first.train(failing) }
    let rest = LineFit()
    #expect(try first.train(rest).resumedAt == 4)
    #expect(rest.weight.values == whole.weight.values && rest.epochs == whole.epochs)
    #expect(
      try first.run.rows("events.jsonl")
        == RunDirectory.rows(folder.file("whole/events.jsonl")))
  }

  @Test("Lines newer than an old state are written again, the same", arguments: 5..<13)
  func oldState(stop: Int) throws {
    let folder = try TemporaryDirectory()
    _ = try loop(folder.file("whole")).train(LineFit())
    var cut = try stopped(folder.file("run"), at: 3)
    let bytes = try FileBytes.read(folder.file("run/state.safetensors"))
    var steps = 3
    cut.reduce = { _, _ in
      if steps == stop { throw Stop() }
      steps += 1
    }
    #expect(throws: Stop.self) { try cut.train(LineFit()) }
    try AtomicFile.write(bytes, to: folder.file("run/state.safetensors"))
    cut.reduce = { _, _ in }
    #expect(try cut.train(LineFit()).resumedAt == 3)
    #expect(
      try FileBytes.read(folder.file("run/events.jsonl"))
        == FileBytes.read(folder.file("whole/events.jsonl")))
  }

  @Test("A position beyond the training, or of numbers that no training reaches, is refused")
  func positions() throws {
    let folder = try TemporaryDirectory()
    let cut = try stopped(folder.file("run"), at: 4)
    let state = try #require(cut.state)
    let sound = try #require(try state.restore(expected: LineFit().state))
    let tensors = LineFit().state.map { ($0.key, $0.shape, sound.tensors[$0.key] ?? []) }
    guard case .object(let facts) = sound.facts, case .object(let position)? = facts["position"]
    else {
      Issue.record("no facts in \(sound.facts.text())")
      return
    }
    for (name, value) in [
      ("epoch", 4), ("batch", 6), ("step", Int.max), ("skipped", Int.max), ("epoch", -1),
      ("step", -1), ("batch", Int.min),
    ] {
      var changed = (facts, position)
      changed.1[name] = .integer(value)
      changed.0["position"] = .object(changed.1)
      try state.save(tensors, facts: .object(changed.0))
      let error = #expect(throws: FileError.self, "\(name) \(value)") { try cut.train(LineFit()) }
      #expect(error?.problem == "does not say where the training was")
    }
    try state.save(tensors, facts: sound.facts)
    #expect(try cut.train(LineFit()).resumedAt == 4)
  }

  @Test("A state that is altered anywhere, cut, or of another run is refused before it is used")
  func refused() throws {
    let folder = try TemporaryDirectory()
    try stopped(folder.file("run"), at: 6)
    let path = folder.file("run/state.safetensors")
    let bytes = try FileBytes.read(path)
    let fresh = LineFit()
    let before = try #require(
      try TrainingState(path: path, key: "key").restore(expected: fresh.state))
    func refuses(
      _ changed: [UInt8], key: String = "key", expected: [StateTensor]? = nil
    ) throws -> Bool {
      try Data(changed).write(to: URL(fileURLWithPath: path))
      let stored: TrainingState.Contents?
      do {
        stored = try TrainingState(path: path, key: key).restore(expected: expected ?? fresh.state)
      } catch {
        #expect(error.path == path && error.remedy.contains("--restart"))
        return true
      }
      #expect(stored?.tensors == before.tensors && stored?.facts == before.facts)
      return false
    }
    #expect(try !refuses(bytes))
    for place in bytes.indices {
      for bit in [0, 2, 5, 7] {
        var changed = bytes
        changed[place] ^= 1 << UInt8(bit)
        #expect(try refuses(changed), "bit \(bit) of byte \(place)")
      }
    }
    // Another version, and tensors of other names and shapes.
    let older = bytes.replacing(
      Array("\"state\":\"2\"".utf8), with: Array("\"state\":\"1\"".utf8))
    #expect(older != bytes)
    #expect(try refuses(older))
    var expected = fresh.state
    expected[0].shape = [1, 1]
    #expect(try refuses(bytes, expected: expected))
    expected[0] = ("other", [1], [0])
    #expect(try refuses(bytes, expected: expected))
    #expect(try refuses(bytes, expected: Array(fresh.state.dropLast())))
    for length in stride(from: 0, to: bytes.count, by: 7) {
      #expect(try refuses(Array(bytes.prefix(length))), "cut to \(length)")
    }
    #expect(try refuses(bytes, key: "another"))
  }
}
