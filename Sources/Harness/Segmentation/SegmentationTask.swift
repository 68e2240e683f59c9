import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Reporting
import Training
import VisionData

/// Semantic segmentation on ADE20K, as a task that networks are fine-tuned for.
struct SegmentationTask: FineTuningTask {
  static let description = TaskDescription.ade20k
  static let networkName = "segmentor"
  static let otherFiles: [String] = []

  /// The pixel counts of every image and of all together.
  struct Records: FineTuningRecords {
    let images: [SegmentationRecord]
    let score: SegmentationScore

    init(_ images: [SegmentationRecord], classCount: Int) {
      self.images = images
      var score = SegmentationScore(classCount: classCount)
      for image in images { score.add(image) }
      self.score = score
    }

    var resampled: any ResampledMetric { ResampledSegmentation(images) }
  }

  let dataIdentity: [String: String]
  private let options: SegmentationOptions
  private let classes: SegmentationClasses
  private let training, testing: SegmentationFolder

  /// Hashes the data set.
  init(
    _ options: SegmentationOptions, data: SegmentationData, training: SegmentationFolder,
    testing: SegmentationFolder, dataName: String
  ) {
    self.options = options
    self.training = training
    self.testing = testing
    classes = data.classes
    let whole = options.testSplit == .training ? data.training : data.validation
    dataIdentity = [
      "name": dataName, "train": data.training.manifestHash(), "test": whole.manifestHash(),
      "test split": options.testSplit.rawValue, "train images": String(training.count),
      "test images": String(testing.count), "classes": String(classes.count),
      "labels": classes.encoding.kind.rawValue,
    ]
  }

  /// The classes by label.
  var classNames: [String] { classes.names }

  private var recipe: SegmentationRecipe { options.recipe }
  private var testView: String { "\(options.mode.rawValue), \(options.testing.summary)" }

  var trainingSettings: [String: String] {
    recipe.settings.merging(["test": testView]) { $1 }
  }

  func testSettings(_ network: Segmentor) -> [String: String] {
    ["segmentor": network.configuration.name, "test": testView]
  }

  var images: RunImages {
    let indices = Array(0..<testing.count)
    return RunImages(
      root: testing.root, indices: indices, paths: indices.map { testing.relativeImagePath($0) })
  }

  // MARK: Networks

  var architectureName: String { recipe.backbone.name }

  func makeNetwork(seed: Int) -> Segmentor {
    Segmentor(
      recipe.configuration(classCount: classes.count),
      initializer: Initializer(seed: UInt64(seed)))
  }

  func load(backbone path: String, into network: Segmentor) throws -> LoadReport {
    let from = options.common.backbone
    let loaded = try BackboneLoader.load(
      path: path, branch: from.branch, allowsPartial: from.allowsPartial)
    try network.backbone.takeWeights(of: loaded)
    return loaded.report
  }

  func load(network path: String) throws -> (network: Segmentor, report: LoadReport) {
    let loaded = try Segmentor.load(
      path: path, allowsPartial: options.common.backbone.allowsPartial)
    let count = loaded.network.configuration.classCount
    guard count == classes.count else {
      throw CheckpointError(
        path: path,
        problem: "tells \(count) classes apart where the data has \(classes.count)",
        remedy: "give --classes, or the data that the segmentor was trained for")
    }
    return (loaded.network, loaded.report)
  }

  func write(_ network: Segmentor, to path: String) throws {
    try network.write(
      metadata: [
        ("recipe", recipe.preset.title(recipe.name.rawValue)),
        ("classes", classes.names.joined(separator: ",")),
      ], to: path)
  }

  func restore(_ network: Segmentor, from path: String) throws {
    network.copyParameters(from: try Segmentor.load(path: path).network)
  }

  // MARK: Training

  func training(_ network: Segmentor, seed: Int, label: String) -> (any Trainee)? {
    SegmentorTraining(
      recipe: recipe, segmentor: network, folder: training, encoding: classes.encoding,
      seed: UInt64(seed), label: "\(label): training")
  }

  // MARK: Scores

  func score(_ network: Segmentor, in run: RunDirectory, label: String) throws -> Records {
    Records(
      try SegmentorInference(
        segmentor: network, testing: options.testing, mode: options.mode,
        windowSize: recipe.cropSize
      ).records(
        testing, encoding: classes.encoding, count: testing.count, in: run,
        label: "\(label): segmenting"), classCount: classes.count)
  }

  func records(in run: RunDirectory) throws -> Records {
    Records(
      try run.rows("records.jsonl").compactMap {
        SegmentationRecord($0, classCount: classes.count)
      }.sorted { $0.index < $1.index }, classCount: classes.count)
  }

  func metrics(_ records: Records) -> [String: MetricValue] {
    let score = records.score
    var metrics: [String: Double] = [:]
    for number in SegmentationScore.numbers { metrics[number.name] = number.value(score) }
    for (index, name) in classes.names.enumerated() where !score.classIoU[index].isNaN {
      metrics["IoU/\(name)"] = score.classIoU[index]
    }
    return metrics.mapValues { MetricValue($0, count: testing.count) }
  }

  /// What each class scores.
  func describe(_ records: Records, into result: inout RunResult) {
    for (index, name) in classes.names.enumerated() where !records.score.classIoU[index].isNaN {
      result.classes.append(
        (name, MetricValue(records.score.classIoU[index], count: testing.count)))
    }
  }
}
