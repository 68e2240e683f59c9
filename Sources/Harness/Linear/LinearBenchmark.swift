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

/// ImageNet-style linear probe and kNN of one or more backbones, from files to a table.
public struct LinearBenchmark {
  private let options: LinearOptions
  private let data: ClassificationData
  private let dataName: String
  private let trainOrder: [Int]
  private let validationOrder: [Int]
  private let trainManifest: String
  private let validationManifest: String

  /// A backbone to probe.
  private struct Candidate {
    let title: String
    let path: String?
    let note: String?
  }

  /// The arguments with the preset that suits them: without a checkpoint the small one.
  public static func resolved(_ arguments: [String]) -> [String] {
    let names = ["--backbone", "--preset", "--config"]
    let isGiven = arguments.contains { argument in
      names.contains { argument == $0 || argument.hasPrefix($0 + "=") }
    }
    return isGiven ? arguments : arguments + ["--preset", "mini"]
  }

  /// Runs the benchmark.
  ///
  /// - Returns: The program's status.
  /// - Throws: One sentence about what was wrong with settings, data or checkpoints.
  public static func run(_ parsed: ParsedOptions<LinearOptions>) throws -> ExitCode {
    let options = parsed.options
    try options.validate()
    try Engine.check()
    if options.isDryRun {
      Console.output(parsed.summary)
      return .success
    }
    if options.quiet { ProgressReporter.silence() }
    if options.threads > 0 { ThreadPool.shared.threadCount = options.threads }
    if !options.quiet {
      Console.error(
        "OpenBLAS core \(BLAS.coreName), \(ThreadPool.shared.threadCount) threads, "
          + "preset \(options.preset.rawValue)")
    }
    let benchmark = try LinearBenchmark(options)
    let results = try benchmark.candidates().map { try benchmark.result(of: $0) }
    try benchmark.report(results)
    return .success
  }

  private init(_ options: LinearOptions) throws {
    self.options = options
    let root: String
    if options.data.isEmpty {
      let progress = ProgressReporter("sample set", total: SampleSet().fileCount, unit: "files")
      root = try SampleSet().generate(at: "datasets/sample") { done, _ in progress.advance(to: done)
      }
      .classificationPath
      progress.finish()
      dataName = "sample"
    } else {
      root = options.data
      dataName = (root as NSString).lastPathComponent
    }
    data = try ClassificationData(root: root)
    if options.checks { try DatasetGate.quickCheck(root: root, cache: options.cache) }
    trainOrder = Self.selection(data.train, limit: options.limit)
    validationOrder = Self.selection(data.validation, limit: options.limit)
    trainManifest = data.train.manifestHash()
    validationManifest = data.validation.manifestHash()
  }

  /// At most `limit` images, the first of every class in turn, in folder order.
  static func selection(_ folder: ImageFolder, limit: Int) -> [Int] {
    guard limit > 0, limit < folder.count else { return Array(0..<folder.count) }
    var byClass = [[Int]](repeating: [], count: folder.classNames.count)
    for (index, label) in folder.labels.enumerated() { byClass[Int(label)].append(index) }
    var chosen: [Int] = []
    var round = 0
    while chosen.count < limit {
      for images in byClass where round < images.count && chosen.count < limit {
        chosen.append(images[round])
      }
      round += 1
    }
    return chosen.sorted()
  }

  private func candidates() throws -> [Candidate] {
    guard options.backbones.isEmpty else {
      return options.backbones.map { name in
        name == "random"
          ? Candidate(title: BackboneMethod.random.title, path: nil, note: nil)
          : Candidate(
            title: ((name as NSString).lastPathComponent as NSString).deletingPathExtension,
            path: name, note: nil)
      }
    }
    return try BackboneMethod.allCases.map { method in
      var recipe = ShortPretraining(method)
      recipe.inputSize = options.settings.inputSize
      if options.preset == .smoke { recipe.epochs = min(recipe.epochs, 2) }
      let path = try recipe.checkpoint(
        in: options.cache + "/backbones", data: data, dataName: dataName,
        policy: options.onBadImage)
      return Candidate(title: method.title, path: path, note: recipe.summary)
    }
  }

  private func load(_ candidate: Candidate) throws -> (any Backbone, [String: String]) {
    let size = options.settings.inputSize
    guard let path = candidate.path else {
      let architecture: Architecture =
        switch options.architecture {
        case "deit-s": .visionTransformer(.deitSmall)
        case "swin-mini": .swin(.mini)
        default: .swin(.tiny)
        }
      let backbone = architecture.makeBackbone(
        inputSize: size, initializer: Initializer(seed: 0))
      return (
        backbone,
        [
          "name": candidate.title, "architecture": architecture.name, "sha256": "random, seed 0",
          "layout": "none",
        ]
      )
    }
    let loaded = try BackboneLoader.load(
      path: path, inputSize: size, branch: options.branch, allowsPartial: options.allowsPartial)
    if !options.quiet { Console.error(loaded.report.summary) }
    if let head = loaded.head, head.classCount != data.train.classNames.count, !options.quiet {
      Console.error(
        "note: the checkpoint's own classifier has \(head.classCount) classes, the data "
          + "\(data.train.classNames.count); a linear probe trains its own, so this does no harm")
    }
    return (
      loaded.backbone,
      [
        "name": candidate.title, "architecture": loaded.report.architecture,
        "sha256": loaded.report.sha256, "layout": loaded.report.layout,
        "source": loaded.report.source,
      ]
    )
  }

