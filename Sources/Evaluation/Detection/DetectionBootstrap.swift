import CounterRandom

/// How sure average precision is, or the difference of two detectors, by resampling the images.
///
/// Average precision is no mean over images: every resample orders and accumulates the detections
/// of its images anew, exactly. Both detectors get the same draws, so what is hard for both cancels
/// out. The draws depend on the seed and the number of the resample alone.
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3 (percentiles).
public struct DetectionBootstrap: Sendable, Equatable {
  /// The number that is resampled.
  public enum Metric: Sendable, Equatable {
    /// The mean over all overlap thresholds, or the value at one of them.
    case averagePrecision(threshold: Double? = nil, areaRange: Int = 0)
    /// The same for one category, by its place among the ids.
    case categoryPrecision(Int, threshold: Double? = nil)
  }

  /// The number on all images; for two detectors, first minus second.
  public let estimate: Double
  /// The percentile interval.
  public let interval: Interval
  /// The deviation of the resampled numbers: the standard error of the estimate.
  public let standardError: Double
  /// How many resamples were drawn.
  public let resampleCount: Int
  /// The resampled numbers in the order of their draws.
  public let values: [Double]

  /// Resamples the images of one detector.
  ///
  /// - Parameter confidence: The part of the resampled numbers inside the interval.
  /// - Precondition: there is an image; `resampleCount ≥ 2`.
  public init(
    _ records: MatchRecords, metric: Metric = .averagePrecision(), resampleCount: Int = 1000,
    confidence: Double = 0.95, seed: UInt64
  ) {
    self.init(
      [records], metric: metric, resampleCount: resampleCount, confidence: confidence, seed: seed)
  }

  /// Resamples the difference of two detectors on the same images.
  ///
  /// - Parameters:
  ///   - first: Records of the first detector.
  ///   - second: Records of the second, on the same ground truth.
  ///   - confidence: The part of the resampled numbers inside the interval.
  /// - Precondition: both have the same images and categories, at least one image;
  ///   `resampleCount ≥ 2`.
  public init(
    first: MatchRecords, second: MatchRecords, metric: Metric = .averagePrecision(),
    resampleCount: Int = 1000, confidence: Double = 0.95, seed: UInt64
  ) {
    precondition(
      first.imageIDs == second.imageIDs && first.categoryIDs == second.categoryIDs,
      "the records of both detectors must be of the same images and categories")
    self.init(
      [first, second], metric: metric, resampleCount: resampleCount, confidence: confidence,
      seed: seed)
  }

  private init(
    _ detectors: [MatchRecords], metric: Metric, resampleCount: Int, confidence: Double,
    seed: UInt64
  ) {
    let imageCount = detectors[0].imageIDs.count
    precondition(imageCount > 0, "a bootstrap needs an image")
    precondition(resampleCount >= 2, "a bootstrap needs 2 resamples, got \(resampleCount)")
    precondition(
      confidence > 0 && confidence < 1, "the confidence is a fraction in 0...1, got \(confidence)")
    let curves = detectors.map { PrecisionRecall($0, areaRangeCount: metric.areaRange + 1) }
    func difference(_ weights: UnsafePointer<Int32>?) -> Double {
      let numbers = curves.map { $0.value(metric, weights: weights) }
      return numbers.count == 1 ? numbers[0] : numbers[0] - numbers[1]
    }
    estimate = difference(nil)
    self.resampleCount = resampleCount
    values = threadMap(resampleCount) { number in
      var stream = RandomStream(seed: seed, purpose: .bootstrap, sample: number)
      var weights = [Int32](repeating: 0, count: imageCount)
      for _ in 0..<imageCount { weights[stream.below(imageCount)] += 1 }
      return weights.withUnsafeBufferPointer { difference($0.baseAddress) }
    }
    let sorted = values.sorted()
    interval = Interval(
      low: PairedBootstrap.percentile((1 - confidence) / 2, of: sorted),
      high: PairedBootstrap.percentile((1 + confidence) / 2, of: sorted))
    standardError = Spread(values).deviation
  }
}

extension DetectionBootstrap.Metric {
  fileprivate var areaRange: Int {
    if case .averagePrecision(_, let range) = self { range } else { 0 }
  }
}

extension PrecisionRecall {
  /// The metric on weighed images; a set without objects scores 0, as it has nothing to differ in.
  fileprivate func value(
    _ metric: DetectionBootstrap.Metric, weights: UnsafePointer<Int32>?
  ) -> Double {
    let (wanted, range, labels): (Double?, Int, Range<Int>) =
      switch metric {
      case .averagePrecision(let threshold, let range): (threshold, range, 0..<categoryCount)
      case .categoryPrecision(let label, let threshold): (threshold, 0, label..<label + 1)
      }
    var scratch = Scratch()
    var (sum, count) = (0.0, 0)
    for label in labels {
      let objects = objectCount(category: label, areaRange: range, weights: weights)
      guard objects > 0 else { continue }
      prepare(category: label, areaRange: range, weights: weights, &scratch)
      for (step, threshold) in settings.overlapThresholds.enumerated()
      where wanted == nil || wanted == threshold {
        curve(
          category: label, areaRange: range, threshold: step, objectCount: objects,
          weights: weights, &scratch)
        for precision in scratch.precisions { sum += precision }
        count += scratch.precisions.count
      }
    }
    return count == 0 ? 0 : sum / Double(count)
  }
}
