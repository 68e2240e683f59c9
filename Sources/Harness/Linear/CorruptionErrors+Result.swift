import Evaluation
import FileSupport
import Reporting
import VisionData

/// Errors on corrupted images as numbers of a run.
extension CorruptionErrors {
  /// Adds mCE, errors and what is to be known of them: means over classifiers, and with `seeds` each
  /// classifier's own numbers.
  ///
  /// - Parameter seeds: What the classifiers are told by, where each is a training of its own.
  /// - Throws: `FileError` when the published errors cannot be read.
  static func summarize(
    _ errors: [CorruptionErrors], seeds: [Int] = [], into result: inout RunResult
  ) throws(FileError) {
    guard let first = errors.first else { return }
    let reference =
      first.strengths == CorruptionErrors.severityCount ? try CorruptedImages.reference() : [:]
    let count = first.images.count
    func add(_ name: String, _ values: [Double], _ terms: [[Double]]? = nil) {
      let spread = Spread(values)
      result.metrics[name] = MetricValue(
        spread.mean, interval: terms.flatMap(interval), count: count)
      guard seeds.count > 1 else { return }
      result.metrics[name + "_seed_deviation"] = MetricValue(spread.deviation, count: seeds.count)
      for (seed, value) in zip(seeds, values) {
        result.metrics["\(name)_seed\(seed)"] = MetricValue(value, count: count)
      }
    }
    let terms = errors.compactMap { $0.terms(reference: reference) }
    if !terms.isEmpty { add("mce", terms.map { Spread($0).mean }, terms) }
    add("corruption_error", errors.map(\.meanError), errors.map(\.errorTerms))
    for name in first.wrong.keys.sorted() { add("error_\(name)", errors.map { $0.error(name) }) }
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
  static func name(in result: RunResult) -> String? {
    guard result.metrics["mce"] != nil else {
      return result.metrics["corruption_error"] == nil ? nil : "mean error"
    }
    let names = kinds.flatMap(\.names)
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
