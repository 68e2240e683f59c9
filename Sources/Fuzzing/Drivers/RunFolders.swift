import CocoFormat
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs
import Training

/// Folders of finished runs, every digest and checksum right, and the reports that read them.
struct RunFolderDriver: FuzzDriver {
  static let name = "runs"
  private let folder: String
  /// The files of each run by name.
  private var runs: [(path: String, files: [String: [UInt8]])] = []
  private let references: JSONMutation

  private static let reference = """
    {"schema":1,"title":"Figures","origin":"published",
    "check":{"task":"linear","images":8,"tolerance":0.05},"figures":[
    {"method":"MoBY","architecture":"Swin-T","epochs":300,"metric":"top1","value":0.75,
    "source":"a paper","protocol":"linear","verified":true,"parameters":28,
    "multiplyAccumulates":4500000000,"tolerance":0.1}]}
    """

  init(folder: String) throws {
    self.folder = folder
    references = JSONMutation(Array(Self.reference.utf8))
    for (number, name) in ["supervised", "MoBY"].enumerated() {
      try addLinear(name, shift: number)
      try addSegmentation(name, shift: number)
      try addDetection(name, shift: number)
    }
    for path in try FileManager.default.contentsOfDirectory(atPath: folder + "/runs").sorted() {
      let run = folder + "/runs/" + path
      var files: [String: [UInt8]] = [:]
      for name in try FileManager.default.contentsOfDirectory(atPath: run) {
        files[name] = try FileBytes.read(run + "/" + name)
      }
      runs.append((run, files))
    }
  }

  // MARK: Sound runs

  private func result(_ task: String, _ name: String) -> RunResult {
    var result = RunResult(
      task: task, backbone: ["name": name, "architecture": "Swin-T", "sha256": name],
      data: ["name": "d", "validation": "v", "validation images": "8", "classes": "2"],
      settings: ["epochs": "3", "seeds": "0"])
    result.classes = [("swan", MetricValue(0.5, count: 4)), ("goose", MetricValue(0.25, count: 4))]
    result.curves["loss"] = [2, 1.5, 1]
    result.notes = ["short training"]
    result.confusions = [Confusion(label: "swan", prediction: "goose", count: 2)]
    result.errorCosts = ["Cls": 0.1, "Loc": 0.2]
    return result
  }

  private func write(_ result: RunResult, records: [String], to path: String) throws {
    var result = result
    for name in records { result.files[name] = try SHA256.digest(file: path + "/" + name) }
    try RunImages(root: "/images", indices: Array(0..<8), paths: (0..<8).map { "\($0).jpg" })
      .write(to: path)
    let events = (0..<4).map {
      RecordLines.line(RunEvent(step: $0, epoch: 1, values: ["loss": 1 / Double($0 + 1)]).json)
    }
    try AtomicFile.write(text: events.joined(), to: path + "/events.jsonl")
    try AtomicFile.write(
      text: #"{"schema":1,"command":"bench","seconds":2.5,"phases":{"training":2}}"#,
      to: path + "/timing.json")
    try AtomicFile.write(
      text: #"{"schema":1,"key":"k","engine":{"version":"1","products":"x"},"scoring":{}}"#,
      to: path + "/manifest.json")
    var plots = RunPlots()
    plots.lines = [
      .init(
        title: "curve", xLabel: "recall", yLabel: "precision",
        lines: [.init(name: "IoU 0.50", x: [0, 1], y: [1, 0.5])])
    ]
    plots.reliabilities = [
      .init(title: "calibration", bins: [.init(confidence: 0.5, accuracy: 0.25, count: 8)])
    ]
    plots.heats = [
      .init(title: "confusion", rows: ["a"], columns: ["a", "b"], values: [[0.75, 0.25]])
    ]
    try plots.write(to: path)
    try RunAttention(
      view: .init(shorterSide: 8, crop: 8, filter: "bilinear"),
      images: [
        .init(
          index: 3,
          maps: [
            .init(title: "of a token", headCount: 1, rows: 1, columns: 2, values: [0.25, 0.5])
          ])
      ]
    ).write(to: path)
    try AtomicFile.write(text: result.json.text(), to: path + "/result.json")
  }

  private func addLinear(_ name: String, shift: Int) throws {
    let path = "\(folder)/runs/linear-\(name)"
    let records = (0..<8).map { image in
      ClassificationRecord(
        index: image, label: image % 2, predictions: [(image + shift) % 3 % 2, image % 2],
        rank: (image + shift) % 3)
    }
    try AtomicFile.write(
      text: records.map { RecordLines.line($0.json(seed: 0)) }.joined(), to: path + "/records.jsonl"
    )
    try AtomicFile.write(
      text: NeighbourRecords.rows([(k: 20, records: records)]).map(RecordLines.line).joined(),
      to: path + "/knn.jsonl")
    var own = result("linear", name)
    for metric in ["top1", "top5", "knn_20"] {
      own.metrics[metric] = MetricValue(successes: 3 + shift, of: 8)
    }
    try write(own, records: ["records.jsonl", "knn.jsonl"], to: path)
  }

