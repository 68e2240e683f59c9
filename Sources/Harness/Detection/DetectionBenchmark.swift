import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import Layers
import Models
import Reporting
import SampleData
import TensorCore
import Threads
import Training
import VisionData

/// Fine-tunes detectors on backbones, or takes finished ones, and compares their boxes and masks.
public struct DetectionBenchmark {
  private let options: DetectionOptions
  private let recipe: DetectionRecipe
  private let root: String
  private let dataName: String
  private let training: DetectionDataset?
  private let testing: DetectionDataset
  private let testImages: [Int]
  private let dataIdentity: [String: String]

  /// A finished candidate.
  struct Outcome {
    var result: RunResult
    let boxes, masks: MatchRecords
  }

  /// Runs the benchmark.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings, data or checkpoints.
  public static func run(_ parsed: ParsedOptions<DetectionOptions>) throws -> ExitCode {
    let options = parsed.options
    try options.validate()
    try Engine.check()
    if options.isDryRun {
      let settings = options.resolvedRecipe().settings.sorted { $0.key < $1.key }
      Console.output(
        parsed.summary + "\n" + settings.map { "\($0.key): \($0.value)" }.joined(separator: "\n"))
      return .success
    }
    if options.quiet { ProgressReporter.silence() }
    if options.threads > 0 { ThreadPool.shared.threadCount = options.threads }
    if !options.quiet {
      Console.error(
        "OpenBLAS core \(BLAS.coreName), \(ThreadPool.shared.threadCount) threads")
    }
    let benchmark = try DetectionBenchmark(options)
    let outcomes = try benchmark.candidates().map { try benchmark.outcome(of: $0) }
    try benchmark.report(outcomes)
    return .success
  }

  private init(_ options: DetectionOptions) throws {
    self.options = options
    recipe = options.resolvedRecipe()
    if options.data.isEmpty {
      let progress = ProgressReporter("sample set", total: SampleSet().fileCount, unit: "files")
      root = try SampleSet().generate(at: "datasets/sample") { done, _ in progress.advance(to: done)
      }.instancesPath
      progress.finish()
      dataName = "sample"
    } else {
      root = options.data
      dataName = (root as NSString).lastPathComponent
    }
    var training: DetectionDataset?
    if !options.evaluatesOnly {
      training = try DetectionDataset(root: root, split: "train2017", use: .training)
    }
    if options.trainLimit > 0 { training = training?.first(options.trainLimit) }
    self.training = training
    var testing = try DetectionDataset(
      root: root, split: options.testSplit,
      use: options.testSplit == "train2017" ? .training : .testing)
    if options.limit > 0, options.limit < testing.images.count {
      // The evaluator scores whole files, so the chosen images get one of their own.
      let path = try AnnotationSubset.write(
        testing.annotations, images: testing.first(options.limit).images, in: options.cache)
      testing = try DetectionDataset(
        annotations: CocoAnnotations(path: path), folder: testing.folder, use: .testing)
    }
    self.testing = testing
    testImages = testing.images
    var identity = ["name": dataName, "test split": options.testSplit]
    for (name, set) in [("train", training), ("test", testing)] {
      guard let set else { continue }
      identity[name] = try FileBytes.read(set.annotations.path).withUnsafeBytes {
        SHA256.digest($0)
      }
      identity["\(name) images"] = String(set.images.count)
    }
    identity["classes"] = String(testing.classCount)
    dataIdentity = identity
  }

  private func candidates() throws -> [FineTuningCandidate] {
    try FineTuningCandidate.list(
      networks: options.detectors, backbones: options.backbones,
      architecture: recipe.detector.backbone, cache: options.cache)
  }

  // MARK: One candidate

