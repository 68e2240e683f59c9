/// Average precision of boxes and masks that comes again for any multiset of the images.
///
/// Every value orders and accumulates the kept matches anew, exactly; boxes and masks that were
/// matched before are not looked at again.
public struct ResampledDetection: ResampledMetric {
  public let images: [Int]
  /// `bbox/AP` and the other headlines, and the same for `segm`, of the types there are.
  public let metricNames: [String]
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
      CocoScores.headlines.map { record.overlapType.rawValue + "/" + $0.name }
    }
    curves = records.map { PrecisionRecall($0, areaRangeCount: 1) }
  }

  public func values(weights: [Int32]) -> [Double] {
    precondition(weights.count == images.count, "\(weights.count) weights, \(images.count) images")
    return weights.withUnsafeBufferPointer { weights in
      guard let base = weights.baseAddress else { return metricNames.map { _ in .nan } }
      return curves.flatMap { $0.headlines(weights: base) }
    }
  }
}

extension PrecisionRecall {
  /// AP over the thresholds of each headline; NaN without objects.
  fileprivate func headlines(weights: UnsafePointer<Int32>) -> [Double] {
    var scratch = Scratch()
    let wanted = CocoScores.headlines.map { settings.thresholds(at: $0.threshold) }
    var sums = wanted.map { _ in 0.0 }
    var counts = wanted.map { _ in 0 }
    for category in 0..<categoryCount {
      let objects = objectCount(category: category, areaRange: 0, weights: weights)
      guard objects > 0 else { continue }
      prepare(category: category, areaRange: 0, weights: weights, &scratch)
      for step in settings.overlapThresholds.indices {
        curve(
          category: category, areaRange: 0, threshold: step, objectCount: objects,
          weights: weights, &scratch)
        let sum = scratch.precisions.reduce(0, +)
        for place in wanted.indices where wanted[place].contains(step) {
          sums[place] += sum
          counts[place] += scratch.precisions.count
        }
      }
    }
    return zip(sums, counts).map { $1 == 0 ? .nan : $0 / Double($1) }
  }
}
