import CommandLine
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
  private let options: LinearOptions
  private let context: RunContext
  private let data: FrozenData

  init(_ options: LinearOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    data = try FrozenData(context)
    try checkHeldOut()
  }

  /// Refuses to choose among learning rates on images that are not there.
  private func checkHeldOut() throws(UsageError) {
    guard options.settings.selects else { return }
    var counts = [Int](repeating: 0, count: data.images.train.classNames.count)
    for index in data.trainOrder { counts[Int(data.images.train.labels[index])] += 1 }
    let parts = counts.map(options.settings.heldOutCount)
    let setting = "--held-out \(options.settings.heldOutFraction.argument)"
    guard parts.contains(where: { $0 > 0 }) else {
      throw .conflict(
        "\(setting) holds out none of \(counts.max() ?? 0) images a class, so nothing can choose "
          + "among --learning-rates; give a larger part, more images or one rate.")
    }
    guard !zip(counts, parts).contains(where: { $0 > 0 && $0 == $1 }) else {
      throw .conflict(
        "\(setting) holds out every image of a class; give a smaller part or more images.")
    }
  }

  var named: [Candidate] { options.backbone.files.map { Candidate(backbone: $0) } }

  func ownBackbones() throws -> OwnBackbones {
    let isSample = options.data.folder == nil
    return try OwnBackbones(
      context, data: isSample ? nil : (data.images, data.name), preset: options.preset
    ) { own in
      own.inputSize = options.settings.inputSize
      if let architecture = options.architecture { own.architecture = architecture.architecture }
    }
  }

  /// A finished candidate: what it found, and the folder with what it said of each image.
  struct Outcome {
    let result: RunResult
    let folder: String
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
      [table] + [compared].compactMap { $0 }, of: results, named: "linear", json: json)
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
    let metrics = [known.first { $0.key == "top1" }, known.first { $0.family == "knn" }]
    return try CandidateDifferences(
      candidates: zip(outcomes, records).map { outcome, records in
        { metric in
          try records.paired(metric.key).map {
            MethodOutcomes(
              name: outcome.result.backbone["name"] ?? "?", answers: $0, named: metric.key)
          }
        }
      }, metrics: metrics.compactMap { $0 }, primary: task.primaryMetric, resamples: 1000,
      seed: UInt64(options.seeds[0]), margins: options.margins
    ).table()
  }

  /// Images that tell how long one takes.
  private static let paceImages = 8

  func secondsPerCandidate() throws -> Double {
    let settings = options.settings
    let path = options.backbone.files.first { $0 != "random" }
    let claim = NetworkClaim(
      architecture: options.architecture?.architecture, headCount: options.heads)
    let backbone =
      try path.map {
        try BackboneLoader.load(
          path: $0, inputSize: settings.inputSize, branch: options.backbone.branch, claim: claim,
          allowsPartial: options.backbone.allowsPartial
        ).backbone
      }
      ?? (claim.architecture ?? .swin(options.preset == .full ? .tiny : .mini)).makeBackbone(
        inputSize: settings.inputSize, initializer: Initializer(seed: 0))
    func pass() throws -> Double {
      let loader = BatchLoader(
        folder: data.images.train, order: Array(data.trainOrder.prefix(Self.paceImages)),
        transforms: [settings.testTransform], batchSize: Self.paceImages, seed: 0, epoch: 0,
        policy: .skip)
      let watch = Stopwatch()
      while let batch = try loader.next() {
        _ = withoutGradients { backbone.features(batch.images) }
      }
      return watch.seconds / Double(min(Self.paceImages, data.trainOrder.count))
    }
    _ = try pass()
    let passes = settings.isCached ? 0 : settings.epochs * options.seeds.count
    let images = data.trainOrder.count * (1 + passes) + data.validationOrder.count
    return try pass() * Double(images)
  }

  // MARK: One backbone

  func outcome(of candidate: Candidate) throws -> Outcome {
    let backbone = try context.frozenBackbone(
      candidate,
      claim: NetworkClaim(
        architecture: options.architecture?.architecture, headCount: options.heads),
      options: options.backbone, inputSize: options.settings.inputSize, pixels: options.pixels)
    try checkMemory(backbone.network)
    var linear = options.settings
    linear.normalization = backbone.normalization
    let classCount = data.classNames.count
    if let own = backbone.classifierClassCount, own != classCount {
      context.say(
        "note: the checkpoint's own classifier has \(own) classes, the data \(classCount); a linear "
          + "probe trains its own, so this does no harm")
    }
    var settings = linear.settings
    settings["limit"] = options.data.limit.map(String.init) ?? "all"
    settings["seeds"] = options.seeds.argument
    settings["branch"] = options.backbone.branch.rawValue
    settings["on-bad-image"] = options.data.onBadImage.rawValue
    var result = RunResult(
      task: TaskDescription.linear.name, backbone: backbone.identity, data: data.identity,
      settings: settings)
    let session = try RunSession(result, name: "linear-\(candidate.slug)", options: options.run)
    if let finished = session.finished {
      return Outcome(result: finished, folder: session.path)
    }
    let (train, validation) = try session.timed("features") {
      try context.features(of: backbone, on: data, seen: linear.testTransform)
    }
    let neighbours = try session.timed("neighbours") {
      NearestNeighbourProbe(classCount: classCount).outcomes(train: train, validation: validation)
    }
    let outcomes = try session.timed("probe") {
      try options.seeds.map { seed in
        let probe = LinearProbe(
          settings: linear, backbone: backbone.network, split: data.images.train,
          train: train, validation: validation, classCount: classCount,
          policy: options.data.onBadImage, seed: seed,
          label: "\(candidate.title): linear" + (options.seeds.count > 1 ? " seed \(seed)" : ""))
        let state = TrainingState(
          path: session.path + "/state-seed\(seed).safetensors",
          key: LinearProbe.stateKey(session.key.digest, seed: seed))
        if !linear.isCached {
          try Processes.rootFirst {
            try session.takeUp(state) { LinearProbe.stateKey($0, seed: seed) }
          }
        }
        var loop = TrainingLoop(
          run: session.directory, state: options.settings.isCached ? nil : state)
        loop.isQuiet = options.run.engine.quiet
        return try probe.outcome(loop)
      }
    }
    var deviations = linear.deviations
    deviations.part(data.trainOrder.count, of: data.images.train.count, "training")
    deviations.part(
      data.validationOrder.count, of: data.images.validation.count, "validation")
    let record = LinearRecord(
      outcomes: outcomes, neighbours: neighbours, classNames: data.classNames,
      deviations: deviations, neighbourDeviations: linear.neighbourDeviations)
    record.summarize(into: &result)
    if train.count < linear.batchSize {
      result.notes.append(
        "batches of \(train.count), all training images, where \(linear.batchSize) were asked for")
    }
    if let note = data.missing(train: train, validation: validation) { result.notes.append(note) }
    for (split, folder) in [
      ("training", data.images.train), ("validation", data.images.validation),
    ] {
      let leftOut = folder.hiddenImages + folder.strayImages
      if let first = leftOut.first {
        result.notes.append(
          "\(leftOut.count) \(split) images lie hidden or beside the class folders and were left "
            + "out: \(first)" + (leftOut.count > 1 ? "…" : ""))
      }
    }
    if case .backbone(_, _, let note?) = candidate { result.notes.append(note) }
    try record.write(to: session.directory)
    try session.finish(&result, files: LinearRecord.files, images: data.shown)
    return Outcome(result: result, folder: session.path)
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

/// The commands of `bench-linear`.
public enum LinearCommand {
  /// Runs the command that the first argument names; options alone run the benchmark.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(
      "bench-linear", summary: "Classify images on the frozen features of a backbone.",
      commands: [
        Subcommand(
          "run", "Train and score a linear probe and kNN; the default.", LinearOptions.self
        ) { try LinearBenchmark.execute($0) },
        Subcommand(
          "evaluate", "Score classes or logits that were predicted elsewhere.",
          ClassificationEvaluationOptions.self
        ) { try EvaluateClassification($0.options).run() },
      ], standard: "run",
      examples: [
        "swift run bench-linear evaluate --predictions moby.csv --ground-truth imagenet/val"
      ], arguments: arguments)
  }
}
