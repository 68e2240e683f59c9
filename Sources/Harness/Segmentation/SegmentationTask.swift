import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Processes
import Protocols
import Reporting
import Runs
import Scoring
import Training
import VisionData

/// Semantic segmentation on ADE20K, as a task that networks are fine-tuned for.
struct SegmentationTask: FineTuningTask {
  static let description = TaskDescription.ade20k
  static let otherFiles: [String] = []
  static let lengthUnit = LengthUnit.iteration

  /// The pixel counts of every image and of all together.
  struct Records: FineTuningRecords {
    let images: [SegmentationRecord]
    let score: SegmentationScore
    private let suffix: String

    /// - Parameter suffix: What follows the names of the numbers.
    init(_ images: [SegmentationRecord], classCount: Int, suffix: String = "") {
      self.images = images
      self.suffix = suffix
      var score = SegmentationScore(classCount: classCount)
      for image in images { score.add(image) }
      self.score = score
    }

    var resampled: any ResampledMetric {
      var counts = ResampledSegmentation(images)
      counts.suffix = suffix
      return counts
    }
  }

  let dataIdentity: [String: String]
  private(set) var recipe: SegmentationRecipe
  private let options: SegmentationOptions
  private let table: SegmentationClasses
  private var training: SegmentationFolder?
  private var testing: SegmentationFolder
  // Images of the whole splits.
  private let trainingTotal, testingTotal: Int

  /// Hashes the data set.
  init(
    _ options: SegmentationOptions, data: SegmentationData, training: SegmentationFolder?,
    testing: SegmentationFolder, dataName: String, digests: FileDigests
  ) {
    self.options = options
    recipe = options.resolvedRecipe()
    self.training = training
    self.testing = testing
    table = data.classes
    (trainingTotal, testingTotal) = (data.training?.count ?? 0, data.testing.count)
    var identity = [
      "name": dataName, "test": data.testing.manifestHash(digests),
      "test split": options.testSplit.rawValue, "test images": String(testing.count),
      "classes": String(table.count), "labels": table.encoding.kind.rawValue,
    ]
    if let whole = data.training, let training {
      identity["train"] = whole.manifestHash(digests)
      identity["train images"] = String(training.count)
    }
    dataIdentity = identity
  }

  /// The names of the classes, which results say.
  ///
  /// Those of published tables stand for themselves, so that runs on them are the same as ever.
  var keyParts: [String: [String: String]] {
    let published: [SegmentationClasses] = [.ade20k, .cityscapes, .voc]
    guard !published.contains(where: { $0.names == table.names }) else { return [:] }
    return ["classes": ["names": SHA256.digest(table.names.joined(separator: "\n"))]]
  }

  /// The same task with two crops an update.
  var inPairs: SegmentationTask {
    var task = self
    task.recipe.batchSize = 2
    // The user's groups are those of the whole batch.
    task.recipe.groupCount = nil
    return task
  }
  private var testView: String { "\(options.mode.rawValue), \(options.testing.summary)" }

  func trainingSettings(_ network: Segmentor) -> [String: String] {
    recipe.settings.merging(["network": network.configuration.name, "test": testView]) { $1 }
  }

  func deviations(_ network: Segmentor, isTrained: Bool) -> Deviations {
    var found =
      isTrained ? recipe.deviations(of: network.configuration) : recipe.testDeviations
    if options.mode == .slide { found.add("test in windows instead of whole images") }
    if options.mode == .flip { found.add("test with mirrored images") }
    if isTrained, let training {
      found.part(training.count, of: trainingTotal, "training")
    }
    found.part(testing.count, of: testingTotal, "test")
    return found
  }

  func testSettings(_ network: Segmentor) -> [String: String] {
    ["segmentor": network.configuration.name, "test": testView]
  }

  var images: RunImages {
    let indices = Array(0..<testing.count)
    return RunImages(
      root: testing.root, indices: indices, paths: indices.map { testing.relativeImagePath($0) })
  }

  // MARK: Frozen backbones