  private func addSegmentation(_ name: String, shift: Int) throws {
    let path = "\(folder)/runs/ade20k-\(name)"
    let lines = (0..<8).map { image in
      let found = [40 + image + shift, 50]
      return SegmentationRecordFile.line(
        SegmentationRecord(
          index: image, classes: [0, 1], intersections: found,
          predicted: [100 - 50 + found[0], 100 - found[0] + 50], labelled: [100, 100]),
        name: "\(image)")
    }
    try AtomicFile.write(text: lines.joined(), to: path + "/records.jsonl")
    var own = result("ade20k", name)
    for metric in ["mIoU", "aAcc", "mAcc"] {
      own.metrics[metric] = MetricValue(
        0.4, interval: Interval(low: 0.3, high: 0.5), count: 8)
    }
    try write(own, records: ["records.jsonl"], to: path)
  }

  private func addDetection(_ name: String, shift: Int) throws {
    let path = "\(folder)/runs/coco-\(name)"
    try CocoDriver.sound(folder + "/coco")
    let truth = try CocoAnnotations(path: folder + "/coco/annotations.json")
    let detections = try CocoDetections(
      path: folder + "/coco/results.json", groundTruth: truth)
    for type in [OverlapType.bbox, .segm] {
      try CocoEvaluator.match(detections, to: truth, overlapType: type)
        .write(to: "\(path)/\(type.rawValue).matches")
    }
    var own = result("coco", name)
    own.metrics["bbox/AP"] = MetricValue(
      0.3 + 0.1 * Double(shift), interval: Interval(low: 0.2, high: 0.6), count: 3)
    own.metrics["segm/AP"] = MetricValue(0.2, count: 3)
    own.metrics["bbox/APs"] = MetricValue(.nan, count: 3)
    try write(own, records: ["bbox.matches", "segm.matches"], to: path)
  }

  // MARK: Reading

  mutating func read(_ random: inout RandomStream) throws {
    let (path, files) = random.pick(runs)
    defer {
      for (name, bytes) in files { try? AtomicFile.write(bytes, to: path + "/" + name) }
    }
    for _ in 0..<random.pick([1, 1, 1, 2]) {
      let name = random.pick(files.keys.sorted())
      try AtomicFile.write(changed(name, files[name] ?? [], &random), to: path + "/" + name)
    }
    if !random.once(in: 10) { try seal(path) }
    let figures = folder + "/references/imagenet_linear.json"
    try AtomicFile.write(
      random.once(in: 8) ? references.changed(&random) : references.text, to: figures)
    var builder = ComparisonBuilder()
    builder.resampleCount = 10
    builder.references = folder + "/references"
    builder.cache = random.once(in: 2) ? nil : folder + "/cache"
    builder.offersBaselines = random.once(in: 4)
    builder.ownPictures = { run in
      (RunAttention(folder: run.path)?.images ?? []).map { image in
        RunPictures(
          index: image.index, path: nil,
          pictures: GalleryPictures(missing: image.maps.map { "\($0.title) \($0.mean.count)" }))
      }
    }
    if builder.cache != nil { try changeCache(&random) }
    let runs = folder + "/runs"
    let comparison = try builder.comparison(try RunCatalogue(paths: [runs]))
    _ = (comparison.markdown, comparison.csv, comparison.latex)
    _ = (comparison.html, comparison.json.text())
    for run in comparison.runs { _ = (run.eventFile.bytes.count, run.stepMetrics.count) }
    for place in comparison.cells { _ = comparison.provenance(of: place.cell.id)?.text }
    _ = try ReferenceCheck(comparison, folder: folder + "/references").table.markdown
    _ = RunImages(folder: path)?.path(of: 3)
    _ = try RunDirectory.rows(path + "/events.jsonl").map { RunEvent($0)?.position }
    let pair =
      try self.runs.prefix(2).map { try StoredRun(folder: $0.path) } + [StoredRun(folder: path)]
    if pair[0].path != pair[2].path {
      _ = try RunComparison(pair[0], pair[2], builder: builder).markdown
    }
  }

  private func changed(
    _ name: String, _ bytes: [UInt8], _ random: inout RandomStream
  ) -> [UInt8] {
    if name.hasSuffix(".jsonl") { return RecordText.changed(bytes, &random) }
    if name.hasSuffix(".json") { return JSONMutation(bytes).changed(&random) }
    // Match records end with the checksum of what is before it.
    let body = ByteMutation.changed(Array(bytes.dropLast(4)), &random)
    return body + .little(UInt64(checksum(body)), 4)
  }

  /// Gives a result the digests of the files beside it, and its own.
  private func seal(_ path: String) throws {
    let file = path + "/result.json"
    guard case .object(var members)? = JSONValue(parsing: try FileBytes.read(file)) else { return }
    members["digest"] = nil
    if case .object(var digests)? = members["files"] {
      for name in digests.keys {
        if let digest = try? SHA256.digest(file: path + "/" + name) {
          digests[name] = .string(digest)
        }
      }
      members["files"] = .object(digests)
    }
    members["digest"] = .string(SHA256.digest(JSONValue.object(members).text()))
    try AtomicFile.write(text: JSONValue.object(members).text(), to: file)
  }

  private func changeCache(_ random: inout RandomStream) throws {
    let cache = folder + "/cache"
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []).sorted()
    // The changed runs leave a file each; the sound ones are few.
    if names.count > 50 { try FileManager.default.removeItem(atPath: cache) }
    guard let name = names.first, names.count <= 50, random.once(in: 2) else { return }
    let bytes = try FileBytes.read(cache + "/" + name)
    try AtomicFile.write(JSONMutation(bytes).changed(&random), to: cache + "/" + name)
  }
}
