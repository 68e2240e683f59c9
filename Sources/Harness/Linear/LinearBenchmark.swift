import CommandLine
import Evaluation
import FileSupport
import Layers
import Loading
import Models
import Processes
import Protocols
import Reporting
import Runs
import Scoring
import TensorCore
import Training
import VisionData

/// ImageNet-style linear probe and kNN of one or more backbones, from files to a table.
struct LinearBenchmark: ComparisonProgram {
  let options: LinearOptions
  let context: RunContext
  let data: FrozenData
  let shifts: [ShiftedSet]

  init(_ options: LinearOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    var data = try FrozenData(context, trainList: options.trainList)
    // What is drawn must be there; else features say what cannot be decoded, and are kept.
    if options.shots != nil { data = try data.usable(context).data }
    self.data = data
    shifts = try options.shifts.map { [data] in
      try ShiftedSet($0, beside: data, options.corruptions)
    }
    _ = try draw(options.seeds[0])
    try checkHeldOut()
  }

  /// Refuses to choose among learning rates on images that are not there.
  private func checkHeldOut() throws(UsageError) {
    guard options.settings.selects else { return }
    var counts = [Int](repeating: 0, count: data.images.train.classNames.count)
    for index in data.trainOrder { counts[Int(data.images.train.labels[index])] += 1 }
    if let shots = options.shots { counts = counts.map { min($0, shots) } }
    let parts = counts.map(options.settings.heldOutCount)
    let setting = "--held-out \(options.settings.heldOutFraction.argument)"
    guard parts.contains(where: { $0 > 0 }) else {
      throw .conflict(
        "\(setting) holds out none of \(counts.max() ?? 0) images a class, so nothing can choose "
          + "among --\(options.settings.classifier == .logistic ? "regularizations" : "learning-rates"); "
          + "give a larger part, more images or one of them.")
    }
    guard !zip(counts, parts).contains(where: { $0 > 0 && $0 == $1 }) else {
      throw .conflict(
        "\(setting) holds out every image of a class; give a smaller part or more images.")
    }
  }

  /// What the probe of a seed sees of the data.
  private func draw(_ seed: Int) throws -> FrozenData {
    try data.drawing(options.shots, seed: seed)
  }

  var dataIdentity: [String: String] { data.identity }
  var named: [Candidate] { options.backbone.files.map { Candidate(backbone: $0) } }

  func ownBackbones() throws -> OwnBackbones { try options.ownBackbones(context, data) }

  /// A finished candidate: what it found, and the folder with what it said of each image.
  struct Outcome: CandidateOutcome {
    var result: RunResult
    let folder: String
    /// What its classifiers found on other images, one a set.
    var shifted: [RunResult] = []
  }

  func report(_ outcomes: [Outcome]) throws {
    let results = outcomes.map(\.result)
    let table = LinearTable.make(results)
    let compared = try differences(outcomes)
    var json = table.json
    if let compared, case .object(let members) = json {
      json = .object(members.merging(["differences": compared.json]) { $1 })
    }
    try context.deliver(
      [table]
        + [compared, ShiftMeasurement.table(outcomes.map { ($0.result, $0.shifted) })]
        .compactMap { $0 }, of: results,
      named: "linear", json: json)
    let published = LinearTable.published(beside: results) { name in
      NetworkTable.rows.first { $0.title == name }?.spellings ?? []
    }
    if !options.run.isJSON, let published {
      Console.output(published.markdown)
    }
  }

  /// How far each two backbones differ; of neighbours by the number that the table shows first.
  private func differences(_ outcomes: [Outcome]) throws -> Table? {
    let task = TaskDescription.linear
    let records = outcomes.map { task.records($0.folder) }
    let known = task.metrics.filter { metric in
      outcomes.allSatisfy { $0.result.metrics[metric.key] != nil }
    }
    let metrics = [
      known.first { $0.key == options.primary.key }, known.first { $0.family == "knn" },
    ]
    return try CandidateDifferences(
      candidates: zip(outcomes, records).map { outcome, records in
        { metric in
          let name = outcome.result.backbone["name"] ?? "?"
          guard metric.test == .paired else {
            return try records.resampled().map {
              MethodOutcomes(name: name, trainings: [$0], isTrained: false)
            }
          }
          return try records.paired(metric.key).map {
            MethodOutcomes(name: name, answers: $0, named: metric.key)
          }
        }
      }, metrics: metrics.compactMap { $0 }, primary: metrics[0], resamples: 1000,
      seed: UInt64(options.seeds[0]), margins: options.margins
    ).table()
  }

  var classCount: Int { data.classNames.count }

  // MARK: One backbone

