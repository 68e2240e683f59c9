import Evaluation
import Reporting

/// The numbers of segmented images, in the form of results.
package enum SegmentationNumbers {
  /// The means and the IoU of every class that has pixels.
  ///
  /// - Parameter suffix: What tells numbers of several scales from others: `mIoU_ms`.
  package static func metrics(
    _ score: SegmentationScore, classes: [String], suffix: String
  ) -> [String: MetricValue] {
    var metrics: [String: Double] = [:]
    for number in SegmentationScore.numbers { metrics[number.name + suffix] = number.value(score) }
    for (index, name) in classes.enumerated() where !score.classIoU[index].isNaN {
      metrics["IoU/\(name)"] = score.classIoU[index]
    }
    return metrics.mapValues { MetricValue($0, count: score.imageCount) }
  }

  /// The IoU of every class that has pixels.
  package static func classes(
    _ score: SegmentationScore, names: [String]
  ) -> [(name: String, measurement: MetricValue)] {
    names.enumerated().compactMap { index, name in
      score.classIoU[index].isNaN
        ? nil : (name, MetricValue(score.classIoU[index], count: score.imageCount))
    }
  }
}
