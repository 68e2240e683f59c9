import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Layers
import Models
import Processes
import Reporting
import Runs
import TensorCore
import Threads
import Training
import VisionData

/// Pretrains one backbone, from a plan to a checkpoint, and goes on where it was stopped.
///
///     protocol.json      everything that decides the weights
///     manifest.json      hashes of data and engine
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
  /// Hash of the validation images, where a probe of epochs scores them.
  private let probed: String?
  private let order: [Int]
  private let stepsPerEpoch: Int
  /// Seconds between two saved states within an epoch.
  private let saveInterval: Double
  private let isQuiet: Bool

  /// Prepares a run.
  ///
  /// - Parameter digests: The images' contents.
  /// - Throws: `UsageError` when plan and data do not fit, or the plan no memory.
  public init(
    _ plan: PretrainingPlan, data: ClassificationData, dataName: String,
    digests: FileDigests = FileDigests(folder: nil), saveInterval: Double = 600,
    isQuiet: Bool = false
  ) throws {
    self.plan = plan
    self.data = data
    self.dataName = dataName
    self.saveInterval = saveInterval
    self.isQuiet = isQuiet
    try Self.check(plan, data: data)
    order = data.train.evenly(plan.limit)
    stepsPerEpoch = plan.stepsPerEpoch(of: data.train.count)
    manifest = data.train.manifestHash(digests)
    let probe = EpochProbe(
      data: data, limit: plan.probeLimit, inputSize: plan.inputSize, policy: plan.onBadImage)
    probed = probe?.validation.manifestHash(digests)
  }

  /// Refuses a plan that does not fit its data or the memory, before anything is hashed.
  ///
  /// - Throws: `UsageError`.
  static func check(_ plan: PretrainingPlan, data: ClassificationData) throws {
    let recipe = plan.recipe
    guard plan.stepsPerEpoch(of: data.train.count) > 0 else {
      throw UsageError.conflict(
        "--batch-size \(recipe.batchSize) is more than the "
          + "\(plan.imageCount(of: data.train.count)) training images.")
    }
    if let problem = recipe.settings.problem(batchSize: recipe.batchSize) {
      throw UsageError.conflict(problem)
    }
    try MemoryFloor(
      plan, featureCount: plan.architecture.featureCount,
      classCount: data.train.classNames.count
    ).check(plan)
  }

  private var information: [String: String] {
    var information = [
      "name": dataName, "train": manifest, "train images": String(order.count),
      "classes": data.train.classNames.isEmpty ? "none" : String(data.train.classNames.count),
    ]
    // The curve of the probe is of these images; not "validation", which reports take for the images
    // that a run is judged by.
    information["probe"] = probed
    return information
  }

  /// What the run will say of itself; the numbers are still to come.
  private var blank: RunResult {
    RunResult(
      task: TaskDescription.pretraining.name,
      backbone: ["name": plan.recipe.method.title, "architecture": plan.architecture.name],
      data: information, settings: plan.settings)
  }

  private var slug: String {
    let network = RelativePath.slug(plan.architecture.name)
    return "\(plan.recipe.method.rawValue)_\(network)_ep\(plan.recipe.epochs)"
  }

  private func makeEngine(_ groups: ImageGroups) -> PretrainingEngine {
    PretrainingEngine(
      plan.recipe, architecture: plan.architecture, inputSize: plan.inputSize,
      classCount: data.train.classNames.count, stepsPerEpoch: stepsPerEpoch,
      seed: UInt64(plan.seed), chunkSize: plan.chunkSize, groups: groups)
  }

  private var name: String { "pretrain-\(slug)" }

  /// The run's folder.
  func path(_ options: RunOptions) -> String {
    RunSession.path(blank.key().digest, name: name, in: options.output)
  }

  /// Whether an earlier process finished the run; what it left is checked when it is taken.
  func isFinished(_ options: RunOptions) -> Bool {
    !options.restarts && FileManager.default.fileExists(atPath: path(options) + "/result.json")
  }

  /// What the run will take; measured on networks of its own.
  func forecast() throws -> Forecast {
    try Forecast.measure(plan, data: data, order: order, stepsPerEpoch: stepsPerEpoch)
  }

  /// Trains, or finds what an earlier run finished.
  ///
  /// - Parameters:
  ///   - options: Where runs are kept, and whether this one begins again.
  ///   - forecasts: Measures and says first what the run will take.
  /// - Throws: What loading, training and writing throw; `InterruptedError` after the state was
  ///   saved.
  public func run(_ options: RunOptions, forecasts: Bool = false) throws -> Outcome {
    var result = blank
    let session = try RunSession(result, name: name, options: options)
    let path = "\(session.path)/\(slug).pth"
    if let finished = session.finished {
      return Outcome(path: path, result: finished)
    }
    let state = TrainingState(
      path: session.path + "/state.safetensors", key: session.key.digest)
    try Processes.rootFirst { try session.takeUp(state) }
    if forecasts {
      let forecast = try forecast()
      if !isQuiet { Console.error(forecast.text) }
      try forecast.check(folder: session.path)
    }
    let groups = try ImageGroups.shared(batchSize: plan.recipe.batchSize, count: plan.groups)
    let training = PretrainingTraining(plan, data: data, order: order, engine: makeEngine(groups))
    var loop = TrainingLoop(run: session.directory, state: state)
    loop.saveInterval = saveInterval
    loop.isQuiet = isQuiet
    let (position, resumedAt) = try session.timed("training") { try loop.train(training) }
    guard position.step > 0 else {
      state.remove()
      throw DatasetError(
        path: data.train.root,
        problem: "gave no batch of \(plan.recipe.batchSize) images that can all be decoded, so "
          + "nothing was trained",
        remedy: "run bench-data check on the data set and remove what it names")
    }
    try training.checkFeatures(at: position)
    session.note("steps", .integer(position.step - resumedAt))
    try writeCheckpoints(training.engine, to: path)
    training.curves.summarize(into: &result)
    if position.skippedImages > 0 {
      result.notes.append(
        "\(position.skippedImages) times an image could not be decoded; its batch was left out")
    }
    if training.probe != nil, training.curves.probes.isEmpty {
      result.notes.append("no image of the epochs' probe could be decoded; it has no number")
    }
    let names = [path, (path as NSString).deletingPathExtension + ".safetensors"]
      .map { ($0 as NSString).lastPathComponent }
    try session.finish(&result, files: ["events.jsonl"] + names)
    state.remove()
    return Outcome(path: path, result: result)
  }

  /// Writes the backbone in both formats, with the protocol inside.
  private func writeCheckpoints(_ engine: PretrainingEngine, to path: String) throws {
    let metadata = [
      (
        key: "protocol",
        value: JSONValue.object(plan.settings.mapValues { .string($0) }).text()
      ),
      (key: "method", value: plan.recipe.method.rawValue),
      (key: "published_branch", value: engine.method.publishedBranch.rawValue),
      (key: "epoch", value: String(plan.recipe.epochs)),
      (key: "data", value: "\(dataName), \(order.count) images, \(manifest)"),
    ]
    let entries = engine.exported
    try CheckpointWriter.write(
      entries, metadata: metadata,
      to: (path as NSString).deletingPathExtension + ".safetensors")
    try CheckpointWriter.write(entries, metadata: metadata, to: path)
  }
}
