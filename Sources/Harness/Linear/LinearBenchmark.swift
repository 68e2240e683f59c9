import CommandLine
import Evaluation
import FileSupport
import Layers
import Models
import Reporting
import SampleData
import TensorCore
import Threads
import Training
import VisionData

/// ImageNet-style linear probe and kNN of one or more backbones, from files to a table.
struct LinearBenchmark: ComparisonProgram {
  private let options: LinearOptions
  private let context: RunContext
  private let data: ClassificationData
  private let dataName: String
  private let trainOrder: [Int]
  private let validationOrder: [Int]
  private let trainManifest: String
  private let validationManifest: String

  init(_ options: LinearOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    let source = try context.source(\.classificationPath)
    data = try context.classification(source)
    dataName = source.name
    trainOrder = data.train.evenly(options.data.limit)
    validationOrder = data.validation.evenly(options.data.limit)
    trainManifest = data.train.manifestHash(context.digests)
    validationManifest = data.validation.manifestHash(context.digests)
    try checkHeldOut()
  }

  /// Refuses to choose among learning rates on images that are not there.
  private func checkHeldOut() throws(UsageError) {
    guard options.settings.selects else { return }
    var counts = [Int](repeating: 0, count: data.train.classNames.count)
    for index in trainOrder { counts[Int(data.train.labels[index])] += 1 }
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

  func candidates() throws -> [Candidate] {
    try context.candidates(backbones: options.backbone.files, data: (data, dataName)) { own in
      own.inputSize = options.settings.inputSize
      if let architecture = options.architecture { own.architecture = architecture.architecture }
      if options.preset == .smoke { own.epochs = min(own.epochs, 2) }
    }
  }

  func report(_ results: [RunResult]) throws {
    let table = LinearTable.make(results)
    try context.deliver([table], of: results, named: "linear", json: table.json)
    if !options.run.isJSON, let published = LinearTable.published(beside: results) {
      Console.output(published.markdown)
    }
  }

  // MARK: One backbone

  func outcome(of candidate: Candidate) throws -> RunResult {
    let (backbone, identity, linear) = try load(candidate)
    try checkMemory(backbone)
    var settings = linear.settings
    settings["limit"] = options.data.limit.map(String.init) ?? "all"
    settings["seeds"] = options.seeds.argument
    settings["branch"] = options.backbone.branch.rawValue
    settings["on-bad-image"] = options.data.onBadImage.rawValue
    var result = RunResult(
      task: TaskDescription.linear.name, backbone: identity,
      data: [
        "name": dataName, "train": trainManifest, "validation": validationManifest,
        "train images": String(trainOrder.count),
        "validation images": String(validationOrder.count),
        "classes": String(data.train.classNames.count),
      ], settings: settings)
    let session = try RunSession(result, name: "linear-\(candidate.slug)", options: options.run)
    if let finished = session.finished { return finished }
    let (train, validation) = try session.timed("features") {
      try features(of: backbone, linear, title: candidate.title)
    }
    let classCount = data.train.classNames.count
    let neighbours = try session.timed("neighbours") {
      NearestNeighbourProbe(classCount: classCount).outcomes(train: train, validation: validation)
    }
    let outcomes = try session.timed("probe") {
      try options.seeds.map { seed in
        let probe = LinearProbe(
          settings: linear, backbone: backbone, split: data.train, train: train,
          validation: validation, classCount: classCount, policy: options.data.onBadImage,
          seed: seed,
          label: "\(candidate.title): linear" + (options.seeds.count > 1 ? " seed \(seed)" : ""))
        let state = TrainingState(
          path: session.path + "/state-seed\(seed).safetensors",
          key: LinearProbe.stateKey(session.key.digest, seed: seed))
        if !linear.isCached {
          try session.takeUp(state) { LinearProbe.stateKey($0, seed: seed) }
        }
        var loop = TrainingLoop(
          run: session.directory, state: options.settings.isCached ? nil : state)
        loop.isQuiet = options.run.engine.quiet
        return try probe.outcome(loop)
      }
    }
    let record = LinearRecord(
      outcomes: outcomes, neighbours: neighbours, classNames: data.train.classNames,
      deviations: linear.deviations)
    record.summarize(into: &result)
    if train.count < linear.batchSize {
      result.notes.append(
        "batches of \(train.count), all training images, where \(linear.batchSize) were asked for")
    }
    let bad =
      missing(trainOrder, in: train, of: data.train)
      + missing(validationOrder, in: validation, of: data.validation)
    if !bad.isEmpty {
      result.notes.append(
        "\(bad.count) images could not be decoded and were left out: "
          + bad.prefix(3).joined(separator: ", ") + (bad.count > 3 ? "…" : ""))
    }
    if case .backbone(_, _, let note?) = candidate { result.notes.append(note) }
    try record.write(to: session.directory)
    try session.finish(
      &result, files: LinearRecord.files,
      images: RunImages(
        root: data.validation.root, indices: validationOrder,
        paths: validationOrder.map { data.validation.relativePath($0) }))
    return result
  }

  /// Images that go through a backbone at once for their features.
  private static let batchSize = 32

  /// Refuses sizes whose first layer alone does not fit.
  private func checkMemory(_ backbone: any Backbone) throws(UsageError) {
    let size = options.settings.inputSize
    let batch =
      options.settings.isCached
      ? Self.batchSize : max(Self.batchSize, min(options.settings.batchSize, trainOrder.count))
    let bytes = backbone.architecture.passBytes(inputSize: size) * batch
    let available = SystemMemory.availableBytes
    guard bytes > available else { return }
    throw .conflict(
      "--input-size \(size) does not fit: \(batch) images at once need about \(bytes >> 30) GiB of "
        + "memory, \(available >> 30) GiB are free; use a smaller size or --batch-size.")
  }

  private func load(
    _ candidate: Candidate
  ) throws -> (any Backbone, [String: String], LinearProtocol) {
    var linear = options.settings
    let size = linear.inputSize
    if !options.mean.isEmpty {
      linear.normalization = PixelNormalization(
        mean: options.mean.map { Float($0) }, deviation: options.deviation.map { Float($0) })
    }
    guard case .backbone(_, let path?, _) = candidate else {
      let architecture = options.architecture?.architecture ?? .swin(.tiny)
      let backbone = architecture.makeBackbone(inputSize: size, initializer: Initializer(seed: 0))
      return (
        backbone,
        [
          "name": candidate.title, "architecture": architecture.name, "sha256": "random, seed 0",
          "layout": "none",
        ], linear
      )
    }
    let loaded = try BackboneLoader.load(
      path: path, inputSize: size, branch: options.backbone.branch,
      claim: NetworkClaim(
        architecture: options.architecture?.architecture, headCount: options.heads),
      allowsPartial: options.backbone.allowsPartial)
    context.say(loaded.report.summary)
    var origins = loaded.report.origins
    if !options.mean.isEmpty {
      origins.append("pixels by --mean and --std")
    } else if let said = loaded.report.normalization {
      linear.normalization = PixelNormalization(near: said[0], deviation: said[1])
      origins.append("pixels by mean and deviation of the file")
    } else {
      origins.append("pixels by ImageNet's mean and deviation, as usual")
    }
    if let head = loaded.head, head.classCount != data.train.classNames.count {
      context.say(
        "note: the checkpoint's own classifier has \(head.classCount) classes, the data "
          + "\(data.train.classNames.count); a linear probe trains its own, so this does no harm")
    }
    return (
      loaded.backbone,
      [
        "name": candidate.title, "architecture": loaded.report.architecture,
        "sha256": loaded.report.sha256, "layout": loaded.report.layout,
        "source": loaded.report.source, "known by": origins.joined(separator: "; "),
      ], linear
    )
  }

  private func features(
    of backbone: any Backbone, _ linear: LinearProtocol, title: String
  ) throws -> (train: FeatureMatrix, validation: FeatureMatrix) {
    let store = FeatureStore(
      folder: options.run.cache + "/features", backbone: backbone, batchSize: Self.batchSize,
      policy: options.data.onBadImage, normalization: linear.normalization,
      isFresh: options.run.restarts)
    let transform = linear.testTransform
    return (
      try store.features(
        data.train, order: trainOrder, manifest: trainManifest, transform: transform,
        label: "\(title): train features"),
      try store.features(
        data.validation, order: validationOrder, manifest: validationManifest,
        transform: transform, label: "\(title): val features")
    )
  }

  /// The images that were asked for and have no features.
  private func missing(
    _ order: [Int], in features: FeatureMatrix, of folder: ImageFolder
  ) -> [String] {
    guard features.count < order.count else { return [] }
    let present = Set(features.indices.map(Int.init))
    return order.filter { !present.contains($0) }.map { folder.relativePath($0) }
  }
}

/// `bench-linear`.
public enum LinearCommand {
  /// Runs the benchmark.
  public static func run(_ arguments: [String]) -> Never {
    Command.run(LinearOptions.self, arguments: arguments) { try LinearBenchmark.execute($0) }
  }
}
