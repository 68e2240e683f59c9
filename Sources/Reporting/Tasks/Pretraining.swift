import Evaluation

extension TaskDescription {
  /// A backbone made here, with the neighbours that it was probed with on the way.
  public static let pretraining = {
    var task = TaskDescription(
      "pretraining", "Pretraining", [MetricDescription("knn_top1", "kNN while training", .none)])
    task.curves.append(CurveDescription("knn_top1", "knn top1", isFraction: true))
    task.costPhases = ["training"]
    task.classMetric = "top-1"
    return task
  }()
}
