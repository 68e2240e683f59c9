/// A number of a task and how two of it are compared.
public struct MetricDescription: Sendable, Equatable {
  /// How a difference is tested.
  public enum Test: Sendable, Equatable {
    /// Right or wrong of each image: McNemar's exact test.
    case paired
    /// No mean over images: the images are resampled.
    case resampled
    /// There are no outcomes of single images.
    case none
  }

  /// The name in result files.
  public let key: String
  /// The heading in tables.
  public let title: String
  /// How a difference is tested.
  public let test: Test

  /// Describes a number.
  public init(_ key: String, _ title: String, _ test: Test) {
    self.key = key
    self.title = title
    self.test = test
  }
}

/// A downstream task as reports show it.
///
/// A new task is one more entry in `all`, and a reader of its records in `RunOutcomes`.
public struct TaskDescription: Sendable {
  /// The task's name in result files.
  public let key: String
  /// The heading.
  public let title: String
  /// Its numbers, the most important first; those that no run has are left out.
  public let metrics: [MetricDescription]
  /// Files of `reports/reference` with published figures.
  public let references: [String]
  /// What single images are called in a sentence, and what a class's number is.
  public let classMetric: String

  /// The tasks of the suite in the order of a report.
  public static let all = [
    TaskDescription(
      key: "linear", title: "Linear probe and kNN",
      metrics: [
        MetricDescription("top1", "top-1", .paired), MetricDescription("top5", "top-5", .paired),
        MetricDescription("knn_10", "kNN 10", .paired),
        MetricDescription("knn_20", "kNN 20", .paired),
        MetricDescription("knn_100", "kNN 100", .paired),
        MetricDescription("knn_200", "kNN 200", .paired),
      ], references: ["imagenet_linear.json", "imagenet_reruns.json"], classMetric: "top-1"),
    TaskDescription(
      key: "coco", title: "Detection and instance segmentation",
      metrics: ["bbox", "segm"].flatMap { kind in
        ["AP", "AP50", "AP75", "APs", "APm", "APl"].map {
          // Numbers by size are shown; testing them, too, would cost the headlines their power.
          MetricDescription(
            "\(kind)/\($0)", "\(kind == "bbox" ? "box" : "mask") \($0)",
            $0.last?.isLowercase == true ? .none : .resampled)
        }
      }, references: ["coco.json"], classMetric: "AP"),
    TaskDescription(
      key: "ade20k", title: "Semantic segmentation",
      metrics: [
        MetricDescription("mIoU", "mIoU", .resampled),
        MetricDescription("mAcc", "mAcc", .resampled),
        MetricDescription("aAcc", "aAcc", .resampled),
        MetricDescription("mIoU_ms", "mIoU ms+flip", .none),
      ], references: ["ade20k.json"], classMetric: "IoU"),
    TaskDescription(
      key: "pretraining", title: "Pretraining",
      metrics: [MetricDescription("knn_top1", "kNN while training", .none)], references: [],
      classMetric: "top-1"),
  ]

  /// The task of a result; one that this version does not know shows every number untested.
  public static func of(_ result: RunResult) -> TaskDescription {
    all.first { $0.key == result.task }
      ?? TaskDescription(
        key: result.task, title: result.task,
        metrics: result.metrics.keys.sorted().map { MetricDescription($0, $0, .none) },
        references: [], classMetric: "value")
  }
}
