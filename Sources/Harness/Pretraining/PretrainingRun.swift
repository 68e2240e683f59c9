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
    order = data.train.evenly(plan.limit > 0 ? plan.limit : nil)
    manifest = data.train.manifestHash()
    let recipe = plan.recipe
    stepsPerEpoch = order.count / max(1, recipe.batchSize)
    guard stepsPerEpoch > 0 else {
      throw UsageError.conflict(
        "--batch-size \(recipe.batchSize) is more than the \(order.count) training images.")
    }
    if recipe.usesQueue, recipe.queueSize % recipe.batchSize != 0 {
      throw UsageError.conflict(
        "--batch-size \(recipe.batchSize) does not divide the queue of \(recipe.queueSize) keys; "
          + "choose a divisor, or another --queue-size.")
    }
    if recipe.normGroups > 1, recipe.batchSize % recipe.normGroups != 0 {
      throw UsageError.conflict(
        "--norm-groups \(recipe.normGroups) does not divide the batch of \(recipe.batchSize).")
    }
  }

  private var information: [String: String] {
    [
      "name": dataName, "train": manifest, "train images": String(order.count),
      "classes": String(data.train.classNames.count),
    ]
  }

  /// Names the run by everything that decides its weights.
  public var key: String {
    SHA256.digest(
      JSONValue.object([
        "plan": .object(plan.settings.mapValues { .string($0) }), "form": .integer(1),
        "recipe": .string("\(plan.recipe)"),
        "data": .object(information.mapValues { .string($0) }),
      ]).text())
  }

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
    if restarts {
      try? FileManager.default.removeItem(atPath: run.path + "/" + PretrainingState.name)
    }
    if forecasts {
      let forecast = try forecast()
      if !isQuiet { Console.error(forecast.text) }
      try forecast.check(folder: run.path)
    }
    let engine = makeEngine()
    var progress = PretrainingProgress()
    if let left = try PretrainingState.restore(engine, key: key, from: run.path) {
      progress = left
      if !isQuiet {
        Console.error("going on after step \(left.step) of \(engine.totalSteps)")
      }
    }
    try run.write(.object(plan.settings.mapValues { .string($0) }), to: "protocol.json")
    let curves = try PretrainingCurves(run, upTo: progress)
    let started = Date()
    let resumedAt = progress.step
    try train(engine, &progress, curves, run)
    let result = try finish(engine, progress, curves, run, path: path)
    try run.write(
      .object([
        "seconds": .number((Date().timeIntervalSince(started) * 10).rounded() / 10),
        "steps": .integer(progress.step - resumedAt),
        "threads": .integer(ThreadPool.shared.threadCount), "blas core": .string(BLAS.coreName),
        "command": .string(Command.line),
      ]), to: "timing.json")
    try? FileManager.default.removeItem(atPath: run.path + "/" + PretrainingState.name)
    return Outcome(path: path, result: result)
  }

  // MARK: The loop

  private func train(
    _ engine: PretrainingEngine, _ progress: inout PretrainingProgress,
    _ curves: PretrainingCurves, _ run: RunDirectory
  ) throws {
    let recipe = plan.recipe
    let batchSize = recipe.batchSize
    let probe = EpochProbe(
      data: data, limit: plan.probeLimit, inputSize: plan.inputSize, policy: plan.onBadImage)
    let reporter = ProgressReporter(
      "\(recipe.method.title) \(plan.architecture.name)", total: engine.totalSteps * batchSize,
      unit: "images", resumedAt: progress.step * batchSize)
    var lastSave = Date()
    func save() throws {
      try curves.flush()
      try PretrainingState.save(engine, progress, key: key, to: run.path)
      lastSave = Date()
    }
    while progress.epoch < recipe.epochs {
      let epoch = progress.epoch
      let epochOrder = self.epochOrder(epoch)
      let skippedBefore = progress.skippedImages
      let loader = BatchLoader(
        folder: data.train, order: epochOrder, startBatch: progress.batch, transforms: plan.views,
        batchSize: batchSize, seed: UInt64(plan.seed), epoch: epoch, policy: plan.onBadImage)
      while let (views, labels, _) = try loader.nextViews() {
        progress.batch += 1
        progress.skippedImages = skippedBefore + loader.skipped.count
        // A batch that lost an image would not divide the queue and shift the norm's statistics.
        if labels.count == batchSize {
          let batch = makeBatch(views, labels, step: progress.step)
          let outcome = engine.step(batch, step: progress.step, epoch: epoch)
          guard outcome.loss.isFinite, outcome.gradientNorm.isFinite else {
            throw TrainingError.notFinite(
              what: "the \(outcome.loss.isFinite ? "gradient" : "loss") of \(recipe.method.title)",
              step: progress.step,
              remedy: "lower --base-learning-rate or raise --warmup-epochs, then use --restart")
          }
          if let warning = curves.record(
            outcome, engine: engine, step: progress.step, epoch: epoch), !isQuiet
          {
            Console.error("\nwarning: \(warning)")
          }
          progress.step += 1
          reporter.advance(by: batchSize, extra: curves.line(outcome, epoch: epoch))
        }
        if Interruption.isRequested {
          try save()
          throw InterruptedError()
        }
        if Date().timeIntervalSince(lastSave) > saveInterval, progress.batch < stepsPerEpoch {
          try save()
        }
      }
      progress.skippedImages = skippedBefore + loader.skipped.count
      if let probe {
        let top1 = try probe.top1(engine.method.publishedEncoder)
        curves.recordProbe(top1, epoch: epoch, step: progress.step)
      }
      progress.epoch += 1
      progress.batch = 0
      // Long epochs are worth a state each; short ones one now and then.
      if Date().timeIntervalSince(lastSave) > min(60, saveInterval) || saveInterval <= 0 {
        try save()
      }
    }
    reporter.finish()
  }

  /// The images of an epoch in order, whole batches only.
  private func epochOrder(_ epoch: Int) -> [Int] {
    var stream = RandomStream(seed: UInt64(plan.seed), purpose: .shuffle, epoch: epoch)
    let shuffled = stream.permutation(order.count).map { order[$0] }
    let repeated = RepeatedAugmentation(
      repeats: plan.recipe.repeats, rounding: plan.recipe.batchSize
    ).order(shuffled)
    return Array(repeated.prefix(stepsPerEpoch * plan.recipe.batchSize))
  }

  private func makeBatch(_ views: [Tensor], _ labels: [Int], step: Int) -> PretrainingBatch {
    guard plan.recipe.method == .supervised else { return PretrainingBatch(views: views) }
    let classes = data.train.classNames.count
    let mixing = plan.mixing
    let view = views[0]
    let (height, width) = (view.shape[2], view.shape[3])
    var stream = RandomStream(seed: UInt64(plan.seed), purpose: .mixing, epoch: step)
    let mix = mixing.draw(width: width, height: height, stream: &stream)
    MixupCutmix.apply(
      mix, to: view.pointer, count: labels.count, height: height, width: width)
    let targets = Tensor(
      mixing.targets(
        labels, classCount: classes, share: mix.share(width: width, height: height)),
      shape: [labels.count, classes])
    return PretrainingBatch(views: views, targets: targets)
  }

  // MARK: The end

  private func finish(
    _ engine: PretrainingEngine, _ progress: PretrainingProgress, _ curves: PretrainingCurves,
    _ run: RunDirectory, path: String
  ) throws -> RunResult {
    try curves.flush()
    let settings = plan.settings
    let metadata = [
      (key: "protocol", value: JSONValue.object(settings.mapValues { .string($0) }).text()),
      (key: "method", value: plan.recipe.method.rawValue),
      (key: "published_branch", value: engine.method.publishedBranch.rawValue),
      (key: "epoch", value: String(plan.recipe.epochs)),
      (key: "data", value: "\(dataName), \(order.count) images, \(manifest)"),
    ]
    let entries = engine.exported
    try CheckpointWriter.write(
      entries, metadata: metadata,
      to: (path as NSString).deletingPathExtension + ".safetensors")
    var result = RunResult(
      task: "pretraining",
      backbone: ["name": plan.recipe.method.title, "architecture": plan.architecture.name],
      data: information, settings: settings)
    curves.summarize(into: &result)
    if progress.skippedImages > 0 {
      result.notes.append(
        "\(progress.skippedImages) times an image could not be decoded; its batch was left out")
    }
    // The checkpoint last: it says that all the rest is there.
    try run.write(result.json, to: "result.json")
    try CheckpointWriter.write(entries, metadata: metadata, to: path)
    return result
  }
}
