import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Reporting
import Runs
import Training

/// Trains and scores the candidates of a task, one network a seed.
struct FineTuning<Task: FineTuningTask> {
  /// A finished candidate.
  struct Outcome {
    let result: RunResult
    /// One a seed.
    let records: [Task.Records]
    let network: Task.Network

    /// What the network's numbers are tested on.
    var outcomes: MethodOutcomes {
      MethodOutcomes(
        name: result.backbone["name"] ?? "?", trainings: records.map(\.resampled),
        isTrained: result.settings["seeds"] != nil)
    }
  }

  /// A network before its training, and what tells it from others.
  private struct Start {
    var network: Task.Network
    var identity: [String: String]
    var settings: [String: String]
  }

  let task: Task
  let options: FineTuningOptions
  let context: RunContext
  /// What a reader must know of the data.
  let notes: [String]

  /// Measures a candidate, or finds what an earlier run measured.
  ///
  /// - Throws: What loading, training and scoring throw.
  func outcome(of candidate: Candidate) throws -> Outcome {
    let seeds = options.evaluatesOnly ? Array(options.seeds.prefix(1)) : options.seeds
    var start = try start(candidate, seed: seeds[0])
    if case .backbone(_, nil, _) = candidate {
      start.identity["sha256"] = "random, seed " + seeds.map(String.init).joined(separator: ", ")
    }
    if !options.evaluatesOnly { start.settings["seeds"] = seeds.argument }
    start.settings["on-bad-image"] = options.data.onBadImage.rawValue
    var result = RunResult(
      task: Task.description.name, backbone: start.identity, data: task.dataIdentity,
      settings: start.settings)
    let session = try RunSession(
      result, name: "\(Task.description.name)-\(candidate.slug)",
      scoring: ["resamples": String(options.resamples), "seed": String(seeds[0])],
      options: options.run)
    // One network fills the run's folder; of several each has a folder of its own in it.
    let runs = try seeds.map { seed in
      seeds.count == 1
        ? session.directory : try RunDirectory(path: "\(session.path)/seed-\(seed)")
    }
    if let finished = session.finished {
      return Outcome(
        result: finished, records: try runs.map(task.records), network: start.network)
    }
    var records: [Task.Records] = []
    for (seed, run) in zip(seeds, runs) {
      if seed != seeds[0] { start = try self.start(candidate, seed: seed) }
      let label = candidate.title + (seeds.count > 1 ? " seed \(seed)" : "")
      if !options.evaluatesOnly {
        try session.timed("training") {
          try train(start.network, seed: seed, key: session.key.digest, in: run, label: label)
        }
      }
      records.append(
        try session.timed("scoring") { try task.score(start.network, in: run, label: label) })
    }
    result.notes = notes
    let isTrained = !options.evaluatesOnly
    if let note = task.deviations(start.network, isTrained: isTrained)
      .note(from: isTrained ? "the published recipe" : "the published test")
    {
      result.notes.append(note)
    }
    if case .backbone(_, _, let note?) = candidate { result.notes.append(note) }
    for run in runs { try task.images.write(to: run.path) }
    try session.timed("intervals") { try summarize(records, seeds, runs, into: &result) }
    let names =
      Task.description.recordFiles + Task.otherFiles
      + (options.evaluatesOnly ? [] : [RunEvent.file])
    try session.finish(
      &result,
      files: runs.flatMap { run in
        names.map { String((run.path + "/" + $0).dropFirst(session.path.count + 1)) }
      })
    return Outcome(result: result, records: records, network: start.network)
  }

