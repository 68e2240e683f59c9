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

/// Fine-tunes segmentors on backbones, or takes finished ones, and compares them.
public struct SegmentationBenchmark {
  private let options: SegmentationOptions
  private let recipe: SegmentationRecipe
  private let data: SegmentationData
  private let testFolder: SegmentationFolder
  private let testCount: Int
  private let dataIdentity: [String: String]

  /// A finished candidate.
  private struct Outcome {
    let result: RunResult
    let network: SegmentorConfiguration
    let records: [SegmentationRecord]
    let score: SegmentationScore
  }

  /// Runs the benchmark.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings, data or checkpoints.
  public static func run(_ parsed: ParsedOptions<SegmentationOptions>) throws -> ExitCode {
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
    let benchmark = try SegmentationBenchmark(options)
    let outcomes = try benchmark.candidates().map { try benchmark.outcome(of: $0) }
    try benchmark.report(outcomes)
    return .success
  }

  private init(_ options: SegmentationOptions) throws {
    self.options = options
    recipe = options.resolvedRecipe()
    let root: String
    if options.data.isEmpty {
      let progress = ProgressReporter("sample set", total: SampleSet().fileCount, unit: "files")
      root = try SampleSet().generate(at: "datasets/sample") { done, _ in progress.advance(to: done)
      }.segmentationPath
      progress.finish()
    } else {
      root = options.data
    }
    if options.checks {
      try DatasetGate.segmentationCheck(
        root: root, classes: options.classes, labels: options.labels, cache: options.cache)
    }
    data = try SegmentationData(root: root, classes: options.classes, labels: options.labels)
    let isTraining = options.testSplit == SegmentationFolder.Split.training.rawValue
    testFolder = isTraining ? data.training : data.validation
    testCount = options.limit > 0 ? min(options.limit, testFolder.count) : testFolder.count
    let trainCount =
      options.trainLimit > 0 ? min(options.trainLimit, data.training.count) : data.training.count
    dataIdentity = [
      "name": options.data.isEmpty ? "sample" : (root as NSString).lastPathComponent,
      "train": data.training.manifestHash(), "test": testFolder.manifestHash(),
      "test split": options.testSplit, "train images": String(trainCount),
      "test images": String(testCount), "classes": String(data.classes.count),
      "labels": data.classes.encoding.kind.rawValue,
    ]
  }

  private func candidates() throws -> [FineTuningCandidate] {
    try FineTuningCandidate.list(
      networks: options.segmentors, backbones: options.backbones,
      architecture: recipe.configuration(classCount: 2).backbone, cache: options.cache)
  }

  // MARK: One candidate

