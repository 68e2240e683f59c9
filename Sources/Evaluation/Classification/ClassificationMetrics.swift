extension ClassificationScore {
  /// The numbers of a classifier, the most important first.
  ///
  /// A new one is one more line.
  public static let numbers: [ScoreMetric<ClassificationScore>] = [
    ScoreMetric("top1", "top-1", .paired) { $0.top1 },
    ScoreMetric("top5", "top-5", .paired) { $0.top5 },
    ScoreMetric("mean_class", "mean over classes", .none) { $0.meanClassAccuracy },
  ]
}
