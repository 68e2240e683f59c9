import CommandLine
import Evaluation
import FileSupport
import Layers
import Loading
import Models
import Reporting
import Runs
import Scoring
import TensorCore
import VisionData

/// The classifiers of a probe on images from elsewhere: one run a set, compared like any other.
extension LinearBenchmark {
  /// The outcome on every set, measured or found.
  ///
  /// - Parameters:
  ///   - identity: The probe's run without its numbers.
  ///   - session: Where its classifiers are.
  ///   - name: What its folder begins with.
  ///   - transform: How images are seen.
  /// - Throws: What opening, decoding and writing throw.
  func shifted(
    _ identity: RunResult, _ session: RunSession, named name: String, backbone: FrozenBackbone,
    as network: ChosenFeatures, seen transform: EvaluationTransform
  ) throws -> [Outcome] {
    try shifts.map { set in
      var result = identity
      let manifest = try set.manifest(context.digests)
      result.data["name"] = set.name
      result.data["validation"] = manifest
      result.data["classes"] = String(set.classNames.count)
      result.data["validation images"] = String(count(of: set))
      let view = set.seen(transform)
      result.settings.merge(set.settings(seen: view)) { $1 }
      let own = try RunSession(result, name: "\(name)-\(set.slug)", options: options.run)
      if let finished = own.finished { return Outcome(result: finished, folder: own.path) }
      if set.isCorrupted {
        try own.timed("features") {
          try measureCorrupted(set, session, own, &result, backbone, network, view)
        }
        try own.finish(&result, files: [CorruptionErrors.file])
        FileWriting.remove(own.path + "/" + CorruptedAnswers.file)
        return Outcome(result: result, folder: own.path)
      }
      let features = try own.timed("features") {
        try self.features(of: set, manifest, backbone, network, view)
      }
      try own.timed("probe") {
        try measure(set, features, session, own, &result)
      }
      let images: RunImages
      switch set.truth {
      case .images(let folder, let order, _):
        images = RunImages(
          root: folder.root, indices: order, paths: order.map { folder.relativePath($0) })
      case .labels, .corrupted, .made: images = data.shown
      }
      try own.finish(&result, files: [TaskDescription.linear.recordFiles[0]], images: images)
      return Outcome(result: result, folder: own.path)
    }
  }

  private func count(of set: ShiftedSet) -> Int {
    switch set.truth {
    case .images(_, let order, _): order.count
    case .corrupted(let corrupted, _): corrupted.parts[0].images.count
    case .made(_, _, let order): order.count
    case .labels(let labels): data.validationOrder.count { labels[$0]?.isEmpty == false }
    }
  }

  private func features(
    of set: ShiftedSet, _ manifest: String, _ backbone: FrozenBackbone, _ network: ChosenFeatures,
    _ transform: EvaluationTransform
  ) throws -> FeatureMatrix {
    guard case .images(let folder, let order, _) = set.truth else {
      return try context.validationFeatures(of: backbone, as: network, on: data, seen: transform)
    }
    return try context.store(backbone, network).features(
      folder, order: order, manifest: manifest, transform: transform,
      label: "\(backbone.identity["name"] ?? ""): \(set.name) features")
  }

  private func measure(
    _ set: ShiftedSet, _ features: FeatureMatrix, _ session: RunSession, _ own: RunSession,
    _ result: inout RunResult
  ) throws {
    try own.directory.restart(TaskDescription.linear.recordFiles[0])
    var records: [[ClassificationRecord]] = []
    for seed in options.seeds {
      let classifier = try classifier(session, seed: seed, width: features.featureCount)
      records.append(set.records(classifier, features))
      try own.directory.append(
        records[records.count - 1].map { $0.json(seed: seed) },
        to: TaskDescription.linear.recordFiles[0])
    }
    try own.directory.synchronize(TaskDescription.linear.recordFiles[0])
    result.add(
      records.map { ClassificationScore($0, classCount: set.classNames.count) },
      classNames: set.classNames)
    LinearRecord.addIntervals(records, to: &result)
    LinearRecord.addClassInterval(records, to: &result)
    result.notes.append("classifiers of the run on \(data.name), whose images they learned from")
    if set.border > 0 {
      result.notes.append("\(set.border) pixels are cut off on every side of its images")
    }
    if case .labels = set.truth {
      result.notes.append(
        "right is an answer among an image's labels; images without one are left out")
    } else if set.classNames.count < classCount {
      result.notes.append("answers are among the \(set.classNames.count) classes of \(set.name)")
    }
  }

  /// The classifier that the probe's run kept.
  func classifier(
    _ session: RunSession, seed: Int, width: Int
  ) throws(FileError) -> ProbeClassifier {
    try ProbeClassifier(
      in: session.path, key: session.key.digest, seed: seed,
      layer: Linear(
        weight: Tensor(zeros: [classCount, width]), bias: Tensor(zeros: [classCount])))
  }

  /// Top-1 on every set beside that on the validation images.
  static func shiftTable(_ outcomes: [Outcome]) -> Table? {
    guard let first = outcomes.first, !first.shifted.isEmpty else { return nil }
    var table = Table(
      caption: "The same classifiers on other images; top-1, % with 95 % intervals",
      columns: [.init("backbone", isNumeric: false), .init(first.result.data["name"] ?? "?")]
        + first.shifted.map {
          .init(($0.result.data["name"] ?? "?") + (errorName($0.result).map { ", " + $0 } ?? ""))
        })
    for outcome in outcomes {
      table.add(
        [outcome.result.backbone["name"] ?? "?"]
          + ([outcome] + outcome.shifted).map { one in
            (one.result.metrics["top1"] ?? one.result.metrics["mce"]
              ?? one.result.metrics["corruption_error"])
              .map { percentage($0.value, $0.interval) } ?? "-"
          })
    }
    var notes: [String] = []
    for result in first.shifted.map(\.result) {
      for note in result.notes where note.hasPrefix("answers are among") { notes.append(note) }
      // What keeps a number from being the published one is said beside it.
      guard errorName(result) != nil else { continue }
      for note in result.notes where !note.hasPrefix("classifiers of the run") {
        notes.append("\(result.data["name"] ?? "?"): \(note)")
      }
    }
    table.notes = notes
    return table
  }
}

extension ShiftedSet {
  /// The part of a run's folder name that tells the set.
  var slug: String { String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" }) }
}
