import CommandLine
import FileSupport
import Foundation
import Loading
import Models
import TestSupport
import Testing
import Training

@testable import Harness

/// States whose checksum is right and whose numbers are not.
@Suite("States of trainings that say what cannot be", .serialized, .timeLimit(.minutes(5)))
struct StateTrialTests {
  private let folder: TemporaryDirectory
  private let trials: [StateTrial]

  init() throws {
    folder = try TemporaryDirectory()
    trials = try StateTrial.all(in: folder.path)
  }

  private func trial(_ name: String) throws -> StateTrial {
    try #require(trials.first { $0.name == name })
  }

  /// Saves a state again with one tensor changed, and the right checksum.
  private func save(_ trial: StateTrial, _ suffix: String, _ value: Float) throws {
    let file = try CheckpointFile(path: trial.state.path)
    let facts = try #require(JSONValue(parsing: Array((file.metadata["facts"] ?? "").utf8)))
    var isChanged = false
    let tensors = file.entries.map { entry -> StateTensor in
      var values = entry.tensor.floats()
      if entry.key.hasSuffix(suffix) { (values[0], isChanged) = (value, true) }
      return (entry.key, entry.tensor.shape, values)
    }
    #expect(isChanged, "no tensor ends with \(suffix)")
    try trial.state.save(tensors, facts: facts)
  }

  @Test(
    "Every trial goes on from its middle",
    arguments: ["linear", "moby", "moco-v2", "dino", "supervised"])
  func sound(_ name: String) throws {
    let trial = try trial(name)
    #expect(FileManager.default.fileExists(atPath: trial.state.path))
    try trial.train()
  }

  @Test(
    "A place in the queue that no batch begins at, and counts that are none, are refused",
    arguments: [
      ("queue_ptr", Float(3)), ("num_batches_tracked", .nan),
      ("num_batches_tracked", .infinity), ("step_count", -1), ("step_count", .nan),
    ])
  func tensors(_ key: String, _ value: Float) throws {
    let trial = try trial("moby")
    try save(trial, key, value)
    let error = #expect(throws: FileError.self) { try trial.train() }
    #expect(error?.description.contains(key) == true, "\(String(describing: error))")
    #expect(error?.remedy.contains("--restart") == true)
  }

  @Test(
    "An event of an epoch that the run does not have is refused", arguments: [0, -1, 3, 1 << 40])
  func events(_ epoch: Int) throws {
    let trial = try trial("moby")
    let path = trial.folder + "/events.jsonl"
    let rows = try RecordLines.read(path).rows.map { row -> JSONValue in
      guard case .object(var members) = row, members["loss"] != nil else { return row }
      members["epoch"] = .integer(epoch)
      return .object(members)
    }
    try AtomicFile.write(text: rows.map(RecordLines.line).joined(), to: path)
    let error = #expect(throws: FileError.self) { try trial.train() }
    #expect(error?.description.contains("epochs of its events") == true)
  }

  @Test("Kept features whose classes are not those of the images are not used")
  func features() throws {
    let path = try trial("linear").features[0]
    let truth: [Int32] = [0, 1, 0, 1, 0, 1, 0, 1]
    #expect(FeatureMatrix(path: path, key: "key", truth: truth)?.count == 8)
    #expect(FeatureMatrix(path: path, key: "key", truth: truth.reversed()) == nil)
    #expect(FeatureMatrix(path: path, key: "key", truth: Array(truth.prefix(7))) == nil)
  }

  @Test("Every command has a trial that parses what its example would")
  func commands() throws {
    #expect(CommandTrial.all.count >= 17)
    let linear = try #require(CommandTrial.all.first { $0.name == "bench-linear" })
    #expect(try linear.run(["--epochs", "7"]).contains("epochs: 7"))
    let method = try #require(linear.options.first { $0.name == "preset" })
    #expect(method.choices == ["smoke", "mini", "full"] && method.takesValue)
    let pretrain = try #require(CommandTrial.all.first { $0.name == "bench-pretrain" })
    #expect(try pretrain.run(["--temperature", "0.25"]).contains("temperature: 0.25"))
    let evaluate = try #require(CommandTrial.all.first { $0.name == "bench-coco evaluate" })
    #expect(evaluate.options.filter(\.isRequired).map(\.name) == ["ground-truth", "detections"])
  }
}
