import CommandLine
import Evaluation
import FileSupport
import Loading
import Models
import Reporting
import Runs
import TensorCore
import VisionData

/// The classifiers of a probe on corrupted images: mCE, and the error of every corruption.
extension LinearBenchmark {
  /// The errors, measured part by part in folders, or image by image where they are made on the way.
  ///
  /// - Throws: What opening, decoding and writing throw.
  func measureCorrupted(
    _ set: ShiftedSet, _ session: RunSession, _ own: RunSession, _ result: inout RunResult,
    _ backbone: FrozenBackbone, _ network: ChosenFeatures, _ view: EvaluationTransform
  ) throws {
    let classifiers = try options.seeds.map {
      try classifier(session, seed: $0, width: network.featureCount)
    }
    let label = backbone.identity["name"] ?? ""
    let errors: [CorruptionErrors]
    switch set.truth {
    case .corrupted(let corrupted, _):
      errors = try self.errors(set, corrupted, classifiers) { part in
        try context.store(backbone, network).features(
          part.images, order: Array(0..<part.images.count),
          manifest: part.images.manifestHash(context.digests), transform: view,
          label: "\(label): \(part.corruption) \(part.severity)")
      }
      result.notes += corrupted.record?.notes ?? []
    case .made(let made, let folder, let order):
      let answers = CorruptedAnswers(
        made: made, folder: folder, backbone: network, normalization: backbone.normalization,
        transform: view, classifiers: classifiers, policy: options.data.onBadImage)
      let found = try answers.wrong(order, in: own.directory, label: "\(label): \(set.name)")
      guard !found.images.isEmpty else {
        throw DatasetError(
          path: folder.root, problem: "has no image that can be decoded",
          remedy: "run bench-data check on it")
      }
      errors = found.wrong.map {
        CorruptionErrors(
          images: found.images, labels: found.images.map { Int(folder.labels[$0]) }, wrong: $0,
          strengths: made.severities.count)
      }
      result.notes += made.notes
      if let note = FrozenData.note(missing: found.skipped) { result.notes.append(note) }
    case .images, .labels: return
    }
    try own.directory.restart(CorruptionErrors.file)
    for (seed, errors) in zip(options.seeds, errors) {
      try own.directory.append(errors.rows(seed: seed), to: CorruptionErrors.file)
    }
    try own.directory.synchronize(CorruptionErrors.file)
    try summarize(errors, into: &result)
  }

  /// The errors on the images of a folder, whose features are kept.
  private func errors(
    _ set: ShiftedSet, _ corrupted: CorruptedImages, _ classifiers: [ProbeClassifier],
    features: (CorruptedImages.Part) throws -> FeatureMatrix
  ) throws -> [CorruptionErrors] {
    let first = corrupted.parts[0].images
    var wrong = classifiers.map { _ in [String: [Int]]() }
    for part in corrupted.parts {
      let matrix = try features(part)
      guard matrix.count == first.count else {
        throw DatasetError(
          path: part.images.root, problem: "has images that cannot be decoded",
          remedy: "unpack it again: mCE compares the same images in every part")
      }
      for (place, classifier) in classifiers.enumerated() {
        var counts = wrong[place][part.corruption] ?? [Int](repeating: 0, count: first.count)
        for record in set.records(classifier, matrix) where record.rank > 0 {
          counts[record.index] += 1
        }
        wrong[place][part.corruption] = counts
      }
    }
    return wrong.map {
      CorruptionErrors(
        images: Array(0..<first.count), labels: first.labels.map(Int.init), wrong: $0,
        strengths: corrupted.strengths)
    }
  }

