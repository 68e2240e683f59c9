import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs
import Threads
import VisionData

/// Scores a result file: `bench-coco evaluate`.
package struct EvaluateDetections {
  private let options: DetectionEvaluationOptions
  private let settings: CocoProtocol

  package init(_ options: DetectionEvaluationOptions) {
    self.options = options
    var settings = CocoProtocol(maxDetections: options.limits)
    settings.usesCategories = !options.classAgnostic
    settings.missesZeroID = !options.corrected
    settings.takesMaskArea = options.corrected
    self.settings = settings
  }

  /// Loads, matches, prints and writes.
  ///
  /// - Throws: What reading and writing files throws.
  package func run() throws -> ExitCode {
    options.engine.apply()
    let clock = Laps(isQuiet: options.engine.quiet)
    let groundTruth = try CocoAnnotations(path: options.groundTruth)
    report(groundTruth.findings)
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
    if detections.detections.isEmpty {
      Console.error("\(detections.path): holds no detections; all numbers are 0.")
    }
    var members: [String: JSONValue] = [:]
    var matched: [MatchRecords] = []
    for (place, type) in try types(detections, groundTruth).enumerated() {
      if place > 0 { Console.output("") }
      let records = match(detections, groundTruth, type)
      clock.lap("matching \(type.rawValue)")
      members[type.rawValue] = try evaluate(
        records, detections, other, groundTruth, type, clock: clock)
      matched.append(records)
    }
    if let output = options.output {
      let document = JSONValue.object([
        "groundTruth": .string(options.groundTruth), "detections": .string(options.detections),
        "images": .integer(groundTruth.images.count),
        "objects": .integer(groundTruth.annotations.count),
        "detectionCount": .integer(detections.detections.count),
        "corrected": .bool(options.corrected), "results": .object(members),
      ])
      try AtomicFile.write(text: document.text(isPretty: true) + "\n", to: output)
    }
    try keepRun(matched, detections, groundTruth)
    let damaged =
      [(options.groundTruth, groundTruth.findings)]
      + [detections, other].compactMap { $0 }.map { ($0.path, $0.findings) }
    for (path, findings) in damaged where findings.worst == .error {
      Console.error(
        "\(path): has records with errors, listed above; the numbers are of what is left.")
    }
    return damaged.contains { $0.1.worst == .error } ? .gateFailed : .success
  }

  /// Keeps the numbers as a run that reports compare with others.
  private func keepRun(
    _ matched: [MatchRecords], _ detections: CocoDetections, _ groundTruth: CocoAnnotations
  ) throws {
    let images = groundTruth.images
    try options.run.keep(
      .coco, predictions: [options.detections],
      data: [
        "name": (options.groundTruth as NSString).lastPathComponent,
        "test": try SHA256.digest(file: options.groundTruth),
        "test images": String(images.count), "classes": String(groundTruth.categories.count),
      ],
      settings: [
        "max-detections": options.limits.argument, "corrected": String(options.corrected),
      ],
      images: RunImages(
        root: DetectionLayout.images(ofAnnotations: options.groundTruth) ?? "",
        indices: images.map(\.id), paths: images.map(\.fileName))
    ) { run, result in
      result.metrics = DetectionNumbers.metrics(matched, imageCount: images.count)
      let intervals = TaskDescription.coco.intervals(
        of: ResampledDetection(matched), resampleCount: options.resamples,
        seed: UInt64(options.seed))
      for (name, interval) in intervals { result.metrics[name]?.interval = interval }
      if let boxes = matched.first {
        result.classes = DetectionNumbers.classes(boxes, of: groundTruth, imageCount: images.count)
        let errors = DetectionErrors(
          detections, groundTruth: groundTruth, overlapType: boxes.overlapType,
          limit: options.limits.max() ?? 100)
        for (kind, loss) in errors.losses { result.errorCosts[kind.rawValue] = loss }
      }
      if let note = groundTruth.findings.errorNote ?? detections.findings.errorNote {
        result.notes.append(note)
      }
      try CocoWriter.write(
        best(detections, of: groundTruth), to: RunImages.bestDetections(in: run.path))
      for records in matched {
        try records.write(to: "\(run.path)/\(records.overlapType.rawValue).matches")
      }
    }
  }

  /// The best detections of each image, for a report to draw.
  private func best(
    _ detections: CocoDetections, of groundTruth: CocoAnnotations
  ) -> [CocoResult] {
    let shown = 20
    return groundTruth.images.indices.flatMap { image in
      let sorted = detections.indices(ofImage: image).map(Int.init).sorted {
        (detections.detections[$1].score, $0) < (detections.detections[$0].score, $1)
      }
      return sorted.prefix(shown).map { at in
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

  private func types(
    _ detections: CocoDetections, _ groundTruth: CocoAnnotations
  ) throws(DatasetError) -> [OverlapType] {
    let wanted = OverlapType.allCases.filter { type in
      guard options.types.isEmpty else { return options.types.contains(type) }
      return type == .bbox
        ? detections.areBoxes || !detections.haveMasks : detections.haveMasks
    }
    let (without, count) = (groundTruth.objectsWithoutMask, groundTruth.annotations.count)
    guard wanted.contains(.segm), without > 0 else { return wanted }
    if without < count {
      let classes = groundTruth.categoriesWithoutMask.map { groundTruth.categories[$0].name }
      Console.error(
        "\(options.groundTruth): \(without) of \(count) objects have no mask; in mask AP they count "
          + "as missed"
          + (classes.isEmpty
            ? "."
            : ", but for the classes without any, which have none: "
              + classes.sorted().joined(separator: ", ") + "."))
      return wanted
    }
    guard options.types.isEmpty else {
      throw DatasetError(
        path: options.groundTruth,
        problem: "has no mask of any of its \(count) objects, so masks cannot be scored",
        remedy: "use --iou-type bbox, or annotations with masks")
    }
    Console.error(
      "\(options.groundTruth): has no masks, all \(count) objects are without a mask; boxes are "
        + "scored and masks are not.")
    return [.bbox]
  }

  // MARK: One type of overlap

  private func evaluate(
    _ records: MatchRecords, _ detections: CocoDetections, _ other: CocoDetections?,
    _ groundTruth: CocoAnnotations, _ type: OverlapType, clock: Laps
  ) throws -> JSONValue {
    let scores = CocoScores(records)
    clock.lap("accumulating \(type.rawValue)")
    guard scores.metrics().contains(where: { $0.value >= 0 }) else {
      throw nothingToScore(groundTruth)
    }
    try keep(records, name: "\(type.rawValue).matches")
    let output = EvaluationOutput(
      scores: scores,
      names: Dictionary(groundTruth.categories.map { ($0.id, $0.name) }) { first, _ in first })
    Console.output(heading(type, groundTruth, detections, records))
    Console.output(scores.summary)
    if options.perClass { Console.output("\n" + output.classTable.markdown) }
    var members = output.json
    if options.errors {
      let errors = DetectionErrors(
        detections, groundTruth: groundTruth, overlapType: type, limit: options.limits.max() ?? 100)
      clock.lap("errors \(type.rawValue)")
      Console.output("\n" + EvaluationOutput.table(errors).markdown)
      members["errors"] = EvaluationOutput.json(errors)
    }
    if let other {
      let otherRecords = match(other, groundTruth, type)
      try keep(otherRecords, name: "\(type.rawValue).versus.matches")
      let judgement = difference(records, otherRecords, other.path)
      clock.lap("swapping \(type.rawValue)")
      if let delta = judgement?.delta {
        Console.output("\n" + EvaluationOutput.sentence(delta))
        members["versus"] = EvaluationOutput.json(delta)
      } else {
        Console.output("\nno object, so \(other.path) does not differ in AP")
      }
    }
    return .object(members)
  }

  /// The error where no object is left: COCO's table would say -1 in every line.
  private func nothingToScore(_ groundTruth: CocoAnnotations) -> DatasetError {
    let crowds = groundTruth.annotations.count { $0.isCrowd }
    let damaged = groundTruth.findings.errorNote
    return DatasetError(
      path: options.groundTruth,
      problem: "has no object that counts in its \(groundTruth.images.count) images, so there is "
        + "nothing to score" + (crowds > 0 ? "; all \(crowds) of its objects are crowds" : "")
        + (damaged.map { "; \($0)" } ?? ""),
      remedy: damaged == nil ? "name annotations with objects" : "correct the records")
  }

  /// The difference of AP, on the same images.
  private func difference(
    _ records: MatchRecords, _ other: MatchRecords, _ name: String
  ) -> Judgement? {
    let key = "\(records.overlapType.rawValue)/AP"
    return TaskDescription.coco.metrics.first { $0.key == key }.map { metric in
      DifferenceTest(
        drawCount: max(options.resamples, SwapTest.drawCount(testCount: 1)),
        seed: UInt64(options.seed)
      ).judge(
        metric,
        MethodOutcomes(
          name: options.detections, trainings: [ResampledDetection([records])], isTrained: false),
        against: MethodOutcomes(
          name: name, trainings: [ResampledDetection([other])], isTrained: false),
        role: .primary)
    }
  }

  private func match(
    _ detections: CocoDetections, _ groundTruth: CocoAnnotations, _ type: OverlapType
  ) -> MatchRecords {
    let progress = ProgressReporter(
      "matching \(type.rawValue)", total: groundTruth.images.count, unit: "images")
    defer { progress.finish() }
    return CocoEvaluator.match(
      detections, to: groundTruth, overlapType: type, settings: settings
    ) { progress.advance(to: $0) }
  }

  private func keep(_ records: MatchRecords, name: String) throws(FileError) {
    guard let folder = options.records else { return }
    try records.write(to: folder + "/" + name)
  }

  /// What was scored, and which area decides about sizes.
  private func heading(
    _ type: OverlapType, _ groundTruth: CocoAnnotations, _ detections: CocoDetections,
    _ records: MatchRecords
  ) -> String {
    let crowds = groundTruth.annotations.count { $0.isCrowd }
    let size =
      detections.areBoxes && !(type == .segm && settings.takesMaskArea) ? "box" : "mask"
    return "\(type.rawValue): \(records.imageIDs.count) images, "
      + "\(groundTruth.annotations.count) objects (\(crowds) crowds), "
      + "\(detections.detections.count) detections; sizes: objects by their annotated area, "
      + "detections by their \(size)"
  }
}

/// Says on stderr how long each step took.
private final class Laps {
  private var watch = Stopwatch()
  private let isQuiet: Bool

  init(isQuiet: Bool) { self.isQuiet = isQuiet }

  func lap(_ step: String) {
    if !isQuiet { Console.error("\(step): \(String(format: "%.2f", watch.seconds)) s") }
    watch = Stopwatch()
  }
}
