import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs
import VisionData

/// Scores a result file: `bench-coco evaluate`.
package struct EvaluateDetections {
  private let options: DetectionEvaluationOptions

  package init(_ options: DetectionEvaluationOptions) { self.options = options }

  /// Loads, matches, prints and writes.
  ///
  /// - Throws: What reading and writing files throws.
  package func run() throws -> ExitCode {
    try options.engine.apply()
    try options.checkOutputs()
    let clock = Laps(isQuiet: options.engine.quiet)
    let part = try DetectionLayout.truth(options.groundTruth)
    let truth = try DetectionTruth(part)
    let groundTruth = truth.annotations
    report(groundTruth.findings)
    let selection = try DetectionSelection(options, of: groundTruth)
    let detections = try load(options.detections, groundTruth)
    if options.versus != nil, groundTruth.images.isEmpty {
      throw DatasetError(
        path: options.groundTruth, problem: "lists no images, so nothing can be compared on them",
        remedy: "name annotations with images, or leave --versus out")
    }
    let other = try options.versus.map { try load($0, groundTruth) }
    clock.lap("loading")
    for set in [detections, other].compactMap({ $0 })
    where set.detections.isEmpty && set.findings.worst == .error {
      let first = set.findings.described.first { $0.severity == .error }
      throw DatasetError(
        path: set.path,
        problem: "has no detection that can be scored, all have errors; the first: "
          + (first?.problem ?? ""), remedy: "correct the records")
    }
    try options.checkScores(of: detections)
    var members: [String: JSONValue] = [:]
    var scored: [Scored] = []
    let types = try options.types(detections, groundTruth, selection)
    try options.checkSigmas(types)
    let sets = [detections, other].compactMap { $0 }
    options.noteFederation(groundTruth, sets, selection)
    for set in sets where set.detections.isEmpty {
      Console.error("\(set.path): holds no detections; all its numbers are 0.")
    }
    for (place, type) in types.enumerated() {
      if place > 0 { Console.output("") }
      let input = DetectionInput(
        truth: groundTruth, detections: detections, type: type, selection: selection)
      let one = try score(input, isFirst: place == 0, clock: clock)
      members[type.rawValue] = try evaluate(one, other, clock: clock)
      scored.append(one)
    }
    if let output = options.output {
      var document: [String: JSONValue] = [
        "groundTruth": .string(options.groundTruth), "detections": .string(options.detections),
        "images": .integer(groundTruth.images.count),
        "objects": .integer(groundTruth.annotations.count),
        "detectionCount": .integer(detections.detections.count),
        "corrected": .bool(options.corrected), "results": .object(members),
      ]
      let unusual = options.unusualSettings
      if !unusual.isEmpty {
        document["settings"] = .object(unusual.mapValues { .string($0) })
      }
      if selection.images != nil {
        document["images"] = .integer(selection.imageIndices(of: groundTruth).count)
      }
      try AtomicFile.write(
        text: JSONValue.object(document).text(isPretty: true) + "\n", to: output)
    }
    try keepRun(scored, detections, truth, part, selection)
    let damaged =
      [(options.groundTruth, groundTruth.findings)]
      + sets.map { ($0.path, $0.findings) }
    for (path, findings) in damaged where findings.worst == .error {
      Console.error(
        "\(path): has records with errors, listed above; the numbers are of what is left.")
    }
    return damaged.contains { $0.1.worst == .error } ? .gateFailed : .success
  }

  /// Keeps the numbers as a run that reports compare with others.
  private func keepRun(
    _ scored: [Scored], _ detections: CocoDetections, _ truth: DetectionTruth,
    _ part: DetectionLayout.Part, _ selection: DetectionSelection
  ) throws {
    let groundTruth = truth.annotations
    let images = selection.imageIndices(of: groundTruth).map { groundTruth.images[$0] }
    var settings = [
      "max-detections":
        (options.givesLimits
        ? options.limits : scored.first?.records.settings.maxDetections ?? options.limits).argument,
      "corrected": String(options.corrected),
    ].merging(options.keySettings) { $1 }
    if selection.images != nil {
      settings["images"] = SHA256.digest(images.map { String($0.id) }.joined(separator: "\n"))
    }
    try options.run.keep(
      .coco, predictions: [options.detections],
      data: [
        "name": (options.groundTruth as NSString).lastPathComponent,
        "test": try truth.hash(),
        "test images": String(images.count), "classes": String(groundTruth.categories.count),
      ],
      settings: settings, scoring: options.scoring,
      images: RunImages(
        root: part.images.first { FileTree.isFolder($0) } ?? "",
        indices: images.map(\.id), paths: images.map(\.fileName))
    ) { run, result in
      result.metrics = DetectionNumbers.metrics(scored.map(\.scores), imageCount: images.count)
      for one in scored {
        result.detection[one.input.type.rawValue] = one.details
        for name in TaskDescription.coco.intervalMetrics {
          if let interval = one.intervals[name] { result.metrics[name]?.interval = interval }
        }
      }
      if let first = scored.first {
        result.classes = (first.details?.categories ?? []).map {
          ($0.name, MetricValue($0.precision, interval: $0.interval, count: images.count))
        }
        for (kind, loss) in first.errors?.losses ?? [:] {
          result.errorCosts[kind.rawValue] = loss
        }
        result.confusions = first.details?.confusions(names: first.input.names) ?? []
      }
      if let note = groundTruth.findings.errorNote ?? detections.findings.errorNote {
        result.notes.append(note)
      }
      try CocoWriter.write(
        best(detections, of: groundTruth), to: RunImages.bestDetections(in: run.path))
      for one in scored {
        try one.records.write(to: "\(run.path)/\(one.input.type.rawValue).matches")
      }
    }
  }

  /// The best detections of each image, for a report to draw.
  private func best(
    _ detections: CocoDetections, of groundTruth: CocoAnnotations
  ) -> [CocoResult] {
    groundTruth.images.indices.flatMap { image in
      detections.best(RunImages.drawnDetections, ofImage: image).map(Int.init).map { at in
        let one = detections.detections[at]
        return CocoResult(
          imageID: groundTruth.images[image].id,
          categoryID: groundTruth.categories[one.category].id, box: one.box,
          segmentation: detections.segmentations[at], score: one.score)
      }
    }
  }

  private func load(_ path: String, _ groundTruth: CocoAnnotations) throws -> CocoDetections {
    let detections = try CocoDetections(path: path, groundTruth: groundTruth)
    report(detections.findings)
    return detections
  }

  private func report(_ findings: CocoFindings) {
    // Notes change nothing and would hide the rest.
    if let worst = findings.worst, worst > .note { Console.error(findings.text()) }
  }

  // MARK: One type of overlap

  /// What was found by one type of overlap.
  private struct Scored {
    let input: DetectionInput
    let records: MatchRecords
    let scores: CocoScores
    /// As many of these as are printed or kept.
    let intervals: [String: Interval]
    let details: DetectionDetails?
    let errors: DetectionErrors?
  }

  /// Matches and computes everything that is printed or kept.
  ///
  /// - Parameter isFirst: Whether it is the type whose errors a run keeps.
  private func score(_ input: DetectionInput, isFirst: Bool, clock: Laps) throws -> Scored {
    let type = input.type.rawValue
    let records = match(input)
    clock.lap("matching \(type)")
    let scores = CocoScores(records)
    clock.lap("accumulating \(type)")
    guard scores.metrics().contains(where: { $0.value >= 0 }) else {
      throw nothingToScore(input)
    }
    let intervals = options.intervals(of: records)
    if !intervals.isEmpty { clock.lap("resampling \(type)") }
    let details = options.details(of: records, scores, input, intervals: intervals)
    let needsErrors = options.errors || isFirst && options.run.name != nil
    let errors = needsErrors ? options.errors(input) : nil
    if errors != nil { clock.lap("errors \(type)") }
    return Scored(
      input: input, records: records, scores: scores, intervals: intervals, details: details,
      errors: errors)
  }

  private func evaluate(
    _ scored: Scored, _ other: CocoDetections?, clock: Laps
  ) throws -> JSONValue {
    let (input, records, scores) = (scored.input, scored.records, scored.scores)
    let type = input.type
    try keep(records, name: "\(type.rawValue).matches")
    let output = EvaluationOutput(scores: scores, names: input.names)
    Console.output(heading(input, records))
    Console.output(scores.summary)
    if options.perClass { Console.output("\n" + output.classTable.markdown) }
    var members = output.json
    if let details = scored.details, options.asksForDetails {
      for table in options.tables(of: details, type, names: input.names) {
        Console.output("\n" + table.markdown)
      }
      members["details"] = details.json
      if options.curves { members["curves"] = output.curves }
    }
    if options.errors, let errors = scored.errors {
      Console.output("\n" + EvaluationOutput.table(errors).markdown)
      members["errors"] = EvaluationOutput.json(errors)
    }
    if let other {
      let otherRecords = match(
        DetectionInput(
          truth: input.truth, detections: other, type: type, selection: input.selection))
      try keep(otherRecords, name: "\(type.rawValue).versus.matches")
      if let versus = difference(records, otherRecords, other.path) {
        clock.lap("swapping \(type.rawValue)")
        Console.output("\n" + versus.text)
        members["versus"] = versus.json
      }
    }
    return .object(members)
  }

  /// The error where no object is left: COCO's table would say -1 in every line.
  private func nothingToScore(_ input: DetectionInput) -> DatasetError {
    let groundTruth = input.truth
    let crowds = input.selection.objectCounts(of: groundTruth).crowds
    let damaged = groundTruth.findings.errorNote
    return DatasetError(
      path: options.groundTruth,
      problem: "has no object that counts in its "
        + "\(input.selection.imageIndices(of: groundTruth).count) images, so there is "
        + "nothing to score" + (crowds > 0 ? "; all \(crowds) of its objects are crowds" : "")
        + (damaged.map { "; \($0)" } ?? ""),
      remedy: damaged == nil ? "name annotations with objects" : "correct the records")
  }

  /// The difference of AP, on the same images: printed and in the document.
  private func difference(
    _ records: MatchRecords, _ other: MatchRecords, _ name: String
  ) -> (text: String, json: JSONValue)? {
    let key = "\(records.overlapType.rawValue)/AP"
    guard let metric = TaskDescription.coco.metrics.first(where: { $0.key == key }) else {
      return nil
    }
    let sides = [(options.detections, records), (name, other)].map {
      MethodOutcomes(name: $0, trainings: [ResampledDetection([$1])], isTrained: false)
    }
    let judgement = DifferenceTest(
      drawCount: max(options.resamples, SwapTest.drawCount(testCount: 1)),
      seed: UInt64(options.seed)
    ).judge(metric, sides[0], against: sides[1], role: .primary)
    switch judgement {
    case .tested(let delta):
      return (EvaluationOutput.sentence(delta), EvaluationOutput.json(delta))
    case .untested(let reason, let difference):
      return (
        judgement.untestedText("AP minus that of \(name)", metric.unit) ?? reason,
        .object([
          "detections": .string(name), "untested": .string(reason),
          "APDifference": difference.map { .number($0) } ?? .null,
        ])
      )
    }
  }

  private func match(_ input: DetectionInput) -> MatchRecords {
    let progress = ProgressReporter(
      "matching \(input.type.rawValue)",
      total: input.selection.imageIndices(of: input.truth).count, unit: "images")
    defer { progress.finish() }
    return CocoEvaluator.match(
      input.detections, to: input.truth, images: input.selection.images,
      categories: input.selection.categories, overlapType: input.type,
      settings: options.settings(input.type)
    ) { progress.advance(to: $0) }
  }

  private func keep(_ records: MatchRecords, name: String) throws(FileError) {
    guard let folder = options.records else { return }
    try records.write(to: folder + "/" + name)
  }

  /// What was scored, and which area decides about sizes.
  private func heading(_ input: DetectionInput, _ records: MatchRecords) -> String {
    let (objects, crowds) = input.selection.objectCounts(of: input.truth)
    let size =
      switch records.settings.detectionSize {
      case .mask where input.type.needsMasks: "mask"
      case .box: "box"
      default:
        input.detections.areBoxes
          ? "box" : input.type == .keypoints && !input.detections.haveMasks ? "keypoints" : "mask"
      }
    return "\(input.type.rawValue): \(records.imageIDs.count) images, "
      + "\(objects) objects (\(crowds) crowds), "
      + "\(input.selection.count(of: input.detections, input.truth)) detections; sizes: objects by their annotated area, "
      + "detections by their \(size)"
  }
}
