import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Reporting
import Runs
import Scoring
import Training

/// Trains and scores the candidates of a task, one network a seed.
struct FineTuning<Task: FineTuningTask> {
  /// A finished candidate.
  struct Outcome: CandidateOutcome {
    var result: RunResult
    /// The run's folder.
    let folder: String
    /// One a seed.
    let records: [Task.Records]
    /// Nil where the backbone was left as it is.
    var network: Task.Network?

    /// What the network's numbers are tested on.
    var outcomes: MethodOutcomes {
      MethodOutcomes(
        name: result.backbone["name"] ?? "?", trainings: records.map(\.resampled),
        isTrained: result.settings["seeds"] != nil)
    }
  }

  /// A network before its training, and what tells it from others.
  struct Start {
    var network: Task.Network
    var identity: [String: String]
    var settings: [String: String]
  }

  let task: Task
  let options: FineTuningOptions
  let context: RunContext
  /// What a reader must know of the data.
  let notes: [String]

  /// One network is trained with each; without a training one of them names the run.
  var seeds: [Int] { options.evaluatesOnly ? Array(options.seeds.prefix(1)) : options.seeds }

  /// Measures a candidate, or finds what an earlier run measured.
  ///
  /// - Throws: What loading, training and scoring throw.
  func outcome(of candidate: Candidate) throws -> Outcome {
    var start = try start(candidate, seed: seeds[0])
    if case .backbone(_, nil, _) = candidate {
      start.identity["sha256"] = "random, seed " + seeds.map(String.init).joined(separator: ", ")
    }
    if !options.evaluatesOnly { start.settings["seeds"] = seeds.argument }
    if !options.learningRates.isEmpty {
      start.settings["learning-rate"] = options.learningRates.argument
      start.settings["held-out"] = options.heldOut.argument
    }
    start.settings["on-bad-image"] = options.data.onBadImage.rawValue
    var result = RunResult(
      task: Task.description.name, backbone: start.identity, data: task.dataIdentity,
      settings: start.settings)
    let session = try RunSession(
      result, name: "\(Task.description.name)-\(candidate.slug)", parts: task.keyParts,
      scoring: ["resamples": String(options.resamples), "seed": String(seeds[0])],
      options: options.run)
    let runs = try Self.folders(seeds, in: session)
    if let finished = session.finished {
      return Outcome(
        result: finished, folder: session.path, records: try runs.map(task.records),
        network: start.network)
    }
    if !options.evaluatesOnly { try task.foresee(start.network, in: session.path) }
    var task = task
    if !options.learningRates.isEmpty {
      let choice = try session.timed("choosing the rate") {
        try chooseRate(candidate, seed: seeds[0], key: session.key.digest, in: session.path)
      }
      task = task.learning(at: choice.rate)
      result.metrics["learning_rate"] = MetricValue(choice.rate, count: choice.count)
      result.notes.append(choice.note)
    }
    var records: [Task.Records] = []
    for (seed, run) in zip(seeds, runs) {
      if seed != seeds[0] { start = try self.start(candidate, seed: seed) }
      let label = candidate.title + (seeds.count > 1 ? " seed \(seed)" : "")
      if !options.evaluatesOnly {
        try session.timed("training") {
          try train(
            start.network, on: task, seed: seed, key: session.key.digest, in: run, label: label)
        }
      }
      records.append(
        try session.timed("scoring") { try task.score(start.network, in: run, label: label) })
    }
    let isTrained = !options.evaluatesOnly
    let note = task.deviations(start.network, isTrained: isTrained)
      .note(from: isTrained ? task.published : "the published test")
    try conclude(
      &result, of: candidate, deviations: note, records: records, seeds: seeds, runs: runs,
      session: session, files: Task.otherFiles + (isTrained ? [RunEvent.file] : []))
    return Outcome(
      result: result, folder: session.path, records: records, network: start.network)
  }

