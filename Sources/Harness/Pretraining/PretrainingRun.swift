import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Models
import Reporting
import TensorCore
import Threads
import Training
import VisionData

/// Pretrains one backbone, from a plan to a checkpoint, and goes on where it was stopped.
///
///     protocol.json      every resolved setting
///     state.safetensors  where the run is; removed at the end
///     events.jsonl       curves: loss, rates, health, the probe of each epoch
///     <name>.pth         the checkpoint in the layout of MoBY's files, protocol inside
///     <name>.safetensors the same tensors
///     result.json        curves and probe, for reports
///     timing.json        what may differ from run to run
public final class PretrainingRun {
  /// What came out.
  public struct Outcome {
    /// The checkpoint.
    public let path: String
    /// Curves and probe.
    public let result: RunResult
  }

  private let plan: PretrainingPlan
  private let data: ClassificationData
  private let dataName: String
  private let manifest: String
  private let order: [Int]
  private let stepsPerEpoch: Int
  /// Seconds between two saved states within an epoch.
  private let saveInterval: Double
  private let isQuiet: Bool

  /// Prepares a run.
  ///
  /// - Throws: `UsageError` when plan and data do not fit.
  public init(
    _ plan: PretrainingPlan, data: ClassificationData, dataName: String,
    saveInterval: Double = 600, isQuiet: Bool = false
  ) throws {
    self.plan = plan
    self.data = data
    self.dataName = dataName
    self.saveInterval = saveInterval
    self.isQuiet = isQuiet
    order = data.train.evenly(plan.limit)
    manifest = data.train.manifestHash()
    let recipe = plan.recipe
    stepsPerEpoch = order.count / max(1, recipe.batchSize)
    guard stepsPerEpoch > 0 else {
      throw UsageError.conflict(
        "--batch-size \(recipe.batchSize) is more than the \(order.count) training images.")
    }
    if let problem = recipe.settings.problem(batchSize: recipe.batchSize) {
      throw UsageError.conflict(problem)
    }
  }

  private var information: [String: String] {
    [
      "name": dataName, "train": manifest, "train images": String(order.count),
      "classes": String(data.train.classNames.count),
    ]
  }

  /// The run's result before it has any numbers.
  private var blank: RunResult {
    RunResult(
      task: "pretraining",
      backbone: ["name": plan.recipe.method.title, "architecture": plan.architecture.name],
      data: information, settings: plan.settings)
  }

  /// Names the run by everything that decides its weights.
  public var key: String { blank.key.digest }

  private var slug: String {
    let network = plan.architecture.name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
    return "\(plan.recipe.method.rawValue)_\(String(network))_ep\(plan.recipe.epochs)"
  }

  /// The run's folder under `output`.
  public func folder(in output: String) -> String {
    "\(output)/pretrain-\(slug)-\(key.prefix(12))"
  }

  private func makeEngine() -> PretrainingEngine {
    PretrainingEngine(
      plan.recipe, architecture: plan.architecture, inputSize: plan.inputSize,
      classCount: data.train.classNames.count, stepsPerEpoch: stepsPerEpoch,
      seed: UInt64(plan.seed), chunkSize: plan.chunkSize)
  }

  /// What the run will take; measured on networks of its own.
  func forecast() throws -> Forecast {
    try Forecast.measure(plan, data: data, order: order, stepsPerEpoch: stepsPerEpoch)
  }

  /// Trains, or finds what an earlier run finished.
  ///
  /// - Parameters:
  ///   - output: Where runs are kept.
  ///   - restarts: Begins again whatever is there.
  ///   - forecasts: Measures and says first what the run will take.
  /// - Throws: What loading, training and writing throw; `InterruptedError` after the state was
  ///   saved.
  public func run(
    in output: String, restarts: Bool = false, forecasts: Bool = false
  ) throws -> Outcome {
    let run = try RunDirectory(path: folder(in: output))
    let path = "\(run.path)/\(slug).pth"
    if !restarts, FileManager.default.fileExists(atPath: path),
      let known = try? RunResult(path: run.path + "/result.json")
    {
      return Outcome(path: path, result: known)
    }
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    if restarts { state.remove() }
    if forecasts {
      let forecast = try forecast()
      if !isQuiet { Console.error(forecast.text) }
      try forecast.check(folder: run.path)
    }
    try run.write(blank.key.document, to: "protocol.json")
    let started = Date()
    let training = PretrainingTraining(plan, data: data, order: order, engine: makeEngine())
    var loop = TrainingLoop(run: run, state: state)
    loop.saveInterval = saveInterval
    loop.isQuiet = isQuiet
    let (position, resumedAt) = try loop.train(training)
    let result = try finish(training, position, run, path: path)
    try run.write(
      .object([
        "seconds": .number((Date().timeIntervalSince(started) * 10).rounded() / 10),
        "steps": .integer(position.step - resumedAt),
        "threads": .integer(ThreadPool.shared.threadCount), "blas core": .string(BLAS.coreName),
        "command": .string(Command.line),
      ]), to: "timing.json")
    state.remove()
    return Outcome(path: path, result: result)
  }

  // MARK: The end

  private func finish(
    _ training: PretrainingTraining, _ position: TrainingPosition, _ run: RunDirectory,
    path: String
  ) throws -> RunResult {
    let engine = training.engine
    let metadata = [
      (key: "protocol", value: JSONValue.object(plan.settings.mapValues { .string($0) }).text()),
      (key: "method", value: plan.recipe.method.rawValue),
      (key: "published_branch", value: engine.method.publishedBranch.rawValue),
      (key: "epoch", value: String(plan.recipe.epochs)),
      (key: "data", value: "\(dataName), \(order.count) images, \(manifest)"),
    ]
    let entries = engine.exported
    try CheckpointWriter.write(
      entries, metadata: metadata,
      to: (path as NSString).deletingPathExtension + ".safetensors")
    var result = blank
    training.curves.summarize(into: &result)
    if position.skippedImages > 0 {
      result.notes.append(
        "\(position.skippedImages) times an image could not be decoded; its batch was left out")
    }
    // The checkpoint last: it says that all the rest is there.
    try run.write(result.json, to: "result.json")
    try CheckpointWriter.write(entries, metadata: metadata, to: path)
    return result
  }
}
