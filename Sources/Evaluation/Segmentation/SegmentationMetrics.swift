extension SegmentationScore {
  /// The numbers of a segmentation, the most important first.
  ///
  /// A new one is one more line.
  public static let numbers: [ScoreMetric<SegmentationScore>] = [
    ScoreMetric("mIoU", "mIoU", .resampled) { $0.meanIoU() },
    ScoreMetric("mAcc", "mAcc", .resampled) { $0.meanAccuracy() },
    ScoreMetric("aAcc", "aAcc", .resampled) { $0.pixelAccuracy },
  ]
}
