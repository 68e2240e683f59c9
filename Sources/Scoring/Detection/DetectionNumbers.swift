import CocoFormat
import Evaluation
import Reporting

/// COCO's numbers of matched detections, in the form of results.
package enum DetectionNumbers {
  /// The numbers of boxes and of masks: `bbox/AP`.
  ///
  /// COCO says -1 where there is nothing to find, such as no object of a size; such have no number.
  package static func metrics(_ matches: [MatchRecords], imageCount: Int) -> [String: MetricValue] {
    var metrics: [String: MetricValue] = [:]
    for records in matches {
      for metric in CocoScores(records).metrics() where metric.value >= 0 {
        metrics["\(records.overlapType.rawValue)/\(metric.name)"] = MetricValue(
          metric.value, count: imageCount)
      }
    }
    return metrics
  }

  /// AP of every class that has objects.
  package static func classes(
    _ matches: MatchRecords, of truth: CocoAnnotations, imageCount: Int
  ) -> [(name: String, measurement: MetricValue)] {
    let scores = CocoScores(matches)
    return matches.categoryIDs.enumerated().compactMap { place, id in
      let value = scores.averagePrecision(category: place)
      guard value >= 0, let category = truth.categoryIndex(id: id) else { return nil }
      return (truth.categories[category].name, MetricValue(value, count: imageCount))
    }
  }
}