  /// Adds notes and numbers to a result and seals it; the process that writes does.
  ///
  /// - Parameters:
  ///   - deviations: The note about what differs from what was published.
  ///   - files: What the result was made from beside its records, in each of `runs`.
  /// - Throws: What summarising and writing throw.
  func conclude(
    _ result: inout RunResult, of candidate: Candidate, deviations: String?,
    records: [Task.Records], seeds: [Int], runs: [RunDirectory], session: RunSession,
    files: [String]
  ) throws {
    guard Processes.current.isRoot else { return }
    result.notes += notes
    if let deviations { result.notes.append(deviations) }
    if case .backbone(_, _, let note?) = candidate { result.notes.append(note) }
    for run in runs { try task.images.write(to: run.path) }
    try session.timed("intervals") { try summarize(records, seeds, runs, into: &result) }
    try session.finish(
      &result,
      files: runs.flatMap { run in
        (Task.description.recordFiles + files).map {
          String((run.path + "/" + $0).dropFirst(session.path.count + 1))
        }
      })
  }

  /// One network fills the run's folder; of several each has a folder of its own in it.
  static func folders(_ seeds: [Int], in session: RunSession) throws -> [RunDirectory] {
    try seeds.map { seed in
      seeds.count == 1
        ? session.directory : try RunDirectory(path: "\(session.path)/seed-\(seed)")
    }
  }