  // MARK: One backbone

  private func result(of candidate: Candidate) throws -> RunResult {
    let (backbone, identity) = try load(candidate)
    var settings = options.settings.settings
    settings["limit"] = options.limit == 0 ? "all" : String(options.limit)
    settings["seeds"] = options.seeds.argument
    settings["branch"] = options.branch.rawValue
    settings["on-bad-image"] = options.onBadImage.rawValue
    let information = [
      "name": dataName, "train": trainManifest, "validation": validationManifest,
      "train images": String(trainOrder.count), "validation images": String(validationOrder.count),
      "classes": String(data.train.classNames.count),
    ]
    var result = RunResult(
      task: "linear", backbone: identity, data: information, settings: settings)
    let key = SHA256.digest(result.contents.text())
    let slug = candidate.title.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }
    let run = try RunDirectory(
      path: "\(options.output)/linear-\(String(slug))-\(key.prefix(12))")
    let path = run.path + "/result.json"
    if !options.restarts, let known = try? RunResult(path: path), known.backbone == identity,
      known.settings == settings, known.data == information
    {
      return known
    }
    let started = Date()
    try run.write(.object(settings.mapValues { .string($0) }), to: "protocol.json")
    try run.write(
      .object([
        "backbone": .object(identity.mapValues { .string($0) }),
        "data": .object(information.mapValues { .string($0) }),
        "engine": .object([
          "version": .string(Command.version), "blas core": .string(BLAS.coreName),
        ]),
      ]), to: "manifest.json")
    let store = FeatureStore(
      folder: options.cache + "/features", backbone: backbone,
      weightsHash: identity["sha256"] ?? "", batchSize: 32, policy: options.onBadImage)
    let transform = options.settings.testTransform
    let train = try store.features(
      data.train, order: trainOrder, manifest: trainManifest, transform: transform,
      label: "\(candidate.title): train features")
    let validation = try store.features(
      data.validation, order: validationOrder, manifest: validationManifest, transform: transform,
      label: "\(candidate.title): val features")
    let classCount = data.train.classNames.count
    let neighbours = NearestNeighbourProbe(classCount: classCount)
      .outcomes(train: train, validation: validation)
    for outcome in neighbours {
      result.metrics["knn_\(outcome.k)"] = MetricValue(
        successes: outcome.score.top1Count, of: outcome.score.count)
    }
    var outcomes: [LinearOutcome] = []
    for seed in options.seeds {
      let probe = LinearProbe(
        settings: options.settings, backbone: backbone, split: data.train, train: train,
        validation: validation, classCount: classCount, policy: options.onBadImage,
        checkpointPath: run.path + "/checkpoint-seed\(seed).safetensors")
      let label = "\(candidate.title): linear" + (options.seeds.count > 1 ? " seed \(seed)" : "")
      outcomes.append(try probe.run(seed: seed, label: label))
    }
    summarize(outcomes, into: &result)
    let bad =
      missing(trainOrder, in: train, of: data.train)
      + missing(validationOrder, in: validation, of: data.validation)
    if !bad.isEmpty {
      result.notes.append(
        "\(bad.count) images could not be decoded and were left out: "
          + bad.prefix(3).joined(separator: ", ") + (bad.count > 3 ? "…" : ""))
    }
    if let note = candidate.note { result.notes.append(note) }
    try record(outcomes, in: run)
    try record(neighbours, in: run)
    try RunImages(
      root: data.validation.root, indices: validationOrder,
      paths: validationOrder.map { data.validation.relativePath($0) }
    ).write(to: run.path)
    for name in ["records.jsonl", "knn.jsonl", "events.jsonl"] {
      result.files[name] = try SHA256.digest(file: run.path + "/" + name)
    }
    try run.write(result.json, to: "result.json")
    try run.write(
      .object([
        "seconds": .number((Date().timeIntervalSince(started) * 10).rounded() / 10),
        "command": .string(Command.line),
      ]), to: "timing.json")
    return result
  }

  /// The images that were asked for and have no features.
  private func missing(
    _ order: [Int], in features: FeatureMatrix, of folder: ImageFolder
  ) -> [String] {
    guard features.count < order.count else { return [] }
    let present = Set(features.indices.map(Int.init))
    return order.filter { !present.contains($0) }.map { folder.relativePath($0) }
  }

  private func summarize(_ outcomes: [LinearOutcome], into result: inout RunResult) {
    guard let first = outcomes.first else { return }
    func mean(_ value: (LinearOutcome) -> Double) -> Double {
      Spread(outcomes.map(value)).mean
    }
    let n = first.score.count
    func measure(_ value: @escaping (LinearOutcome) -> Double) -> MetricValue {
      let average = mean(value)
      // The interval is over images, at the mean of the seeds.
      return MetricValue(
        average,
        interval: Proportions.wilson(successes: Int((average * Double(n)).rounded()), of: n),
        count: n)
    }
    result.metrics["top1"] = measure(\.score.top1)
    result.metrics["top5"] = measure(\.score.top5)
    result.metrics["top1_last"] = measure(\.last)
    result.metrics["top1_best"] = measure(\.best)
    result.metrics["mean_class"] = MetricValue(mean(\.score.meanClassAccuracy), count: n)
    if outcomes.count > 1 {
      result.metrics["top1_seed_deviation"] = MetricValue(
        Spread(outcomes.map(\.score.top1)).deviation, count: outcomes.count)
    }
    for outcome in outcomes {
      let tail = outcomes.count > 1 ? "_seed\(outcome.seed)" : ""
      result.curves["val_top1" + tail] = outcome.curve
      result.curves["loss" + tail] = outcome.lossCurve
      if !outcome.heldOutCurve.isEmpty {
        result.curves["held_out_top1" + tail] = outcome.heldOutCurve
      }
      if outcomes.count > 1 {
        result.metrics["top1" + tail] = MetricValue(
          successes: outcome.score.top1Count, of: outcome.score.count)
      }
      result.metrics["learning_rate" + tail] = MetricValue(outcome.learningRate, count: 1)
      result.metrics["epoch" + tail] = MetricValue(Double(outcome.selectedEpoch), count: 1)
    }
    result.classes = data.train.classNames.indices.map { label in
      (
        data.train.classNames[label],
        MetricValue(
          successes: first.score.classTop1Counts[label], of: first.score.classCounts[label])
      )
    }
    let confused = first.score.mostConfused(5).map { entry in
      "\(data.train.classNames[entry.pair.label]) taken for "
        + "\(data.train.classNames[entry.pair.prediction]) \(entry.count)x"
    }
    if !confused.isEmpty {
      result.notes.append("most confused: " + confused.joined(separator: ", "))
    }
    let deviations = options.settings.deviations
    if !deviations.isEmpty {
      result.notes.append("deviates from MoBY's protocol: " + deviations.joined(separator: "; "))
    }
  }

  private func record(_ outcomes: [LinearOutcome], in run: RunDirectory) throws {
    try run.restart("records.jsonl")
    try run.restart("events.jsonl")
    for outcome in outcomes {
      try run.append(
        outcome.records.map { record in
          .object([
            "seed": .integer(outcome.seed), "index": .integer(record.index),
            "label": .integer(record.label), "rank": .integer(record.rank),
            "top5": .array(record.predictions.map { .integer($0) }),
          ])
        }, to: "records.jsonl")
      try run.append(
        outcome.curve.enumerated().map { epoch, top1 in
          .object([
            "seed": .integer(outcome.seed), "epoch": .integer(epoch + 1),
            "val_top1": .number(top1), "loss": .number(outcome.lossCurve[epoch]),
          ])
        }, to: "events.jsonl")
    }
    try run.synchronize("records.jsonl")
    try run.synchronize("events.jsonl")
  }

  /// What the neighbours said of each image: `{"index":0,"label":3,"knn_10":3,"knn_20":5}`.
  private func record(_ outcomes: [NearestNeighbourProbe.Outcome], in run: RunDirectory) throws {
    try run.restart("knn.jsonl")
    guard let first = outcomes.first else { return }
    try run.append(
      first.records.indices.map { row in
        var members: [String: JSONValue] = [
          "index": .integer(first.records[row].index), "label": .integer(first.records[row].label),
        ]
        for outcome in outcomes {
          members["knn_\(outcome.k)"] = .integer(outcome.records[row].predictions.first ?? -1)
        }
        return .object(members)
      }, to: "knn.jsonl")
    try run.synchronize("knn.jsonl")
  }

  // MARK: The table

  private func report(_ results: [RunResult]) throws {
    let table = LinearTable.make(results)
    let name = SHA256.digest(results.map { $0.json.text() }.joined()).prefix(12)
    let base = "\(options.output)/linear-table-\(name)"
    try AtomicFile.write(text: table.markdown, to: base + ".md")
    try AtomicFile.write(text: table.csv, to: base + ".csv")
    try AtomicFile.write(text: table.json.text(isPretty: true) + "\n", to: base + ".json")
    Console.output(options.json ? table.json.text(isPretty: true) : table.markdown)
    if !options.json, let published = LinearTable.published(beside: results) {
      Console.output(published.markdown)
    }
    if !options.quiet { Console.error("table in \(base).md, .csv and .json") }
  }
}
