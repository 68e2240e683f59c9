import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Reporting
import Training
import VisionData

/// Detection and instance segmentation on COCO, as a task that networks are fine-tuned for.
struct DetectionTask: FineTuningTask {
  static let description = TaskDescription.coco
  static let networkName = "detector"
  static let otherFiles = [DetectionInference.fileName]

  /// What one detector found, and how it was matched; `found` is empty when read back.
  struct Records: FineTuningRecords {
    let boxes, masks: MatchRecords
    var found: [CocoResult] = []

    var resampled: any ResampledMetric { ResampledDetection([boxes, masks]) }
  }

  let recipe: DetectionRecipe
  let dataIdentity: [String: String]
  private let training: DetectionDataset?
  private let testing: DetectionDataset
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
      identity[name] = try SHA256.digest(file: set.annotations.path)
      identity["\(name) images"] = String(set.images.count)
      identity["\(name) contents"] = set.imageHash(digests)
    }
    identity["classes"] = String(testing.classCount)
    dataIdentity = identity
  }

  var trainingSettings: [String: String] { recipe.settings }

  func testSettings(_ network: Detector) -> [String: String] {
    ["test size": recipe.settings["test size"] ?? "", "detector": network.configuration.name]
  }

  var images: RunImages {
    let images = testing.images.map { testing.annotations.images[$0] }
    return RunImages(
      root: testing.folder, indices: images.map(\.id), paths: images.map(\.fileName))
  }

  // MARK: Networks

  private var configuration: DetectorConfiguration {
    var configuration = recipe.detector
    configuration.classCount = testing.classCount
    return configuration
  }

  var architectureName: String { configuration.backbone.name }

  func makeNetwork(seed: Int) -> Detector {
    Detector(configuration, initializer: Initializer(seed: UInt64(seed)))
  }

  func load(backbone path: String, into network: Detector) throws -> LoadReport {
    let loaded = try BackboneLoader.load(
      path: path, branch: options.backbone.branch,
      claim: NetworkClaim(architecture: configuration.backbone),
      allowsPartial: options.backbone.allowsPartial)
    var report = loaded.report
    report.note(resized: try network.backbone.takeWeights(of: loaded))
    return report
  }

  func load(network path: String) throws -> (network: Detector, report: LoadReport) {
    let loaded = try Detector.load(
      path: path, allowsPartial: options.backbone.allowsPartial)
    let count = loaded.network.configuration.classCount
    guard count == testing.classCount else {
      throw CheckpointError(
        path: path,
        problem: "tells \(count) classes apart where \(testing.annotations.path) has "
          + "\(testing.classCount)",
        remedy: "give the annotations that the detector was trained for")
    }
    return (loaded.network, loaded.report)
  }

  func write(_ network: Detector, to path: String) throws {
    try network.write(
      metadata: [
        ("recipe", recipe.title), ("classes", testing.classNames.joined(separator: ",")),
      ], to: path)
  }

  func restore(_ network: Detector, from path: String) throws {
    network.copyParameters(from: try Detector.load(path: path).network)
  }

  // MARK: Training

  func training(_ network: Detector, seed: Int, label: String) -> (any Trainee)? {
    training.map {
      DetectorTraining(
        recipe: recipe, detector: network, dataset: $0, seed: UInt64(seed),
        label: "\(label): training")
    }
  }

  // MARK: Scores

  /// Detects, writes COCO's two result files, and matches them to the ground truth.
  func score(_ network: Detector, in run: RunDirectory, label: String) throws -> Records {
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
    var metrics: [String: MetricValue] = [:]
    // Where no object has a mask there is nothing that masks could be right about.
    let truth = testing.annotations
    let hasMasks = truth.objectsWithoutMask < truth.annotations.count
    for (name, matches) in [("bbox", records.boxes)] + (hasMasks ? [("segm", records.masks)] : []) {
      // COCO says -1 where there is nothing to find, such as no object of a size.
      for metric in CocoScores(matches).metrics() where metric.value >= 0 {
        metrics["\(name)/\(metric.name)"] = MetricValue(
          metric.value, count: testing.images.count)
      }
    }
    return metrics
  }

  /// What each class scores, and what each kind of error costs.
  func describe(_ records: Records, into result: inout RunResult) throws {
    let truth = testing.annotations
    let scores = CocoScores(records.boxes)
    for (place, id) in records.boxes.categoryIDs.enumerated() {
      let value = scores.averagePrecision(category: place)
      guard value >= 0, let category = truth.categoryIndex(id: id) else { continue }
      result.classes.append(
        (truth.categories[category].name, MetricValue(value, count: testing.images.count)))
    }
    let errors = DetectionErrors(
      try CocoDetections(records.found, name: "boxes", groundTruth: truth), groundTruth: truth,
      images: testing.images, overlapType: .bbox)
    for (kind, loss) in errors.losses { result.errorCosts[kind.rawValue] = loss }
  }
}
