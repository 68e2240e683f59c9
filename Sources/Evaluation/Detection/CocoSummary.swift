import CocoFormat
import Foundation

/// One of the numbers of COCO's summary.
public struct CocoMetric: Sendable, Equatable {
  /// Its usual name, such as AP, AP50, APs or AR100.
  public let name: String
  /// Its value, or −1 where there is no object of its kind.
  public let value: Double
  /// The line that the reference evaluator prints.
  public let line: String
}

extension CocoScores {
  /// The precisions that detectors are compared by: over all overlaps, and at single ones.
  ///
  /// COCO's three come first. A new one is one more entry at the end: result files, tables,
  /// resampling and reports read the list.
  public static let headlines: [(name: String, threshold: Double?)] = [
    ("AP", nil), ("AP50", 0.5), ("AP75", 0.75),
  ]
  /// Headlines that are among COCO's twelve.
  private static let cocoCount = 3

  /// The protocol's numbers in their usual order, then the other headlines, of all categories or one:
  /// COCO's twelve, its ten of keypoints, or LVIS's thirteen.
  ///
  /// All precision is that of the last limit of detections.
  /// Differs from the source: there the first number is that of 100 detections, and −1 when 100 is
  /// no limit. With at most 100 detections an image and the usual limits both are the same.
  ///
  /// - Parameter category: One category by its place; nil takes all.
  public func metrics(category: Int? = nil) -> [CocoMetric] {
    let last = settings.maxDetections.last ?? 0
    let headlines = Self.headlines.map { name, threshold in
      metric(
        name, threshold, range: 0, limit: last,
        averagePrecision(threshold: threshold, category: category))
    }
    var metrics = Array(headlines.prefix(Self.cocoCount))
    for range in settings.areaRanges.indices.dropFirst() {
      metrics.append(
        metric(
          "AP" + shortName(range), nil, range: range, limit: last,
          averagePrecision(areaRange: range, category: category)))
    }
    if category == nil { metrics += groupMetrics(limit: last) }
    if overlapType == .keypoints {
      for (name, threshold) in [("AR", nil), ("AR50", 0.5), ("AR75", 0.75)] as [(String, Double?)] {
        metrics.append(
          metric(
            name, threshold, range: 0, limit: last, isRecall: true,
            averageRecall(threshold: threshold, category: category)))
      }
    }
    for (place, limit) in settings.maxDetections.enumerated() where overlapType != .keypoints {
      metrics.append(
        metric(
          "AR\(limit)", nil, range: 0, limit: limit, isRecall: true,
          averageRecall(limit: place, category: category)))
    }
    for range in settings.areaRanges.indices.dropFirst() {
      metrics.append(
        metric(
          "AR" + shortName(range), nil, range: range, limit: last, isRecall: true,
          averageRecall(areaRange: range, category: category)))
    }
    return metrics + headlines.dropFirst(Self.cocoCount)
  }

  /// The summary as the reference evaluator prints it, a line a number.
  public var summary: String { metrics().map(\.line).joined(separator: "\n") }

  /// AP of rare, common and frequent categories, where the protocol has such groups.
  private func groupMetrics(limit: Int) -> [CocoMetric] {
    guard !categoryGroups.isEmpty else { return [] }
    return CocoCategory.Frequency.allCases.map { group in
      metric(
        "AP" + group.rawValue, nil, range: 0, limit: limit, group: group.rawValue,
        averagePrecision(group: group.rawValue))
    }
  }

  /// s, m or l; the name of a range that COCO has not.
  private func shortName(_ range: Int) -> String {
    let range = settings.areaRanges[range]
    return CocoProtocol.standard.areaRanges.contains { $0.name == range.name }
      ? String(range.name.prefix(1)) : "(\(range.name))"
  }

  private func metric(
    _ name: String, _ threshold: Double?, range: Int, limit: Int, isRecall: Bool = false,
    group: String = "all", _ value: Double
  ) -> CocoMetric {
    let thresholds = settings.overlapThresholds
    let overlap =
      threshold.map { String(format: "%.2f", $0) }
      ?? String(format: "%.2f:%.2f", thresholds.first ?? 0, thresholds.last ?? 0)
    let area = settings.areaRanges[range].name
    let line =
      " Average \(isRecall ? "Recall   " : "Precision") \(isRecall ? " (AR)" : " (AP)") @[ IoU="
      + overlap.padding(toLength: 9, withPad: " ", startingAt: 0)
      + " | area=" + String(repeating: " ", count: max(0, 6 - area.count)) + area
      + " | maxDets=" + String(repeating: " ", count: max(0, 3 - "\(limit)".count)) + "\(limit)"
      + (categoryGroups.isEmpty
        ? " ] = "
        : " catIds=" + String(repeating: " ", count: max(0, 3 - group.count)) + group + "] = ")
      + String(format: "%.3f", value)
    return CocoMetric(name: name, value: value, line: line)
  }
}