  /// Settings of the measurement of a frozen backbone.
  var frozenSettings: [String: String] {
    recipe.frozenSettings.merging(["test": testView]) { $1 }
  }

  /// What its measurement has otherwise than the published one.
  func frozenDeviations(hasPatches: Bool) -> Deviations {
    var found = recipe.frozenDeviations(hasPatches: hasPatches)
    if let training { found.part(training.count, of: trainingTotal, "training") }
    found.part(testing.count, of: testingTotal, "test")
    return found
  }

  /// Training images as the recipe shows them, batch by batch.
  ///
  /// - Parameters:
  ///   - sampler: Which images come when.
  ///   - share: The places of each batch that this process loads.
  func loader(
    _ sampler: StepSampler, share: Range<Int>, steps: Range<Int>, pixels: ByteNormalization
  ) -> SegmentationLoader? {
    training.map {
      SegmentationLoader(
        folder: $0, encoding: table.encoding, transform: recipe.training, normalization: pixels,
        sampler: sampler, share: share, steps: steps)
    }
  }

  /// How many training and test images there are.
  var imageCounts: (training: Int, testing: Int) { (training?.count ?? 0, testing.count) }

  // MARK: Networks

  var configuration: SegmentorConfiguration { recipe.configuration(classCount: table.count) }

  var recipeTitle: String { recipe.preset.title(recipe.name.rawValue) }

  var classes: (names: [String], source: String) { (table.names, testing.root) }

  // MARK: Training

  func training(_ network: Segmentor, seed: Int, label: String) throws -> (any Trainee)? {
    // Running statistics follow one pass after the other, which needs one process.
    if recipe.imagesPerPass < recipe.batchSize, Processes.current.size > 1 {
      throw ProcessCountError(
        size: Processes.current.size, allowed: [1],
        reason: "batch norms of --images-per-pass \(recipe.imagesPerPass) see no other pass")
    }
    return try training.map {
      SegmentorTraining(
        recipe: recipe, segmentor: network, folder: $0, encoding: table.encoding,
        seed: UInt64(seed), label: "\(label): training",
        groups: try .shared(batchSize: recipe.batchSize, count: recipe.groups))
    }
  }

  func holdingOut(_ part: Double) throws -> (task: SegmentationTask, count: Int)? {
    guard let training, let held = Self.heldOut(part, of: training.count) else { return nil }
    var task = self
    task.training = try training.keeping((0..<training.count).filter { !held.contains($0) })
    task.testing = try training.keeping((0..<training.count).filter(held.contains))
    return (task, held.count)
  }

  func learning(at rate: Double) -> SegmentationTask {
    var task = self
    task.recipe.learningRate = rate
    return task
  }

  // MARK: Scores

  func score(_ network: Segmentor, in run: RunDirectory, label: String) throws -> Records {
    try records(of: network, in: run, label: label)
  }

  /// Scores whatever gives pixels classes.
  ///
  /// - Parameter pixels: How pixels become numbers for it.
  /// - Throws: As `score`.
  func records(
    of classifier: any PixelClassifier, pixels: ByteNormalization = .imageNet,
    in run: RunDirectory, label: String
  ) throws -> Records {
    Records(
      try SegmentorInference(
        segmentor: classifier, pixels: pixels, testing: options.testing, mode: options.mode,
        windowSize: recipe.cropSize
      ).records(
        testing, encoding: table.encoding, count: testing.count, in: run,
        label: "\(label): segmenting"), classCount: table.count, suffix: options.mode.suffix)
  }

  func records(in run: RunDirectory) throws -> Records {
    Records(
      try run.rows("records.jsonl").compactMap {
        SegmentationRecord($0, classCount: table.count)
      }.sorted { $0.index < $1.index }, classCount: table.count, suffix: options.mode.suffix)
  }

  func metrics(_ records: Records) -> [String: MetricValue] {
    SegmentationNumbers.metrics(
      records.score, classes: table.names, suffix: options.mode.suffix)
  }

  /// What each class scores.
  func describe(_ records: Records, into result: inout RunResult) {
    result.classes += SegmentationNumbers.classes(records.score, names: table.names)
  }
}