  private func outcome(of candidate: FineTuningCandidate) throws -> Outcome {
    var identity = ["name": candidate.title]
    var settings = recipe.settings
    var notes: [String] = []
    var segmentor: Segmentor
    switch candidate {
    case .network(_, let path):
      let loaded = try SegmentorFile.load(path: path, allowsPartial: options.allowsPartial)
      if !options.quiet { Console.error(loaded.report.summary) }
      segmentor = loaded.segmentor
      guard segmentor.configuration.classCount == data.classes.count else {
        throw CheckpointError(
          path: path,
          problem: "tells \(segmentor.configuration.classCount) classes apart where the data has "
            + "\(data.classes.count)",
          remedy: "give --classes, or the data that the segmentor was trained for")
      }
      identity["architecture"] = loaded.report.architecture
      identity["sha256"] = loaded.report.sha256
      if options.evaluatesOnly {
        settings = ["segmentor": segmentor.configuration.name]
      } else {
        settings["start"] = "whole segmentor"
        settings["seed"] = String(options.seed)
      }
    case .backbone(_, let path, let note):
      let configuration = recipe.configuration(classCount: data.classes.count)
      segmentor = Segmentor(configuration, initializer: Initializer(seed: UInt64(options.seed)))
      identity["architecture"] = configuration.backbone.name
      identity["sha256"] = "random, seed \(options.seed)"
      if let report = try segmentor.backbone.takeWeights(
        path: path, branch: options.branch, allowsPartial: options.allowsPartial,
        isQuiet: options.quiet)
      {
        identity["sha256"] = report.sha256
        identity["layout"] = report.layout
      }
      if let note { notes.append(note) }
      settings["seed"] = String(options.seed)
      settings["branch"] = options.branch.rawValue
    }
    let testing = self.testing
    settings["test"] = "\(options.mode.rawValue), \(testing.summary)"
    var result = RunResult(
      task: "ade20k", backbone: identity, data: dataIdentity, settings: settings)
    let key = SHA256.digest(result.contents.text())
    let run = try RunDirectory(for: result, slug: candidate.slug, key: key, in: options.output)
    let state = TrainingState(path: run.path + "/state.safetensors", key: key)
    if options.restarts {
      for name in ["segmentor.pth", "result.json"] { unlink(run.path + "/" + name) }
      state.remove()
      try run.restart("records.jsonl")
      try run.restart("events.jsonl")
    }
    if !options.evaluatesOnly {
      segmentor = try trained(segmentor, in: run, state: state, title: candidate.title)
    }
    let records = try SegmentorInference(
      segmentor: segmentor, testing: testing, mode: options.mode, windowSize: recipe.cropSize
    ).records(
      testFolder, encoding: data.classes.encoding, count: testCount, in: run,
      label: "\(candidate.title): segmenting")
    var score = SegmentationScore(classCount: data.classes.count)
    for record in records { score.add(record) }
    summarize(score, records, run, into: &result)
    result.notes += notes
    result.files["records.jsonl"] = try SHA256.digest(file: run.path + "/records.jsonl")
    let indices = Array(0..<testCount)
    try RunImages(
      root: testFolder.root, indices: indices,
      paths: indices.map { testFolder.relativeImagePath($0) }
    ).write(to: run.path)
    try run.write(result.json, to: "result.json")
    try run.noteCommand()
    return Outcome(
      result: result, network: segmentor.configuration, records: records, score: score)
  }

  private var testing: SegmentationTesting {
    var testing: SegmentationTesting =
      options.mode == .multiScale ? .multiScale : .singleScale
    testing.limit = recipe.testLimit
    return testing
  }

  /// Trains, or takes over the finished segmentor of an earlier run of the same settings.
  private func trained(
    _ segmentor: Segmentor, in run: RunDirectory, state: TrainingState, title: String
  ) throws -> Segmentor {
    let path = run.path + "/segmentor.pth"
    if FileManager.default.fileExists(atPath: path) {
      state.remove()
      return try SegmentorFile.load(path: path).segmentor
    }
    let started = Date()
    try SegmentorTraining(
      recipe: recipe, segmentor: segmentor, folder: data.training,
      encoding: data.classes.encoding, limit: options.trainLimit, seed: UInt64(options.seed),
      state: state, run: run, saveInterval: options.saveMinutes * 60,
      label: "\(title): training")()
    try SegmentorFile.write(
      segmentor,
      metadata: [
        ("recipe", recipe.name), ("classes", data.classes.names.joined(separator: ",")),
      ], to: path)
    state.remove()
    try run.write(
      .object([
        "training seconds": .number((Date().timeIntervalSince(started) * 10).rounded() / 10)
      ]), to: "timing.json")
    return segmentor
  }

  private func summarize(
    _ score: SegmentationScore, _ records: [SegmentationRecord], _ run: RunDirectory,
    into result: inout RunResult
  ) {
    let bootstrap = SegmentationBootstrap(
      records, classCount: data.classes.count, resampleCount: options.resamples,
      seed: UInt64(options.seed))
    result.metrics["mIoU"] = MetricValue(
      score.meanIoU(), interval: bootstrap.interval, count: testCount)
    result.metrics["mAcc"] = MetricValue(score.meanAccuracy(), count: testCount)
    result.metrics["aAcc"] = MetricValue(score.pixelAccuracy, count: testCount)
    for (index, name) in data.classes.names.enumerated() where !score.classIoU[index].isNaN {
      result.metrics["IoU/\(name)"] = MetricValue(score.classIoU[index], count: testCount)
      result.classes.append((name, MetricValue(score.classIoU[index], count: testCount)))
    }
    if let rows = try? run.rows("events.jsonl") {
      let losses = rows.compactMap { $0["loss"]?.doubleValue }
      if !losses.isEmpty { result.curves["loss"] = losses }
    }
  }

