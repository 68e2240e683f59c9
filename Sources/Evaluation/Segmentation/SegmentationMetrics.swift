extension SegmentationScore {
  /// The numbers of a segmentation, the most important first.
  ///
  /// A new one is one more line.
  public static let numbers: [ScoreMetric<SegmentationScore>] = [
    ScoreMetric("mIoU", "mIoU", .resampled) { $0.meanIoU },
    ScoreMetric("mAcc", "mAcc", .resampled) { $0.meanAccuracy },
    ScoreMetric("aAcc", "aAcc", .resampled) { $0.pixelAccuracy },
  ]

  /// What follows the names of numbers whose images were shown at several scales and mirrored; they
  /// are other numbers than those of one scale.
  public static let multiScaleSuffix = "_ms"
}
