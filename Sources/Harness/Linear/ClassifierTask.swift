import CommandLine
import Evaluation
import FileSupport
import Layers
import Loading
import Models
import Protocols
import Reporting
import Runs
import Scoring
import Training
import VisionData

/// Classification on an ImageNet-style data set, as a task that networks are fine-tuned for.
struct ClassifierTask: FineTuningTask {
  static let description = TaskDescription.fineTuning
  static let otherFiles: [String] = []
  static let lengthUnit = LengthUnit.epoch

  /// What one network said of every image, and how right it was.
  struct Records: FineTuningRecords {
    let images: [ClassificationRecord]
    let score: ClassificationScore

    init(_ images: [ClassificationRecord], classCount: Int) {
      self.images = images
      score = ClassificationScore(images, classCount: classCount)
    }

    var resampled: any ResampledMetric { ResampledClassification(images) }
  }

  let dataIdentity: [String: String]
  private(set) var linear: LinearProtocol
  private let options: LinearOptions
  private let context: RunContext
  private let data: FrozenData
  private let runSettings: [String: String]
  /// The classes of the classifiers in files, where they are named.
  private let classMap: [String]?
  /// What is answered in place of the validation images.
  private var other: (images: RunImages, classNames: [String])?
  /// Training images that train nothing and are scored in place of validation images.
  private var heldOut: [Int] = []

  /// Reads what decides the numbers beside the networks.
  ///
  /// - Throws: What drawing and reading lists throw.
  init(_ options: LinearOptions, _ context: RunContext, data: FrozenData) throws {
    self.options = options
    self.context = context
    self.data = data
    let drawn = try data.drawing(options.shots, seed: options.seeds[0])
    dataIdentity = drawn.identity
    runSettings = try options.runSettings(data)
    classMap = try options.classMap.map(ClassifierClasses.read)
    linear = options.settings
    if !drawn.trainOrder.isEmpty {
      linear.batchSize = min(linear.batchSize, drawn.trainOrder.count)
    }
  }

  /// The same task on images from elsewhere.
  func answering(_ images: RunImages, classNames: [String]) -> ClassifierTask {
    var task = self
    task.other = (images, classNames)
    return task
  }

  /// The same task with a few images an update, enough that they and not the update take the time.
  var inSmallBatches: ClassifierTask {
    var task = self
    task.linear.batchSize = min(linear.batchSize, 8)
    task.linear.endToEnd?.groupCount = nil
    task.linear.endToEnd?.accumulation = 1
    return task
  }

  // MARK: Records

  func trainingSettings(_ network: Classifier) -> [String: String] {
    let plan = plan(network, imageCount: linear.batchSize, seed: 0)
    return linear.settings.merging(runSettings) { $1 }.merging([
      "network": network.configuration.backbone.name, "groups": String(plan.groups),
    ]) { $1 }
  }

  func testSettings(_ network: Classifier) -> [String: String] {
    var settings = [
      "network": network.configuration.backbone.name, "test view": linear.testTransform.summary,
      "input-size": String(linear.inputSize),
    ]
    for name in [TaskDescription.primarySetting, "class map"] { settings[name] = runSettings[name] }
    return settings
  }

  func deviations(_ network: Classifier, isTrained: Bool) -> Deviations {
    var found = isTrained ? linear.deviations(on: network.configuration.backbone) : Deviations()
    let count = data.classNames.count
    if !isTrained, let classMap, classMap.count > count {
      found.add("answers among \(count) of \(classMap.count) classes")
    }
    if !isTrained, network.configuration.backbone.leadingTokenCount > 1 {
      found.add("the class token's head alone, where the answer is the mean of two heads")
    }
    data.compare(shots: options.shots, into: &found)
    return found
  }

  private var testing: (folder: ImageFolder, order: [Int]) {
    heldOut.isEmpty
      ? (data.images.validation, data.validationOrder) : (data.images.train, heldOut)
  }

  var images: RunImages {
    if let other { return other.images }
    let (folder, order) = testing
    return RunImages(
      root: folder.root, indices: order, paths: order.map { folder.relativePath($0) })
  }

  // MARK: Networks

  var configuration: ClassifierConfiguration {
    var configuration = ClassifierConfiguration(
      backbone: options.architecture?.architecture
        ?? .swin(options.preset == .full ? .tiny : .mini),
      classCount: data.classNames.count, inputSize: linear.inputSize)
    configuration.headDeviation = linear.headDeviation
    return configuration
  }

  var recipeTitle: String { options.preset.title(linear.name.rawValue) }

  var published: String { linear.name.title }

  var classes: (names: [String], source: String) { (data.classNames, data.images.train.root) }