  func outcome(of candidate: Candidate) throws -> Outcome {
    let backbone = try context.frozenBackbone(
      candidate,
      claim: NetworkClaim(
        architecture: options.architecture?.architecture, headCount: options.heads),
      options: options.backbone, inputSize: options.settings.inputSize, pixels: options.pixels)
    var linear = options.settings
    linear.normalization = backbone.normalization
    if let own = backbone.classifierClassCount, own != classCount {
      context.say(
        "note: the checkpoint's own classifier has \(own) classes, the data \(classCount); a linear "
          + "probe trains its own, so this does no harm")
    }
    let choice = linear.feature(of: backbone.network.architecture)
    if let problem = choice.problem(with: backbone.network.architecture) {
      throw UsageError.conflict(
        "\(candidate.title): \(problem); give other --feature-blocks or --feature-pooling.")
    }
    let settings = linear.settings.merging(try options.runSettings(data)) { $1 }
    var result = RunResult(
      task: TaskDescription.linear.name, backbone: backbone.identity,
      data: try draw(options.seeds[0]).identity,
      settings: settings)
    try checkMemory(backbone.network)
    let chosen = ChosenFeatures(backbone.network, choice)
    let name = linear.name == .moby ? "linear" : "linear-\(linear.name.rawValue)"
    let runName = "\(name)-\(candidate.slug)"
    let identity = result
    let session = try RunSession(result, name: runName, options: options.run)
    func shifted() throws -> [RunResult] {
      try self.shifted(
        identity, session, named: runName, backbone: backbone, as: chosen,
        seen: linear.testTransform)
    }
    if let finished = session.finished {
      return Outcome(result: finished, folder: session.path, shifted: try shifted())
    }
    let validation = try session.timed("features") {
      try context.validationFeatures(
        of: backbone, as: chosen, on: data, seen: linear.testTransform)
    }
    // One a seed where each draws its own; else the same for all.
    let draws = try (options.shots == nil ? [options.seeds[0]] : options.seeds).map(draw)
    let trains = try session.timed("features") {
      try draws.map {
        try context.trainFeatures(of: backbone, as: chosen, on: $0, seen: linear.testTransform)
      }
    }
    let train = trains[0]
    let neighbours = try session.timed("neighbours") {
      // What is said of them is written, and one process writes.
      options.shots != nil || !Processes.current.isRoot
        ? []
        : NearestNeighbourProbe(
          classCount: classCount, columns: choice.ownColumns(of: chosen.architecture)
        ).outcomes(train: train, validation: validation)
    }
    let outcomes = try session.timed("probe") {
      try options.seeds.enumerated().map { place, seed in
        let train = trains[min(place, trains.count - 1)]
        let label =
          "\(candidate.title): \(linear.name.rawValue)"
          + (options.seeds.count > 1 ? " seed \(seed)" : "")
        let state = TrainingState(
          path: session.path + "/state-seed\(seed).safetensors",
          key: LinearProbe.stateKey(session.key.digest, seed: seed))
        if !linear.isCached {
          try Processes.rootFirst {
            try session.takeUp(state) { LinearProbe.stateKey($0, seed: seed) }
          }
        }
        var loop = TrainingLoop(run: session.directory, state: linear.isCached ? nil : state)
        loop.isQuiet = options.run.engine.quiet
        switch linear.classifier {
        case .descent, .endToEnd: break
        case .logistic:
          return try LogisticProbe(
            settings: linear, train: train, validation: validation, classCount: classCount,
            seed: seed, label: label
          ).outcome()
        case .attentive:
          return try AttentiveProbe(
            settings: linear, backbone: backbone.network, data: draws[min(place, draws.count - 1)],
            policy: options.data.onBadImage, seed: seed, label: label
          ).outcome(loop)
        }
        let probe = LinearProbe(
          settings: linear, backbone: chosen, split: data.images.train,
          train: train, validation: validation, classCount: classCount,
          policy: options.data.onBadImage, seed: seed, label: label)
        return try probe.outcome(loop)
      }
    }
    let found = Found(
      outcomes: outcomes, neighbours: neighbours, draws: draws, trains: trains,
      validation: validation)
    if Processes.current.isRoot {
      try conclude(&result, of: candidate, by: linear, backbone: backbone, found, in: session)
    }
    return Outcome(result: result, folder: session.path, shifted: try shifted())
  }

  /// Refuses sizes whose first layer alone does not fit.
  private func checkMemory(_ backbone: any Backbone) throws(UsageError) {
    let size = options.settings.inputSize
    let batch =
      options.settings.isCached
      ? RunContext.featureBatch
      : max(RunContext.featureBatch, min(options.settings.batchSize, data.trainOrder.count))
    let bytes = backbone.architecture.passBytes(inputSize: size) * batch
    let available = SystemMemory.availableBytes
    guard bytes > available else { return }
    throw .conflict(
      "--input-size \(size) does not fit: \(batch) images at once need about \(bytes >> 30) GiB of "
        + "memory, \(available >> 30) GiB are free; use a smaller size or --batch-size.")
  }
}
