import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs
import Threads
import VisionData

/// Scores folders of label maps: `bench-ade20k evaluate`.
package enum EvaluateSegmentation {
  package static func run(_ options: SegmentationEvaluationOptions) throws -> ExitCode {
    try options.engine.apply()
    let inputs = [options.groundTruth] + options.predictions + [options.classes]
    let outputs = options.recordPaths + [options.output].compactMap { $0 }
    for output in outputs { try OutputPath.check(output, against: inputs) }
    try OutputPath.checkDistinct(outputs)
    let truth = try SegmentationTruth(options.groundTruth, labelSuffix: options.labelSuffix)
    let classes = try truth.classes(options.classes, labels: options.labels)
    let scorer = PredictionScorer(classes: classes, values: options.predictionValues)
    let scored = try options.predictions.enumerated().map { place, folder in
      try score(folder, against: truth, scorer) { stored in
        guard place == 0 else { return }
        try checkMasks(stored, of: truth, classes, trustsLabels: options.trustsLabels)
      }
    }
    if let folder = scored.first(where: { $0.score.labelled.allSatisfy { $0 == 0 } }) {
      throw DatasetError(
        path: options.groundTruth,
        problem: "has no pixel of any class in \(folder.records.count) label maps, so there is "
          + "nothing to score", remedy: "check --classes and --labels")
    }
    for (path, folder) in zip(options.recordPaths, scored) {
      let lines = zip(truth.names, folder.records).map {
        SegmentationRecordFile.line($1, name: $0)
      }
      try AtomicFile.write(text: lines.joined(), to: path)
    }
    let tables = SegmentationTables(
      classes: classes.names.enumerated().map {
        (name: $1, storedValue: Int(classes.encoding.storedValue(of: UInt8($0))))
      }, labels: classes.encoding.kind.rawValue, scored: scored, convention: options.convention,
      resampleCount: options.resamples, seed: UInt64(options.seed))
    if let output = options.output {
      try AtomicFile.write(text: tables.json.text(isPretty: true) + "\n", to: output)
    }
    if options.json {
      Console.output(tables.json.text(isPretty: true))
    } else {
      Console.output(
        ([tables.means] + (options.perClass ? [tables.perClass] : [])).map(\.markdown)
          .joined(separator: "\n"))
    }
    try keepRun(scored[0], of: truth, classes, scorer, options)
    for note in scored.filter(\.isShifted).flatMap(\.notes) { Console.error("warning: \(note)") }
    return scored.contains(where: \.isShifted) ? .gateFailed : .success
  }

  /// Keeps the numbers of one folder as a run that reports compare with others.
  private static func keepRun(
    _ scored: ScoredPredictions, of truth: SegmentationTruth, _ classes: SegmentationClasses,
    _ scorer: PredictionScorer, _ options: SegmentationEvaluationOptions
  ) throws {
    let paths = try truth.predictions(in: LabelMapFolder(scored.folder)).paths
    let set = truth.dataset
    // By the names of a training's own records, so that both are compared image by image.
    let names = set.map { set in (0..<set.count).map { set.name($0) } } ?? truth.names
    let count = scored.records.count
    try options.run.keep(
      .ade20k, predictions: paths,
      data: [
        "name": (options.groundTruth as NSString).lastPathComponent,
        "test": set?.manifestHash() ?? truth.manifestHash(), "test images": String(count),
        "classes": String(classes.count), "labels": classes.encoding.kind.rawValue,
      ], settings: ["test": RunResult.asPredicted],
      images: set.map { set in
        RunImages(
          root: set.root, indices: Array(0..<count),
          paths: (0..<count).map { set.relativeImagePath($0) })
      }
    ) { run, result in
      result.metrics = SegmentationNumbers.metrics(
        scored.score, classes: classes.names, suffix: "")
      result.classes = SegmentationNumbers.classes(scored.score, names: classes.names)
      let intervals = TaskDescription.ade20k.intervals(
        of: ResampledSegmentation(scored.records), resampleCount: options.resamples,
        seed: UInt64(options.seed))
      for (name, interval) in intervals { result.metrics[name]?.interval = interval }
      try run.rewrite(
        TaskDescription.ade20k.recordFiles[0],
        with: [zip(names, scored.records).map { $1.json(name: $0) }])
      // For a report to draw; without images there is nothing to draw them over.
      for (name, path) in zip(set == nil ? [] : names, paths) {
        try AtomicFile.write(
          try ImageFile.png(try scorer.indices(path)),
          to: RunImages.predictedMap(of: name, in: run.path))
      }
      result.notes += scored.notes
    }
  }

  private static func score(
    _ folder: String, against truth: SegmentationTruth, _ scorer: PredictionScorer,
    checking check: (_ stored: [LabelHistogram?]) throws -> Void
  ) throws -> ScoredPredictions {
    let (paths, extra) = try truth.predictions(in: LabelMapFolder(folder))
    if let first = extra.first {
      Console.error(
        "warning: \(folder): \(first).png"
          + (extra.count > 1 ? " and \(extra.count - 1) more have" : " has")
          + " no ground truth; not scored")
    }
    let progress = ProgressReporter("scoring", total: paths.count, unit: "images")
    let names = truth.names
    typealias Outcome = (
      stored: LabelHistogram?, scored: Result<PredictionScorer.Outcome, any Error>
    )
    @Sendable func one(_ index: Int) -> Outcome {
      var stored: LabelHistogram?
      let scored = Result {
        try Interruption.check()
        let path = truth.path(names[index]) ?? ""
        let map = try ImageFile.decodeLabels(path: path)
        stored = LabelHistogram(map)
        return try scorer.score(index: index, truth: path, map: map, prediction: paths[index])
      }
      return (stored, scored)
    }
    let outcomes = survey(
      paths.count, threadCount: ThreadPool.shared.threadCount,
      progress: { done, _ in progress.advance(to: done) }, { one($0) })
    progress.finish()
    // Before the faults of predictions: masks of 0 and 255 are told as what they are.
    try check(outcomes.map(\.stored))
    return ScoredPredictions(
      folder: folder, outcomes: try outcomes.map { try $0.scored.get() },
      classCount: scorer.classes.count)
  }

  /// Refuses ground truth in which a class is stored as 255, which does not count, and says where it may
  /// be.
  ///
  /// - Parameter trustsLabels: Whether 255 is taken for what is ignored all the same, and only told.
  private static func checkMasks(
    _ stored: [LabelHistogram?], of truth: SegmentationTruth, _ classes: SegmentationClasses,
    trustsLabels: Bool
  ) throws {
    var masks = MaskStatistics(classes)
    for case (let name, let histogram?) in zip(truth.names, stored) {
      masks.add(histogram, of: truth.path(name) ?? name, in: truth.root)
    }
    for finding in masks.findings() {
      guard finding.severity == .error, !trustsLabels else {
        let remedy = trustsLabels ? "255 is ignored, as --trust-labels asks" : finding.remedy
        Console.error("warning: \(finding.path): \(finding.problem); \(remedy)")
        continue
      }
      throw DatasetError(
        path: finding.path, problem: finding.problem,
        remedy: finding.remedy + ", or give --trust-labels where it is no class")
    }
  }
}