  private func outcome(of candidate: FineTuningCandidate) throws -> Outcome {
    var settings = recipe.settings
    settings["seed"] = String(options.seed)
    settings["branch"] = options.branch.rawValue
    let detector: Detector
    var identity = ["name": candidate.title]
    var notes: [String] = []
    switch candidate {
    case .network(_, let path):
      let loaded = try DetectorFile.load(path: path, allowsPartial: options.allowsPartial)
      try requireClasses(loaded, path)
      if !options.quiet { Console.error(loaded.report.summary) }
      detector = loaded.detector
      identity["architecture"] = loaded.report.architecture
      identity["sha256"] = loaded.report.sha256
      if options.evaluatesOnly {
        settings = [
          "test size": recipe.settings["test size"] ?? "", "detector": detector.configuration.name,
        ]
      } else {
        settings["start"] = "whole detector"
      }
    case .backbone(_, let path, let note):
      var configuration = recipe.detector
      configuration.classCount = testing.classCount
      detector = Detector(configuration, initializer: Initializer(seed: UInt64(options.seed)))
      identity["architecture"] = configuration.backbone.name
      identity["sha256"] = "random, seed \(options.seed)"
      if let report = try detector.backbone.takeWeights(
        path: path, branch: options.branch, allowsPartial: options.allowsPartial,
        isQuiet: options.quiet)
      {
        identity["sha256"] = report.sha256
        identity["layout"] = report.layout
      }
      if let note { notes.append(note) }
    }
    var result = RunResult(
      task: "coco", backbone: identity, data: dataIdentity, settings: settings)
    let key = SHA256.digest(result.contents.text())
    let run = try RunDirectory(for: result, slug: candidate.slug, key: key, in: options.output)
    if options.restarts { try clear(run) }
    if let training {
      try train(detector, training, in: run, key: key, title: candidate.title)
    }
    let inference = DetectionInference(
      detector: detector, dataset: testing, testSize: recipe.testSize,
      label: "\(candidate.title): detecting")
    let found = try inference.results(testImages, in: run)
    let (boxes, masks) = try match(found, in: run)
    result.notes = notes
    summarize(boxes, masks, into: &result)
    try describe(found, boxes, masks, run, into: &result)
    try RunImages(
      root: testing.folder, indices: testImages.map { testing.annotations.images[$0].id },
      paths: testImages.map { testing.annotations.images[$0].fileName }
    ).write(to: run.path)
    try run.write(result.json, to: "result.json")
    try run.noteCommand()
    return Outcome(result: result, boxes: boxes, masks: masks)
  }

  private func requireClasses(_ loaded: LoadedDetector, _ path: String) throws {
    let count = loaded.detector.configuration.classCount
    guard count == testing.classCount else {
      throw CheckpointError(
        path: path,
        problem: "tells \(count) classes apart where \(testing.annotations.path) has "
          + "\(testing.classCount)",
        remedy: "give the annotations that the detector was trained for")
    }
  }

  private func clear(_ run: RunDirectory) throws {
    for name in ["detector.pth", "state.safetensors", "result.json"] {
      unlink(run.path + "/" + name)
    }
    try run.restart(DetectionInference.fileName)
    try run.restart("events.jsonl")
  }

  /// Trains, or takes over the finished detector of an earlier run of the same settings.
  private func train(
    _ detector: Detector, _ training: DetectionDataset, in run: RunDirectory, key: String,
    title: String
  ) throws {
    let path = run.path + "/detector.pth"
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    if FileManager.default.fileExists(atPath: path) {
      detector.copyParameters(from: try DetectorFile.load(path: path).detector)
      state.remove()
      return
    }
    let started = Date()
    let logged = try run.rows("events.jsonl").last?["update"]?.intValue ?? -1
    try DetectorTraining(
      recipe: recipe, detector: detector, dataset: training, seed: UInt64(options.seed),
      state: state, saveInterval: options.saveMinutes * 60, label: "\(title): training"
    ).run { event in
      // Updates after the last saved state are made again, to the same numbers.
      guard event.update > logged else { return }
      var row: [String: JSONValue] = [
        "update": .integer(event.update), "loss": .number(Double(event.loss)),
        "learning_rate": .number(event.learningRate),
      ]
      for term in event.terms { row[term.name] = .number(Double(term.value)) }
      try run.append([.object(row)], to: "events.jsonl")
    }
    try run.synchronize("events.jsonl")
    try DetectorFile.write(
      detector,
      metadata: [("recipe", recipe.name), ("classes", training.classNames.joined(separator: ","))],
      to: path)
    state.remove()
    try run.write(
      .object(["training seconds": .number((Date().timeIntervalSince(started) * 10).rounded() / 10)]
      ),
      to: "timing.json")
  }

