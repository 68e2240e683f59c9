import Evaluation
import FileSupport
import Foundation
import Reporting
import TestSupport

/// Folders of runs with outcomes that a test decides.
struct SyntheticRuns {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  var path: String { folder.path + "/runs" }

  /// Writes a linear run in which `isRight` says of each image and seed whether it was right.
  @discardableResult
  func linear(
    _ name: String, images: Int = 200, seeds: [Int] = [0], settings: [String: String] = [:],
    data: [String: String] = [:], slug: String? = nil, architecture: String = "Swin-T",
    group: String? = nil, isRight: (_ image: Int, _ seed: Int) -> Bool
  ) throws -> String {
    let folder = path + "/" + (slug ?? "linear-" + name.lowercased())
    var result = RunResult(
      task: "linear",
      backbone: ["name": name, "architecture": architecture, "sha256": "weights-of-\(name)"],
      data: [
        "name": "sample", "train": "t", "validation": "v", "validation images": String(images),
        "classes": "2",
      ].merging(data) { $1 },
      settings: ["epochs": "100", "seeds": seeds.map(String.init).joined(separator: ",")]
        .merging(settings) { $1 })
    result.backbone["group"] = group
    var lines = ""
    for seed in seeds {
      for image in 0..<images {
        let right = isRight(image, seed)
        let label = image % 2
        let record = ClassificationRecord(
          index: image, label: label, predictions: [right ? label : 1 - label],
          rank: right ? 0 : 1)
        lines += RecordLines.line(record.json(seed: seed))
      }
    }
    try AtomicFile.write(text: lines, to: folder + "/records.jsonl")
    let accuracies = seeds.map { seed in (0..<images).count { isRight($0, seed) } }
    result.metrics["top1"] = MetricValue(
      successes: accuracies.reduce(0, +) / seeds.count, of: images)
    result.classes = ["swan", "goose"].enumerated().map { label, name in
      let own = (0..<images).filter { $0 % 2 == label }
      return (
        name, MetricValue(successes: own.count { isRight($0, seeds[0]) }, of: own.count)
      )
    }
    result.curves["val_top1"] = [0.1, 0.3, 0.4]
    result.files["records.jsonl"] = try SHA256.digest(file: folder + "/records.jsonl")
    try write(result, to: folder, command: "bench-linear --backbone \(name).pth")
    return folder
  }

  /// Writes a segmentation run; `part` is how much of an image's class is found.
  @discardableResult
  func segmentation(
    _ name: String, images: Int = 60, slug: String? = nil, architecture: String = "Swin-T",
    settings: [String: String] = ["iterations": "160000"], part: (Int) -> Double
  ) throws -> String {
    let folder = path + "/ade20k-" + (slug ?? name).lowercased()
    var result = RunResult(
      task: "ade20k", backbone: ["name": name, "architecture": architecture, "sha256": name],
      data: ["name": "ade", "validation": "s", "validation images": String(images)],
      settings: settings)
    var lines = ""
    var records: [SegmentationRecord] = []
    for image in 0..<images {
      // What is not found of a class is taken for the other one.
      let both = [0, 1].map { Int(100 * part(image + $0)) }
      records.append(
        SegmentationRecord(
          index: image, classes: [0, 1], intersections: both,
          predicted: [110 - both[1] + both[0], 110 - both[0] + both[1]], labelled: [110, 110]))
      lines += SegmentationRecordFile.line(records[image], name: "i\(image)")
    }
    let outcomes = ResampledSegmentation(records)
    try AtomicFile.write(text: lines, to: folder + "/records.jsonl")
    let values = outcomes.values(weights: [Int32](repeating: 1, count: images))
    for (name, value) in zip(outcomes.metricNames, values) {
      result.metrics[name] = MetricValue(value, count: images)
    }
    try write(result, to: folder, command: "bench-ade20k --backbone \(name)")
    return folder
  }

  /// Writes a detection run without records, as one that another program made.
  @discardableResult
  func detection(
    _ name: String, boxAP: Double, architecture: String = "Swin-T",
    settings: [String: String] = ["schedule": "1x"]
  ) throws -> String {
    let folder = path + "/coco-" + name.lowercased()
    var result = RunResult(
      task: "coco", backbone: ["name": name, "architecture": architecture],
      data: ["name": "coco", "validation images": "50"], settings: settings)
    result.metrics["bbox/AP"] = MetricValue(boxAP, count: 50)
    result.errorCosts = ["Cls": 0.031, "Loc": 0.062, "Miss": 0.081]
    result.curves["loss"] = (0..<1000).map { update -> Double in
      let noise = update % 7 == 0 ? 1.8 : -0.3
      return 3 - Double(update) / 500 + noise
    }
    result.confusions = [Confusion(label: "cat", prediction: "dog", count: 12)]
    try write(result, to: folder, command: "bench-coco")
    return folder
  }

  func write(_ result: RunResult, to folder: String, command: String) throws {
    try AtomicFile.write(
      text: result.json.text(isPretty: true) + "\n", to: folder + "/result.json")
    try AtomicFile.write(
      text: JSONValue.object(["seconds": .number(2.5), "command": .string(command)]).text(),
      to: folder + "/timing.json")
  }

  /// The comparison of all runs, with the figures that the repository ships.
  func comparison(_ change: (inout ComparisonBuilder) -> Void = { _ in }) throws -> Comparison {
    var builder = ComparisonBuilder()
    builder.resampleCount = 300
    change(&builder)
    return try builder.comparison(try RunCatalogue(paths: [path]))
  }

  static let references = SourceTree.root.appendingPathComponent("reports/reference").path
}
