import CounterRandom

/// How sure a segmentation score is, or the difference of two, by resampling the images.
///
/// mIoU is no mean over images, so the pixel counts of the drawn images are summed anew in every
/// resample. Both networks get the same draws: what is hard for both cancels out. The draws depend
/// on the seed and the number of the resample alone.
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3 (percentiles).
public struct SegmentationBootstrap: Sendable, Equatable {
  /// The number that is resampled.
  public enum Metric: Sendable {
    case meanIoU, meanAccuracy, pixelAccuracy

    fileprivate func value(_ score: SegmentationScore) -> Double {
      switch self {
      case .meanIoU: score.meanIoU()
      case .meanAccuracy: score.meanAccuracy()
      case .pixelAccuracy: score.pixelAccuracy
      }
    }
  }

  /// The number on all images; for two networks, first minus second.
  public let estimate: Double
  /// The percentile interval.
  public let interval: Interval
  /// The deviation of the resampled numbers: the standard error of the estimate.
  public let standardError: Double
  /// How many resamples were drawn.
  public let resampleCount: Int

  /// Resamples the images of one network.
  ///
  /// - Parameter confidence: The part of the resampled numbers inside the interval.
  /// - Precondition: there is an image; `resampleCount ≥ 2`.
  public init(
    _ records: [SegmentationRecord], classCount: Int, metric: Metric = .meanIoU,
    resampleCount: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) {
    self.init(
      [records], classCount: classCount, metric: metric, resampleCount: resampleCount,
      confidence: confidence, seed: seed)
  }

  /// Resamples the difference of two networks on the same images.
  ///
  /// - Parameters:
  ///   - first: Records of the first network.
  ///   - second: Records of the second, of the same images in the same order.
  ///   - confidence: The part of the resampled numbers inside the interval.
  /// - Precondition: both have the same images, at least one; `resampleCount ≥ 2`.
  public init(
    first: [SegmentationRecord], second: [SegmentationRecord], classCount: Int,
    metric: Metric = .meanIoU, resampleCount: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) {
    precondition(
      first.map(\.index) == second.map(\.index),
      "the records of both networks must be of the same images in the same order")
    self.init(
      [first, second], classCount: classCount, metric: metric, resampleCount: resampleCount,
      confidence: confidence, seed: seed)
  }

  private init(
    _ networks: [[SegmentationRecord]], classCount: Int, metric: Metric, resampleCount: Int,
    confidence: Double, seed: UInt64
  ) {
    let count = networks[0].count
    precondition(count > 0, "a bootstrap needs an image")
    precondition(resampleCount >= 2, "a bootstrap needs 2 resamples, got \(resampleCount)")
    precondition(
      confidence > 0 && confidence < 1, "the confidence is a fraction in 0...1, got \(confidence)")
    func difference(_ weights: [Int]) -> Double {
      let values = networks.map { records in
        var score = SegmentationScore(classCount: classCount)
        for (record, weight) in zip(records, weights) where weight > 0 {
          score.add(record, weight: weight)
        }
        return metric.value(score)
      }
      return values.count == 1 ? values[0] : values[0] - values[1]
    }
    estimate = difference([Int](repeating: 1, count: count))
    self.resampleCount = resampleCount
    let values = (0..<resampleCount).map { number in
      var stream = RandomStream(seed: seed, purpose: .bootstrap, sample: number)
      var weights = [Int](repeating: 0, count: count)
      for _ in 0..<count { weights[stream.below(count)] += 1 }
      return difference(weights)
    }.sorted()
    interval = Interval(
      low: PairedBootstrap.percentile((1 - confidence) / 2, of: values),
      high: PairedBootstrap.percentile((1 + confidence) / 2, of: values))
    standardError = Spread(values).deviation
  }
}