  // MARK: The table

  private func report(_ outcomes: [Outcome]) throws {
    guard let first = outcomes.first else { return }
    let hasDelta = outcomes.count > 1
    var table = Table(
      caption: "UPerNet, \(dataIdentity["name"] ?? ""), \(testCount) images, "
        + "\(data.classes.count) classes; % with 95 % intervals",
      columns: [.init("backbone", isNumeric: false), .init("mIoU"), .init("95 %")]
        + (hasDelta ? [.init("to the first"), .init("95 %")] : [])
        + [.init("mAcc"), .init("aAcc"), .init("classes in mIoU")])
    func text(_ interval: Interval) -> String {
      "[\(twoDecimals(interval.low)), \(twoDecimals(interval.high))]"
    }
    for (number, outcome) in outcomes.enumerated() {
      var cells = [
        outcome.result.backbone["name"] ?? "", twoDecimals(outcome.score.meanIoU()),
        outcome.result.metrics["mIoU"]?.interval.map(text) ?? "-",
      ]
      if hasDelta {
        if number == 0 {
          cells += ["-", "-"]
        } else {
          let delta = SegmentationBootstrap(
            first: outcome.records, second: first.records, classCount: data.classes.count,
            resampleCount: options.resamples, seed: UInt64(options.seed))
          cells += [twoDecimals(delta.estimate), text(delta.interval)]
        }
      }
      table.add(
        cells + [
          twoDecimals(outcome.score.meanAccuracy()), twoDecimals(outcome.score.pixelAccuracy),
          String(outcome.score.presentClassCount),
        ])
    }
    table.notes = outcomes.flatMap { outcome in
      outcome.result.notes.map { "\(outcome.result.backbone["name"] ?? ""): \($0)" }
    }
    table.notes.append("test: \(options.mode.rawValue), \(testing.summary)")
    table.notes.append("passes: " + testing.passes.map(describe).joined(separator: ", "))
    if !options.evaluatesOnly {
      table.notes.append(
        "\(recipe.iterations) updates of \(recipe.batchSize) crops of \(recipe.cropSize) px; "
          + "published: 160000 of 16 of 512")
    }
    for network in Set(outcomes.map(\.network)).sorted(by: { $0.name < $1.name }) {
      let side = recipe.cropSize
      table.notes.append(
        "\(network.name): \(network.multiplyAdds(height: side, width: side).text) multiply-adds "
          + "of a \(side)x\(side) image, attention included")
    }
    table.notes.append(
      "intervals: images resampled \(options.resamples) times; differences with the same images")
    var tables = [table]
    if options.perClass { tables.append(perClass(outcomes)) }
    let name = SHA256.digest(outcomes.map { $0.result.json.text() }.joined()).prefix(12)
    let base = "\(options.output)/ade20k-table-\(name)"
    let markdown = tables.map(\.markdown).joined(separator: "\n")
    let json = JSONValue.array(tables.map(\.json)).text(isPretty: true)
    try AtomicFile.write(text: markdown, to: base + ".md")
    try AtomicFile.write(text: tables[0].csv, to: base + ".csv")
    try AtomicFile.write(text: json + "\n", to: base + ".json")
    Console.output(options.json ? json : markdown)
    if !options.quiet { Console.error("table in \(base).md, .csv and .json") }
  }

  private func describe(_ pass: TestPass) -> String {
    "x\(pass.ratio.argument)\(pass.isFlipped ? " mirrored" : "")"
  }

  private func perClass(_ outcomes: [Outcome]) -> Table {
    var table = Table(
      caption: "IoU of each class; %",
      columns: [.init("class", isNumeric: false), .init("labelled px")]
        + outcomes.map { .init($0.result.backbone["name"] ?? "") })
    for (index, name) in data.classes.names.enumerated() {
      table.add(
        [name, String(outcomes[0].score.labelled[index])]
          + outcomes.map { twoDecimals($0.score.classIoU[index]) })
    }
    return table
  }
}