  /// A classifier of the data's classes: with `--class-map`, or where the file names them, its numbers of
  /// these alone.
  func load(_ path: String, allowsPartial: Bool) throws -> LoadedNetwork<Classifier> {
    let loaded = try Classifier.load(
      path: path, inputSize: linear.inputSize, claim: NetworkClaim(headCount: options.heads),
      allowsPartial: allowsPartial)
    let (names, own) = (data.classNames, loaded.network.classCount)
    let said = loaded.metadata["classes"]?.split(separator: ",").map(String.init)
    guard let known = classMap ?? said else {
      guard own == names.count else {
        throw CheckpointError(
          path: path,
          problem: "tells \(own) classes apart where \(classes.source) has \(names.count)",
          remedy: "name its classes in their order with --class-map", exitCode: .usage)
      }
      return loaded
    }
    let places = Dictionary(known.enumerated().map { ($1, $0) }) { first, _ in first }
    let kept = names.compactMap { places[$0] }
    if let classMap = options.classMap {
      guard known.count == own else {
        throw DatasetError(
          path: classMap, problem: "names \(known.count) classes where \(path) has \(own)",
          remedy: "give the classes that this classifier tells apart")
      }
      if let missing = names.first(where: { places[$0] == nil }) {
        throw DatasetError(
          path: classMap, problem: "does not name the class \(missing) of \(classes.source)",
          remedy: "name the classes as its folders do")
      }
    }
    // What the file says of its classes, and does not fit, is refused where it is compared.
    guard known.count == own, kept.count == names.count, kept != Array(0..<own) else {
      return loaded
    }
    var report = loaded.report
    report.origins.append("\(kept.count) of its \(own) classes by their names")
    return LoadedNetwork(
      network: loaded.network.keeping(kept), report: report,
      metadata: loaded.metadata.merging(["classes": names.joined(separator: ",")]) { $1 })
  }

  // MARK: Training

  /// The training of a network as pretraining on labels has it.
  private func plan(_ network: Classifier, imageCount: Int, seed: Int) -> PretrainingPlan {
    let architecture = network.configuration.backbone
    var linear = linear
    linear.batchSize = min(linear.batchSize, imageCount)
    var plan = PretrainingPlan(linear.recipe(for: architecture), architecture: architecture)
    (plan.inputSize, plan.seed, plan.probeLimit) = (linear.inputSize, seed, 0)
    plan.onBadImage = options.data.onBadImage
    if let training = linear.endToEnd {
      (plan.accumulation, plan.groupCount) = (training.accumulation, training.groupCount)
    }
    return plan
  }

  /// The training images of a seed.
  private func trainOrder(_ seed: Int) throws -> [Int] {
    let drawn = try data.drawing(options.shots, seed: seed).trainOrder
    guard !heldOut.isEmpty else { return drawn }
    let held = Set(heldOut)
    return drawn.filter { !held.contains($0) }
  }

  func foresee(_ network: Classifier, in folder: String) throws {
    let order = try trainOrder(options.seeds[0])
    let plan = plan(network, imageCount: order.count, seed: options.seeds[0])
    try MemoryFloor(
      plan, featureCount: network.backbone.featureCount, classCount: network.classCount
    ).check(plan)
    let forecast = try Forecast.measure(
      plan, data: data.images, order: order, stepsPerEpoch: order.count / plan.recipe.batchSize)
    let trainings = options.seeds.count
    context.say(
      forecast.text + (trainings > 1 ? "\n          for each of \(trainings) seeds" : ""))
    try forecast.check(folder: folder)
  }

  func training(_ network: Classifier, seed: Int, label: String) throws -> (any Trainee)? {
    let order = try trainOrder(seed)
    let plan = plan(network, imageCount: order.count, seed: seed)
    let recipe = plan.recipe
    // Fewer images than were asked for may make a smaller batch.
    try GroupCount.validate(plan.groupCount, batchSize: recipe.batchSize)
    try Accumulation.validate(
      plan.accumulation, batchSize: recipe.batchSize, of: network.configuration.backbone)
    let engine = PretrainingEngine(
      recipe, method: Supervised(network), stepsPerEpoch: order.count / recipe.batchSize,
      seed: UInt64(seed), chunkSize: plan.chunkSize,
      groups: try .shared(batchSize: recipe.batchSize, count: plan.groups))
    return PretrainingTraining(
      plan, data: data.images, order: order, engine: engine, label: "\(label): training",
      remedy: "lower --learning-rates or raise --warmup-epochs")
  }

  func holdingOut(_ part: Double) throws -> (task: ClassifierTask, count: Int)? {
    let order = try trainOrder(options.seeds[0])
    let rows = LinearProbe.heldOutRows(
      linear, labels: order.map { data.images.train.labels[$0] },
      classCount: data.classNames.count, seed: options.seeds[0])
    guard !rows.isEmpty, rows.count < order.count else { return nil }
    var task = self
    task.heldOut = rows.map { order[$0] }
    return (task, rows.count)
  }

  func learning(at rate: Double) -> ClassifierTask {
    var task = self
    task.linear.learningRates = [rate]
    return task
  }

  // MARK: Scores

  func score(_ network: Classifier, in run: RunDirectory, label: String) throws -> Records {
    network.setTraining(false)
    let (folder, order) = testing
    return Records(
      try ClassifierInference(
        network: network, folder: folder, transform: linear.testTransform,
        policy: options.data.onBadImage, label: "\(label): classifying"
      ).records(order, in: run), classCount: data.classNames.count)
  }

  func records(in run: RunDirectory) throws -> Records {
    let count = data.classNames.count
    return Records(
      try run.rows(Self.description.recordFiles[0]).compactMap {
        ClassificationRecord($0, classCount: count)
      }.sorted { $0.index < $1.index }, classCount: count)
  }

  func metrics(_ records: Records) -> [String: MetricValue] {
    Dictionary(
      uniqueKeysWithValues: ClassificationScore.numbers.map {
        ($0.name, MetricValue($0.value(records.score), count: records.score.count))
      })
  }

  func describe(_ records: Records, into result: inout RunResult) {
    result.describe(records.score, classNames: other?.classNames ?? data.classNames)
  }
}
