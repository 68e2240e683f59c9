import Evaluation

extension TaskDescription {
  /// A classifier that is trained end to end from a backbone.
  public static let fineTuning = {
    var task = TaskDescription(
      "finetune", "Fine-tuned classification",
      TaskDescription.linear.metrics.filter { metric in
        ClassificationScore.numbers.contains { $0.name == metric.key }
          || corruptionMetrics.contains(metric.key)
      }.map { metric in
        metric.with { $0.hasInterval = !corruptionMetrics.contains(metric.key) }
      })
    task.curveUnit = "step"
    task.curves += task.metrics.filter(\.hasInterval).map { .watched($0.key, $0.title) }
    task.trainsNetwork = true
    task.costPhases = ["training"]
    task.limits = ["the learning rate of a run that chose it on held-out images is not resampled"]
    task.questionSettings = TaskDescription.linear.questionSettings
    task.classMetric = TaskDescription.linear.classMetric
    task.references = ["imagenet_finetune.json"]
    task.recordFiles = [LinearRecords.answers]
    task.otherRecordFiles = [CorruptionErrors.file]
    task.records = { LinearRecords(folder: $0) }
    return task
  }()
}
