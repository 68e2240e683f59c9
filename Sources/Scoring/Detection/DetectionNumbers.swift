import CocoFormat
import Evaluation
import Reporting

/// COCO's numbers of matched detections, in the form of results.
package enum DetectionNumbers {
  /// The numbers of boxes and of masks: `bbox/AP`.
  ///
  /// COCO says -1 where there is nothing to find, such as no object of a size; such have no number.
  package static func metrics(_ all: [CocoScores], imageCount: Int) -> [String: MetricValue] {
    var metrics: [String: MetricValue] = [:]
    for scores in all {
      for metric in scores.metrics() where metric.value >= 0 {
        metrics["\(scores.overlapType.rawValue)/\(metric.name)"] = MetricValue(
          metric.value, count: imageCount)
      }
    }
    return metrics
  }

  /// AP of every class that has objects.
  package static func classes(
    _ scores: CocoScores, of truth: CocoAnnotations, imageCount: Int
  ) -> [(name: String, measurement: MetricValue)] {
    scores.categoryIDs.enumerated().compactMap { place, id in
      let value = scores.averagePrecision(category: place)
      guard value >= 0, let category = truth.categoryIndex(id: id) else { return nil }
      return (truth.categories[category].name, MetricValue(value, count: imageCount))
    }
  }
}
