import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Protocols
import Reporting
import Runs
import Scoring
import Training
import VisionData

/// Detection and instance segmentation on COCO, as a task that networks are fine-tuned for.
struct DetectionTask: FineTuningTask {
  static let description = TaskDescription.coco
  static let otherFiles = [RunImages.detections]
  static let lengthUnit = LengthUnit.epoch

  /// What one detector found, and how it was matched; `found` is empty when read back.
  struct Records: FineTuningRecords {
    let boxes, masks: MatchRecords
    var found: [CocoResult] = []

    var resampled: any ResampledMetric { ResampledDetection([boxes, masks]) }
  }

  private(set) var recipe: DetectionRecipe
  let dataIdentity: [String: String]
  private var training: DetectionDataset?
  private var testing: DetectionDataset
  private let options: FineTuningOptions

  /// Hashes annotations and images.
  init(
    _ options: DetectionOptions, training: DetectionDataset?, testing: DetectionDataset,
    dataName: String, digests: FileDigests
  ) throws(FileError) {
    recipe = options.resolvedRecipe()
    self.options = options.common
    self.training = training
    self.testing = testing
    var identity = ["name": dataName, "test split": options.testSplit.rawValue]
    for (name, set) in [("train", training), ("test", testing)] {
      guard let set else { continue }
      identity[name] = try set.annotationHash(digests)
      identity["\(name) images"] = String(set.images.count)
      identity["\(name) contents"] = set.imageHash(digests)
    }
    identity["classes"] = String((training ?? testing).classCount)
    dataIdentity = identity
  }

  /// The same task with two images an update.
  var inPairs: DetectionTask {
    var task = self
    task.recipe.batchSize = 2
    return task
  }

  func trainingSettings(_ network: Detector) -> [String: String] {
    var settings = recipe.settings
    settings["detector"] = network.configuration.name
    settings["network"] = network.configuration.backbone.name
    if let training, training.annotations.objectsWithoutMask > 0 {
      settings["masks"] =
        training.fillsMasks ? "boxes where objects have none" : "of objects that have one"
    }
    return settings
  }

  func deviations(_ network: Detector, isTrained: Bool) -> Deviations {
    var found =
      isTrained ? recipe.deviations(of: network.configuration) : recipe.testDeviations
    if isTrained, let training {
      found.part(training.images.count, of: training.wholeCount, "training")
    }
    found.part(testing.images.count, of: testing.wholeCount, "test")
    return found
  }

  /// Whether the masks that are found mean anything, and have something to be right about.
  private var scoresMasks: Bool {
    testing.hasMasks && (training.map { $0.hasMasks || $0.fillsMasks } ?? true)
  }

  func testSettings(_ network: Detector) -> [String: String] {
    var settings = ["detector": network.configuration.name]
    for name in ["test size", "proposals", "score threshold", "detections"] {
      settings[name] = recipe.settings[name]
    }
    return settings
  }

  var images: RunImages {
    RunImages(
      root: testing.folder, indices: testing.images.map { testing.annotations.images[$0].id },
      paths: testing.images.map { testing.relativePath($0) })
  }

  // MARK: Networks

  var configuration: DetectorConfiguration {
    var configuration = recipe.detector
    configuration.classCount = (training ?? testing).classCount
    return configuration
  }

  var recipeTitle: String { recipe.title }

  var classes: (names: [String], source: String) {
    (testing.classNames, testing.annotations.path)
  }

  func accept(_ network: Detector, from path: String) throws {
    let own = network.configuration
    guard options.evaluatesOnly || own.isCascade == recipe.detector.isCascade else {
      throw CheckpointError(
        path: path,
        problem: "holds a \(own.name), which --recipe \(recipe.name.rawValue) does not train",
        remedy: own.isCascade
          ? "use --recipe cascade-1x or cascade-3x" : "use --recipe mask-rcnn-1x or mask-rcnn-3x")
    }
  }

  // MARK: Training

  func training(_ network: Detector, seed: Int, label: String) throws -> (any Trainee)? {
    network.dropsEmptyProposals = recipe.dropsEmptyProposals
    return try training.map {
      DetectorTraining(
        recipe: recipe, detector: network, dataset: $0, seed: UInt64(seed),
        label: "\(label): training",
        groups: try .shared(batchSize: recipe.batchSize, count: recipe.passesPerStep))
    }
  }

  func holdingOut(_ part: Double) throws -> (task: DetectionTask, count: Int)? {
    guard let training, let held = Self.heldOut(part, of: training.images.count) else {
      return nil
    }
    func images(_ isHeld: Bool) -> [Int] {
      training.images.indices.filter { held.contains($0) == isHeld }.map { training.images[$0] }
    }
    var task = self
    task.training = try training.keeping(images(false))
    task.testing = try training.keeping(images(true))
    return (task, held.count)
  }

  func learning(at rate: Double) -> DetectionTask {
    var task = self
    task.recipe.learningRate = rate
    return task
  }

  // MARK: Scores

  /// Detects, writes COCO's two result files, and matches them to the ground truth.
  func score(_ network: Detector, in run: RunDirectory, label: String) throws -> Records {
    network.dropsEmptyProposals = recipe.dropsEmptyProposals
    network.selection = (recipe.scoreThreshold, recipe.detectionLimit)
    let found = try DetectionInference(
      detector: network, dataset: testing, testSize: recipe.testSize, label: "\(label): detecting"
    ).results(testing.images, in: run)
    var boxes = found
    var masks = found
    for index in found.indices {
      boxes[index].segmentation = .none
      masks[index].box = nil
    }
    let truth = testing.annotations
    var matched: [MatchRecords] = []
    for (type, results) in [(OverlapType.bbox, boxes), (.segm, masks)] {
      try CocoWriter.write(results, to: "\(run.path)/\(type.rawValue).json")
      let records = CocoEvaluator.match(
        try CocoDetections(results, name: type == .bbox ? "boxes" : "masks", groundTruth: truth),
        to: truth, images: testing.images, overlapType: type)
      try records.write(to: "\(run.path)/\(type.rawValue).matches")
      matched.append(records)
    }
    return Records(boxes: matched[0], masks: matched[1], found: found)
  }

  func records(in run: RunDirectory) throws -> Records {
    let matched = try Self.description.recordFiles.map {
      try MatchRecords(path: run.path + "/" + $0)
    }
    return Records(boxes: matched[0], masks: matched[1])
  }

  func metrics(_ records: Records) -> [String: MetricValue] {
    DetectionNumbers.metrics(
      ([records.boxes] + (scoresMasks ? [records.masks] : [])).map { CocoScores($0) },
      imageCount: testing.images.count)
  }

  /// What each class scores, and what each kind of error costs.
  func describe(_ records: Records, into result: inout RunResult) throws {
    let truth = testing.annotations
    result.classes += DetectionNumbers.classes(
      CocoScores(records.boxes), of: truth, imageCount: testing.images.count)
    let errors = DetectionErrors(
      try CocoDetections(records.found, name: "boxes", groundTruth: truth), groundTruth: truth,
      images: testing.images, overlapType: .bbox)
    for (kind, loss) in errors.losses { result.errorCosts[kind.rawValue] = loss }
  }
}
