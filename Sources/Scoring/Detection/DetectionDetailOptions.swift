import CocoFormat
import Evaluation
import Reporting

/// Detections, and what they are matched to.
struct DetectionInput {
  let truth: CocoAnnotations
  let detections: CocoDetections
  let type: OverlapType
  let selection: DetectionSelection

  /// Names of categories by their ids.
  var names: [Int: String] {
    Dictionary(truth.categories.map { ($0.id, $0.name) }) { first, _ in first }
  }
}

extension DetectionEvaluationOptions {
  /// Whether any table beside COCO's numbers is printed.
  var asksForDetails: Bool {
    bestF1 || intervals || curves || calibration || confusion
  }

  /// The tables that are printed.
  func tables(
    of details: DetectionDetails, _ type: OverlapType, names: [Int: String]
  ) -> [Table] {
    var tables: [Table] = []
    if curves { tables.append(details.curveTable(type)) }
    if bestF1 || intervals { tables.append(details.pointTable(type)) }
    if calibration { tables.append(details.calibrationTable(type)) }
    if confusion, let table = details.confusionTable(type, names: names) { tables.append(table) }
    return tables
  }

  /// The intervals that are printed or kept, by the number: of AP, and of the AP of every class.
  func intervals(of records: MatchRecords) -> [String: Interval] {
    guard run.name != nil || intervals, records.settings.usesCategories,
      !records.imageIDs.isEmpty
    else { return [:] }
    return Bootstrap(
      ResampledDetection([records], numbers: ["AP"], perCategory: true),
      resampleCount: resamples, seed: UInt64(seed)
    ).outcomes.compactMapValues(\.interval)
  }

  /// The details that are printed or kept; nil where none are.
  func details(
    of records: MatchRecords, _ scores: CocoScores, _ input: DetectionInput,
    intervals: [String: Interval]
  ) -> DetectionDetails? {
    let isKept = run.name != nil
    guard isKept || asksForDetails else { return nil }
    let isConfused =
      (isKept || self.confusion) && hasErrors(input.type) && records.haveProbabilities
    let confusion =
      isConfused
      ? DetectionConfusion(
        input.detections, groundTruth: input.truth, images: input.selection.images,
        categories: input.selection.categories, overlapType: input.type,
        threshold: records.settings.mainOverlap,
        lowestScore: confusionScore, limit: limits.max() ?? 100, isFederated: rules == .lvis) : nil
    var bounds: [Int: Interval] = [:]
    for id in records.categoryIDs { bounds[id] = intervals["\(input.type.rawValue)/AP/\(id)"] }
    return DetectionDetails(
      records, scores, names: input.names, intervals: bounds, confusion: confusion)
  }

  /// Whether mistakes between classes and places can be told: not of keypoints.
  private func hasErrors(_ type: OverlapType) -> Bool { type != .keypoints }

  /// What each kind of error costs; nil where that cannot be told.
  func errors(_ input: DetectionInput) -> DetectionErrors? {
    guard hasErrors(input.type) else { return nil }
    return DetectionErrors(
      input.detections, groundTruth: input.truth, images: input.selection.images,
      categories: input.selection.categories, overlapType: input.type,
      limit: limits.max() ?? 100, isFederated: rules == .lvis)
  }
}