  /// Adds mCE, errors and what is to be known of them.
  private func summarize(
    _ errors: [CorruptionErrors], into result: inout RunResult
  ) throws(FileError) {
    guard let first = errors.first else { return }
    let reference =
      first.strengths == CorruptionErrors.severityCount ? try CorruptedImages.reference() : [:]
    let count = first.images.count
    let terms = errors.compactMap { $0.terms(reference: reference) }
    if !terms.isEmpty {
      result.metrics["mce"] = MetricValue(
        Spread(terms.map { Spread($0).mean }).mean, interval: Self.interval(terms), count: count)
    }
    result.metrics["corruption_error"] = MetricValue(
      Spread(errors.map(\.meanError)).mean, interval: Self.interval(errors.map(\.errorTerms)),
      count: count)
    for name in first.wrong.keys.sorted() {
      result.metrics["error_\(name)"] = MetricValue(
        Spread(errors.map { $0.error(name) }).mean, count: count)
    }
    result.notes.append("classifiers of the run on \(data.name), whose images they learned from")
    let counted = first.counted.count
    result.notes.append(
      terms.isEmpty
        ? "no mCE, which is of five strengths of the benchmark's corruptions: here are \(counted) "
          + "corruptions in \(first.strengths) strengths"
        : "mCE is relative to AlexNet's errors on ImageNet-C"
          + (first.isWhole ? "" : "; \(counted) of 15 corruptions: no published mCE compares"))
    if first.wrong.count > counted {
      result.notes.append("the extra corruptions are no part of mCE and mean error")
    }
  }

  /// The interval of a mean over images, and over seeds where there are several.
  private static func interval(_ terms: [[Double]]) -> Interval? {
    guard let first = terms.first, first.count > 1 else { return nil }
    if terms.count > 1 { return SeededNumber(terms).interval() }
    let spread = Spread(first)
    let half =
      StudentT.quantile(0.975, freedom: Double(first.count - 1)) * spread.deviation
      / Double(first.count).squareRoot()
    return Interval(low: spread.mean - half, high: spread.mean + half)
  }

  /// What a set's number is called in tables; nil where it is top-1.
  static func errorName(_ result: RunResult) -> String? {
    guard result.metrics["mce"] != nil else {
      return result.metrics["corruption_error"] == nil ? nil : "mean error"
    }
    let names = CorruptionErrors.kinds.flatMap(\.names)
    let count = names.count { result.metrics["error_\($0)"] != nil }
    return count == names.count ? "mCE" : "mCE over \(count)"
  }
}

extension ShiftedSet {
  /// Whether it is of corrupted images.
  var isCorrupted: Bool {
    switch truth {
    case .corrupted, .made: true
    case .images, .labels: false
    }
  }

  /// How its images are seen: without their border; corrupted ones, which are crops already, whole, as
  /// published.
  func seen(_ transform: EvaluationTransform) -> EvaluationTransform {
    var view = transform
    if isCorrupted { view.resizeSize = view.cropSize } else { view.border = border }
    return view
  }

  /// What decides its numbers beside the probe's own settings.
  func settings(seen view: EvaluationTransform) -> [String: String] {
    let names: [String]
    var settings: [String: String] = [:]
    let strengths: Int
    switch truth {
    case .images: return border > 0 ? ["test view": view.summary] : [:]
    case .labels: return [:]
    case .corrupted(let corrupted, _):
      (names, strengths) = (corrupted.corruptions, corrupted.strengths)
    case .made(let made, _, _):
      (names, strengths) = (made.corruptions.map(\.rawValue), made.severities.count)
      settings = made.settings
    }
    let all = CorruptionErrors.kinds.flatMap(\.names)
    let counted = all.count(where: names.contains)
    let parts = [
      counted == all.count
        ? nil
        : counted == 0 ? "extra corruptions" : "\(counted) of \(all.count) corruptions",
      strengths == CorruptionErrors.severityCount
        ? nil : "\(strengths) of \(CorruptionErrors.severityCount) strengths",
    ].compactMap { $0 }
    if !parts.isEmpty {
      settings[TaskDescription.scopeSetting] = parts.joined(separator: ", ")
    }
    settings[TaskDescription.primarySetting] =
      counted > 0 && strengths == CorruptionErrors.severityCount ? "mce" : "corruption_error"
    settings["test view"] = view.summary
    return settings
  }
}
