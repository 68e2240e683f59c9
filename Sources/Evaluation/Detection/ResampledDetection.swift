/// Average precision of boxes and masks that comes again for any multiset of the images.
///
/// Every value orders and accumulates the kept matches anew, exactly; boxes and masks that were
/// matched before are not looked at again.
public struct ResampledDetection: ResampledMetric {
  public let images: [Int]
  /// `bbox/AP` and the other headlines, and the same for `segm`, of the types there are; then, where
  /// wanted, the AP of each category by its id: `bbox/AP/18`.
  public let metricNames: [String]
  private let records: [MatchRecords]
  private let curves: [PrecisionRecall]
  private let headlines: [PrecisionRecall.Headline]
  private let numbers: [String]?
  private let perCategory: Bool

  /// Prepares records.
  ///
  /// - Parameters:
  ///   - records: One a type of overlap.
  ///   - numbers: The headlines that are wanted, nil for all; each takes its time.
  ///   - perCategory: Whether the AP of each category is wanted, too.
  /// - Precondition: there is a record, and all are of the same images.
  public init(_ records: [MatchRecords], numbers: [String]? = nil, perCategory: Bool = false) {
    precondition(
      records.allSatisfy { $0.imageIDs == records[0].imageIDs }, "records of different images")
    images = records[0].imageIDs
    self.numbers = numbers
    self.perCategory = perCategory
    var headlines: [PrecisionRecall.Headline] = CocoScores.headlines
      .filter { numbers?.contains($0.name) ?? true }.map { ($0.name, $0.threshold, nil) }
    if perCategory {
      headlines += records[0].categoryIDs.enumerated().map { ("AP/\($1)", nil, $0) }
    }
    self.headlines = headlines
    metricNames = records.flatMap { record in
      headlines.map { record.overlapType.rawValue + "/" + $0.name }
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
      return curves.flatMap { $0.numbers(headlines, weights: base, withSlopes: withSlopes) }
    }
  }

  public var supports: [Int] {
    records.flatMap { record in
      let counts = record.imageCountsByCategory
      let mean = Self.support(ofCategories: counts)
      return headlines.map { $0.category.map { counts[$0] } ?? mean }
    }
  }

  /// The images of both; nil when the others were matched otherwise.
  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? ResampledDetection, other.records.count == records.count else {
      return nil
    }
    let joined = zip(records, other.records).compactMap { $0.followed(by: $1) }
    return joined.count == records.count
      ? ResampledDetection(joined, numbers: numbers, perCategory: perCategory) : nil
  }
}

extension PrecisionRecall {
  /// A number that is resampled; nil means all thresholds, and all categories.
  fileprivate typealias Headline = (name: String, threshold: Double?, category: Int?)

  /// Means of precision over categories, thresholds and recalls; NaN without objects.
  fileprivate func numbers(
    _ headlines: [Headline], weights: UnsafePointer<Int32>, withSlopes: Bool
  ) -> [Linearization] {
    var scratch = Scratch()
    let wanted = headlines.map { settings.thresholds(at: $0.threshold) }
    var slopes = headlines.map { _ in
      [Double](repeating: 0, count: withSlopes ? imageCount : 0)
    }
    var sums = headlines.map { _ in 0.0 }
    var counts = headlines.map { _ in 0 }
    var curveCounts = counts
    for category in 0..<categoryCount {
      let objects = objectCount(category: category, areaRange: 0, weights: weights)
      guard objects > 0 else { continue }
      prepare(category: category, areaRange: 0, weights: weights, &scratch)
      let own = wanted.indices.filter { (headlines[$0].category ?? category) == category }
      for step in settings.overlapThresholds.indices {
        curve(
          category: category, areaRange: 0, threshold: step, objectCount: objects,
          weights: weights, &scratch)
        let sum = scratch.precisions.reduce(0, +)
        for place in own where wanted[place].contains(step) {
          sums[place] += sum
          counts[place] += scratch.precisions.count
          curveCounts[place] += 1
        }
      }
      guard withSlopes else { continue }
      // A category's own number stands behind those of all, which take the same slopes.
      var computed: [[Int]: Int] = [:]
      for place in own.reversed() {
        if let same = computed[wanted[place]] {
          slopes[place].add(slopes[same])
          continue
        }
        addSlopes(
          category: category, areaRange: 0, thresholds: wanted[place], objectCount: objects,
          weights: weights, &scratch, to: &slopes[place])
        if headlines[place].category != nil { computed[wanted[place]] = place }
      }
    }
    return sums.indices.map { at in
      Linearization(
        value: counts[at] == 0 ? .nan : sums[at] / Double(counts[at]),
        slopes: slopes[at].map { $0 / Double(max(1, curveCounts[at])) })
    }
  }
}

extension [Double] {
  fileprivate mutating func add(_ other: [Double]) {
    for at in indices { self[at] += other[at] }
  }
}