  private func start(_ candidate: Candidate, seed: Int) throws -> Start {
    func identity(_ architecture: String, _ report: LoadReport?) -> [String: String] {
      var members = ["name": candidate.title, "architecture": architecture]
      members["sha256"] = report?.sha256
      members["method"] = report?.method
      if let report { members["known by"] = report.origins.joined(separator: "; ") }
      if case .backbone = candidate { members["layout"] = report?.layout }
      if let report, seed == options.seeds[0] { context.say(report.summary) }
      return members
    }
    switch candidate {
    case .network(_, let path):
      let loaded = try load(path)
      let (network, report) = (loaded.network, loaded.report)
      try report.requireUsualPixels()
      var settings = task.testSettings(network)
      if !options.evaluatesOnly {
        settings = task.trainingSettings(network)
        settings["start"] = "whole \(Task.Network.file.kind)"
      }
      return Start(
        network: network, identity: identity(report.architecture, report), settings: settings)
    case .backbone(_, let path, _):
      let named = options.backboneArchitecture
      let loaded = try path.map { path in
        try BackboneLoader.load(
          path: path, branch: options.backbone.branch,
          claim: NetworkClaim(architecture: named, isDense: true),
          allowsPartial: options.backbone.allowsPartial)
      }
      var configuration = task.configuration
      // The file says which network it is, unless the user names a Swin with its windows.
      if let loaded, named == nil || loaded.backbone is VisionTransformer {
        configuration.backbone = loaded.backbone.architecture
      }
      let network = Task.Network(configuration, initializer: Initializer(seed: UInt64(seed)))
      let report = try loaded.map { loaded in
        var report = loaded.report
        report.note(resized: try network.backbone.takeWeights(of: loaded))
        return report
      }
      try report?.requireUsualPixels()
      var settings = task.trainingSettings(network)
      settings["branch"] = options.backbone.branch.rawValue
      return Start(
        network: network, identity: identity(network.backbone.architecture.name, report),
        settings: settings)
    }
  }

  /// A whole network that tells the data's classes apart.
  private func load(_ path: String) throws -> LoadedNetwork<Task.Network> {
    let loaded = try Task.Network.load(path: path, allowsPartial: options.backbone.allowsPartial)
    let (names, source) = task.classes
    try loaded.expectClasses(names, count: loaded.network.classCount, of: source)
    try task.accept(loaded.network, from: path)
    return loaded
  }

  /// Trains, or takes over the finished network of an earlier process.
  private func train(
    _ network: Task.Network, seed: Int, key: String, in run: RunDirectory, label: String
  ) throws {
    let path = "\(run.path)/\(Task.Network.file.kind).pth"
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    if FileManager.default.fileExists(atPath: path) {
      network.copyParameters(from: try Task.Network.load(path: path).network)
      network.setTraining(false)
    } else {
      var loop = TrainingLoop(run: run, state: state)
      loop.saveInterval = options.saveMinutes * 60
      loop.isQuiet = options.run.engine.quiet
      if let training = task.training(network, seed: seed, label: label) {
        _ = try loop.train(training)
      }
      try network.write(
        metadata: [
          ("recipe", task.recipeTitle), ("classes", task.classes.names.joined(separator: ",")),
        ], to: path)
    }
    state.remove()
  }

  /// Intervals over images; of several networks over images and trainings.
  private func intervals(_ records: [Task.Records]) -> [String: Interval] {
    let own = records.map(\.resampled)
    let names = Task.description.intervalMetrics
    guard own.count > 1 else {
      return Task.description.intervals(
        of: own[0], resampleCount: options.resamples, seed: UInt64(options.seeds[0]))
    }
    var intervals: [String: Interval] = [:]
    for name in names where own[0].images.count >= Bootstrap.fewestImages {
      let values = own.compactMap { $0.imageValues(of: name) }
      guard values.count == own.count, values.allSatisfy({ $0[0].isFinite }) else { continue }
      // No score lies outside of these, however few trainings there were.
      intervals[name] = SeededNumber(values).interval().clamped(to: 0...1)
    }
    return intervals
  }

  /// Means over seeds with intervals; several seeds also each by itself.
  private func summarize(
    _ records: [Task.Records], _ seeds: [Int], _ runs: [RunDirectory], into result: inout RunResult
  ) throws {
    let metrics = records.map(task.metrics)
    for (name, first) in metrics[0] {
      let values = metrics.map { $0[name]?.value ?? .nan }
      result.metrics[name] = MetricValue(Spread(values).mean, count: first.count)
      guard seeds.count > 1 else { continue }
      result.metrics[name + "_seed_deviation"] = MetricValue(
        Spread(values).deviation, count: seeds.count)
      for (seed, value) in zip(seeds, values) {
        result.metrics["\(name)_seed\(seed)"] = MetricValue(value, count: first.count)
      }
    }
    for (name, interval) in intervals(records) { result.metrics[name]?.interval = interval }
    try task.describe(records[0], into: &result)
    for (seed, run) in zip(seeds, runs) {
      let losses = try run.rows(RunEvent.file).compactMap { RunEvent($0)?.values["loss"] }
      let tail = seeds.count > 1 ? "_seed\(seed)" : ""
      if !losses.isEmpty { result.curves["loss" + tail] = losses }
    }
  }
}
