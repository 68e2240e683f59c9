/// Average precision of boxes and masks that comes again for any multiset of the images.
///
/// Every value orders and accumulates the kept matches anew, exactly; boxes and masks that were
/// matched before are not looked at again.
public struct ResampledDetection: ResampledMetric {
  public let images: [Int]
  /// `bbox/AP`, `bbox/AP50`, `bbox/AP75`, and the same for `segm`, of the types there are.
  public let metricNames: [String]
  private let records: [MatchRecords]
  private let curves: [PrecisionRecall]

  /// Prepares records.
  ///
  /// - Parameter records: One a type of overlap.
  /// - Precondition: there is one, and all are of the same images.
  public init(_ records: [MatchRecords]) {
    precondition(
      records.allSatisfy { $0.imageIDs == records[0].imageIDs }, "records of different images")
    images = records[0].imageIDs
    metricNames = records.flatMap { record in
      PrecisionRecall.headlines.map { record.overlapType.rawValue + "/" + $0.name }
    }
    self.records = records
    curves = records.map { PrecisionRecall($0, areaRangeCount: 1) }
  }

  public func values(weights: [Int32]) -> [Double] {
    linearizations(weights: weights, withSlopes: false).map(\.value)
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    linearizations(weights: weights, withSlopes: true)
  }

  private func linearizations(weights: [Int32], withSlopes: Bool) -> [Linearization] {
    precondition(weights.count == images.count, "\(weights.count) weights, \(images.count) images")
    return weights.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else {
        return metricNames.map { _ in Linearization(value: .nan, slopes: []) }
      }
      return curves.flatMap { $0.headlines(weights: base, withSlopes: withSlopes) }
    }
  }

  /// The images of both; nil when the others were matched otherwise.
  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? ResampledDetection, other.records.count == records.count else {
      return nil
    }
    let joined = zip(records, other.records).compactMap { $0.followed(by: $1) }
    return joined.count == records.count ? ResampledDetection(joined) : nil
  }
}

extension PrecisionRecall {
  /// The numbers that are resampled; nil means all thresholds.
  fileprivate static let headlines: [(name: String, threshold: Double?)] = [
    ("AP", nil), ("AP50", 0.5), ("AP75", 0.75),
  ]

  /// AP over all thresholds, at 0.5 and at 0.75; NaN without objects.
  fileprivate func headlines(
    weights: UnsafePointer<Int32>, withSlopes: Bool
  ) -> [Linearization] {
    var scratch = Scratch()
    var slopes = Self.headlines.map { _ in
      [Double](repeating: 0, count: withSlopes ? imageCount : 0)
    }
    var sums = [0.0, 0.0, 0.0]
    var counts = [0, 0, 0]
    var curveCounts = [0, 0, 0]
    for category in 0..<categoryCount {
      let objects = objectCount(category: category, areaRange: 0, weights: weights)
      guard objects > 0 else { continue }
      prepare(category: category, areaRange: 0, weights: weights, &scratch)
      for (step, threshold) in settings.overlapThresholds.enumerated() {
        curve(
          category: category, areaRange: 0, threshold: step, objectCount: objects,
          weights: weights, &scratch)
        let sum = scratch.precisions.reduce(0, +)
        for (place, headline) in Self.headlines.enumerated()
        where headline.threshold == nil || headline.threshold == threshold {
          sums[place] += sum
          counts[place] += scratch.precisions.count
          curveCounts[place] += 1
        }
      }
      guard withSlopes else { continue }
      for (place, headline) in Self.headlines.enumerated() {
        addSlopes(
          category: category, areaRange: 0,
          thresholds: settings.overlapThresholds.indices.filter {
            headline.threshold == nil || headline.threshold == settings.overlapThresholds[$0]
          }, objectCount: objects, weights: weights, &scratch, to: &slopes[place])
      }
    }
    return sums.indices.map { at in
      Linearization(
        value: counts[at] == 0 ? .nan : sums[at] / Double(counts[at]),
        slopes: slopes[at].map { $0 / Double(max(1, curveCounts[at])) })
    }
  }
}