  /// The network that a candidate begins with.
  ///
  /// - Parameter isQuiet: Whether nothing is said of how its file was read.
  /// - Throws: What loading throws.
  func start(_ candidate: Candidate, seed: Int, isQuiet: Bool = false) throws -> Start {
    func identity(_ architecture: String, _ report: LoadReport?) -> [String: String] {
      var members = ["name": candidate.title, "architecture": architecture]
      members["sha256"] = report?.sha256
      members["method"] = report?.method
      if let report { members["known by"] = report.origins.joined(separator: "; ") }
      if case .backbone = candidate { members["layout"] = report?.layout }
      if let report, seed == options.seeds[0], !isQuiet { context.say(report.summary) }
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
          path: path, inputSize: options.inputSize, branch: options.backbone.branch,
          claim: options.claim, allowsPartial: options.backbone.allowsPartial)
      }
      var configuration = task.configuration
      // The file says which network it is, unless the user names a Swin with its windows for maps of
      // any size.
      if let loaded, named == nil || !options.needsDense || loaded.backbone is VisionTransformer {
        configuration.backbone = loaded.backbone.architecture
      }
      let network = Task.Network(configuration, initializer: Initializer(seed: UInt64(seed)))
      let report = try loaded.map { loaded in
        var report = loaded.report
        report.note(resized: try network.takeBackbone(loaded))
        return report
      }
      try report?.requireUsualPixels()
      var settings = task.trainingSettings(network)
      settings["branch"] = options.backbone.branch.rawValue
      return Start(
        network: network, identity: identity(network.configuration.backbone.name, report),
        settings: settings)
    }
  }

  /// A whole network that tells the data's classes apart.
  private func load(_ path: String) throws -> LoadedNetwork<Task.Network> {
    let loaded = try task.load(path, allowsPartial: options.backbone.allowsPartial)
    let (names, source) = task.classes
    try loaded.expectClasses(names, count: loaded.network.classCount, of: source)
    try task.accept(loaded.network, from: path)
    return loaded
  }

  /// Trains, or takes over the finished network of an earlier process.
  ///
  /// - Parameter isWatched: Whether the network is scored and kept on the way, as the options say.
  func train(
    _ network: Task.Network, on task: Task, seed: Int, key: String, in run: RunDirectory,
    label: String, isWatched: Bool = true
  ) throws {
    let path = "\(run.path)/\(Task.Network.file.kind).pth"
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    // Nobody writes it before all have looked.
    if try Processes.current.any(FileManager.default.fileExists(atPath: path)) {
      network.copyParameters(
        from: try Task.Network.load(path: path, allowsPartial: false).network)
      network.setTraining(false)
    } else {
      let loop = options.loop(run, state)
      if let training = try task.training(network, seed: seed, label: label) {
        let watched = isWatched ? watched(training, of: network, in: run) : training
        _ = try loop.train(watched)
      }
      try write(network, to: path)
    }
    state.remove()
  }

  private func write(_ network: Task.Network, to path: String) throws {
    try network.write(
      metadata: [
        ("recipe", task.recipeTitle), ("classes", task.classes.names.joined(separator: ",")),
      ], to: path)
  }

  private func watched(
    _ training: some Trainee, of network: Task.Network, in run: RunDirectory
  ) -> any Trainee {
    watched(training, in: run) { name in
      try write(network, to: "\(run.path)/\(Task.Network.file.kind)-\(name).pth")
    } scoring: { [task] in
      try task.score(network, in: $0, label: $1)
    }
  }

  /// The training with what `--evaluate-every` and `--keep-checkpoints` ask for.
  ///
  /// - Parameters:
  ///   - keep: Writes what is trained as it is, under a name that says after how much.
  ///   - score: Scores it on the test images, in a folder of the look's own.
  func watched(
    _ training: some Trainee, in run: RunDirectory,
    keeping keep: @escaping (_ name: String) throws -> Void,
    scoring score: @escaping (_ run: RunDirectory, _ label: String) throws -> Task.Records
  ) -> any Trainee {
    let unit = Task.lengthUnit == .epoch ? training.batchesPerEpoch : 1
    func isDue(_ interval: Int?, _ batches: Int) -> Bool {
      interval.map { batches % ($0 * unit) == 0 } ?? false
    }
    let watch = options.watch
    guard watch.evaluationInterval != nil || watch.keptInterval != nil else { return training }
    return WatchedTraining(training) { batches in
      isDue(watch.evaluationInterval, batches) || isDue(watch.keptInterval, batches)
    } look: { [task] batches in
      let name = "\(Task.lengthUnit.rawValue)-\(batches / unit)"
      if isDue(watch.keptInterval, batches) { try keep(name) }
      guard isDue(watch.evaluationInterval, batches) else { return [:] }
      let folder = "\(run.path)/evaluation-\(name)"
      let metrics = task.metrics(
        try score(try RunDirectory(path: folder), "\(training.label) (\(name))"))
      // What is worth keeping of it is a row; a look that was cut short goes on from its folder.
      if !FileWriting.isOff { try FileManager.default.removeItem(atPath: folder) }
      let wanted = Set(Task.description.metrics.map(\.key))
      return Dictionary(
        uniqueKeysWithValues: metrics.filter { wanted.contains($0.key) && $0.value.value.isFinite }
          .map { (Self.watchedPrefix + $0.key, $0.value.value) })
    }
  }

  /// What stands before a number's name where it was measured in the middle of a training.
  private static var watchedPrefix: String { "val_" }

  /// Intervals over images; of several networks over images and trainings.
  ///
  /// A share of the images has one however few they are.
  private func intervals(_ records: [Task.Records]) -> [String: Interval] {
    let own = records.map(\.resampled)
    var intervals =
      own.count > 1
      ? [:]
      : Task.description.intervals(
        of: own[0], resampleCount: options.resamples, seed: UInt64(options.seeds[0]))
    let count = own[0].images.count
    for metric in Task.description.metrics where metric.hasInterval {
      guard metric.test == .paired || own.count > 1 && count >= Bootstrap.fewestImages else {
        continue
      }
      let values = own.compactMap { $0.imageValues(of: metric.key) }
      guard values.count == own.count, count > 1, values.allSatisfy({ $0[0].isFinite }) else {
        continue
      }
      intervals[metric.key] =
        own.count > 1
        // No score lies outside of these, however few trainings there were.
        ? SeededNumber(values).interval().clamped(to: 0...1)
        : MetricValue.share(Spread(values[0]).mean, of: count).interval
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
    for (place, run) in runs.enumerated() {
      let events = try run.rows(RunEvent.file).compactMap { RunEvent($0)?.values }
      let tail = seeds.count > 1 ? "_seed\(seeds[place])" : ""
      let losses = events.compactMap { $0["loss"] }
      if !losses.isEmpty { result.curves["loss" + tail] = losses }
      for name in Task.description.intervalMetrics {
        let values = events.compactMap { $0[Self.watchedPrefix + name] }
        guard !values.isEmpty, let last = metrics[place][name]?.value else { continue }
        // The last look is the score itself.
        result.curves[Self.watchedPrefix + name + tail] = values + [last]
      }
    }
  }
}