  /// Writes COCO's two result files and matches them to the ground truth.
  private func match(
    _ found: [CocoResult], in run: RunDirectory
  ) throws -> (boxes: MatchRecords, masks: MatchRecords) {
    var boxes = found
    var masks = found
    for index in found.indices {
      boxes[index].segmentation = .none
      masks[index].box = nil
    }
    try CocoWriter.write(boxes, to: run.path + "/bbox.json")
    try CocoWriter.write(masks, to: run.path + "/segm.json")
    let truth = testing.annotations
    return (
      CocoEvaluator.match(
        try CocoDetections(boxes, name: "boxes", groundTruth: truth), to: truth,
        overlapType: .bbox),
      CocoEvaluator.match(
        try CocoDetections(masks, name: "masks", groundTruth: truth), to: truth,
        overlapType: .segm)
    )
  }

  private func summarize(
    _ boxes: MatchRecords, _ masks: MatchRecords, into result: inout RunResult
  ) {
    for (name, records) in [("bbox", boxes), ("segm", masks)] {
      let scores = CocoScores(records)
      // COCO says -1 where there is nothing to find, such as no object of a size.
      for metric in scores.metrics() where metric.value >= 0 {
        result.metrics["\(name)/\(metric.name)"] = MetricValue(
          metric.value, count: testImages.count)
      }
      result.metrics["\(name)/AP"]?.interval =
        DetectionBootstrap(records, resampleCount: options.resamples, seed: UInt64(options.seed))
        .interval
    }
  }

  /// What a report needs beside the numbers: matches to resample, classes, and what errors cost.
  private func describe(
    _ found: [CocoResult], _ boxes: MatchRecords, _ masks: MatchRecords, _ run: RunDirectory,
    into result: inout RunResult
  ) throws {
    for (name, records) in [("bbox.matches", boxes), ("segm.matches", masks)] {
      try records.write(to: run.path + "/" + name)
      result.files[name] = try SHA256.digest(file: run.path + "/" + name)
    }
    let scores = CocoScores(boxes)
    let names = Dictionary(
      testing.annotations.categories.map { ($0.id, $0.name) },
      uniquingKeysWith: { first, _ in first })
    for (place, id) in boxes.categoryIDs.enumerated() {
      let value = scores.averagePrecision(category: place)
      guard value >= 0, let name = names[id] else { continue }
      result.classes.append((name, MetricValue(value, count: testImages.count)))
    }
    let truth = testing.annotations
    let errors = DetectionErrors(
      try CocoDetections(found, name: "boxes", groundTruth: truth), groundTruth: truth,
      overlapType: .bbox)
    for (kind, loss) in errors.losses { result.errorCosts[kind.rawValue] = loss }
    if let rows = try? run.rows("events.jsonl") {
      let losses = rows.compactMap { $0["loss"]?.doubleValue }
      if !losses.isEmpty { result.curves["loss"] = losses }
    }
  }

  // MARK: The tables

  private func report(_ outcomes: [Outcome]) throws {
    let tables = DetectionTables(
      outcomes: outcomes, recipe: recipe, dataName: dataName, resampleCount: options.resamples,
      seed: UInt64(options.seed)
    ).all
    let name = SHA256.digest(outcomes.map { $0.result.json.text() }.joined()).prefix(12)
    let base = "\(options.output)/coco-table-\(name)"
    let json = JSONValue.array(tables.map(\.json)).text(isPretty: true)
    let text = tables.map(\.markdown).joined(separator: "\n")
    try AtomicFile.write(text: text, to: base + ".md")
    try AtomicFile.write(text: json + "\n", to: base + ".json")
    Console.output(options.json ? json : text)
    if !options.quiet { Console.error("tables in \(base).md and .json") }
  }
}
