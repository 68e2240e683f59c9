import Threads

/// Average precision and recall of detections, and the twelve numbers that COCO reports.
public struct CocoScores: Sendable {
  /// What was compared.
  public let overlapType: OverlapType
  /// The parameters of the matching.
  public let settings: CocoProtocol
  /// Ids of the categories, ascending.
  public let categoryIDs: [Int]
  /// Precision, `[areaRange, category, threshold, recall]`; NaN for a category without objects.
  public let precision: [Double]
  /// The score of the detection that reaches each recall, in the order of `precision`; 0 where none
  /// does.
  public let scores: [Double]
  /// The group of each category, or empty.
  let categoryGroups: [String]
  /// Recall at the last limit of detections, `[areaRange, category, threshold]`; NaN likewise.
  public let recall: [Double]
  /// Recall in the first area range, `[limit, category, threshold]`; NaN likewise.
  public let recallByLimit: [Double]

  /// Accumulates the records of all images.
  public init(_ records: MatchRecords) {
    self.init(records, PrecisionRecall(records), weights: nil)
  }

  /// Accumulates a selection of the images.
  ///
  /// - Parameter copies: How often each image of `records.imageIDs` is there.
  /// - Precondition: there is one number, 0 or more, for every image.
  public init(_ records: MatchRecords, copies: [Int]) {
    precondition(
      copies.count == records.imageIDs.count && copies.allSatisfy { $0 >= 0 },
      "\(copies.count) copies for \(records.imageIDs.count) images")
    self.init(records, PrecisionRecall(records), weights: copies.map { Int32($0) })
  }

  private init(_ records: MatchRecords, _ curves: PrecisionRecall, weights: [Int32]?) {
    overlapType = records.overlapType
    settings = records.settings
    categoryIDs = records.categoryIDs
    categoryGroups = records.categoryGroups
    let (ranges, thresholds, recalls) = (
      settings.areaRanges.count, settings.overlapThresholds.count, settings.recallThresholds.count
    )
    let rows = threadMap(ranges * categoryIDs.count) {
      index -> Row in
      let (range, category) = (index / records.categoryIDs.count, index % records.categoryIDs.count)
      return Self.withPointer(weights) { weights in
        var scratch = PrecisionRecall.Scratch()
        let objectCount = curves.objectCount(
          category: category, areaRange: range, weights: weights)
        guard objectCount > 0 else {
          return Row(
            precision: [Double](repeating: .nan, count: thresholds * recalls),
            scores: [Double](repeating: .nan, count: thresholds * recalls),
            recall: [Double](repeating: .nan, count: thresholds))
        }
        curves.prepare(category: category, areaRange: range, weights: weights, &scratch)
        var row = Row()
        let scores = curves.categories[category].scores
        for threshold in 0..<thresholds {
          curves.curve(
            category: category, areaRange: range, threshold: threshold, objectCount: objectCount,
            weights: weights, &scratch)
          row.precision += scratch.precisions
          for (place, recall) in zip(scratch.places, records.settings.recallThresholds) {
            // Recall 0 is reached by the first detection, right or wrong.
            let reached = recall <= 0 ? 0 : Int(place)
            row.scores.append(scores.indices.contains(reached) ? scores[reached] : 0)
          }
          row.recall.append(scratch.recall)
        }
        return row
      }
    }
    precision = rows.flatMap(\.precision)
    scores = rows.flatMap(\.scores)
    recall = rows.flatMap(\.recall)
    let limits = settings.maxDetections
    recallByLimit = threadMap(limits.count * categoryIDs.count) { index in
      let category = index % records.categoryIDs.count
      return Self.recalls(
        records, category: category, limit: limits[index / records.categoryIDs.count],
        weights: weights,
        objectCount: Self.withPointer(weights) {
          curves.objectCount(category: category, areaRange: 0, weights: $0)
        })
    }.flatMap { $0 }
  }

  /// One category and area range.
  private struct Row {
    var precision: [Double] = [], scores: [Double] = [], recall: [Double] = []
  }

  private static func withPointer<Result>(
    _ weights: [Int32]?, _ body: (UnsafePointer<Int32>?) -> Result
  ) -> Result {
    guard let weights else { return body(nil) }
    return weights.withUnsafeBufferPointer { body($0.baseAddress) }
  }

  /// Recall at every threshold when only the first few detections of an image count.
  private static func recalls(
    _ records: MatchRecords, category: Int, limit: Int, weights: [Int32]?, objectCount: Int
  ) -> [Double] {
    let (thresholds, ranges) = (
      records.settings.overlapThresholds.count, records.settings.areaRanges.count
    )
    guard objectCount > 0 else { return [Double](repeating: .nan, count: thresholds) }
    var found = [Int](repeating: 0, count: thresholds)
    for cell in records.categoryStarts[category]..<records.categoryStarts[category + 1] {
      let weight = weights.map { Int($0[Int(records.cellImages[cell])]) } ?? 1
      for detection in records.detections(ofCell: cell).prefix(limit) {
        let right = records.matched[detection * ranges] & ~records.ignored[detection * ranges]
        guard right != 0 else { continue }
        for threshold in 0..<thresholds where right >> UInt16(threshold) & 1 == 1 {
          found[threshold] += weight
        }
      }
    }
    return found.map { Double($0) / Double(objectCount) }
  }

  // MARK: Numbers

  /// The mean of precision over categories with objects; −1 where there are none.
  ///
  /// - Parameters:
  ///   - threshold: An overlap threshold by its value; nil takes the mean over all.
  ///   - category: One category by its place; nil takes the mean over all.
  ///   - group: One group of categories by its name; nil takes all.
  public func averagePrecision(
    areaRange: Int = 0, threshold: Double? = nil, category: Int? = nil, group: String? = nil
  ) -> Double {
    let (thresholds, recalls) = (
      settings.overlapThresholds.count, settings.recallThresholds.count
    )
    var (sum, count) = (0.0, 0)
    let steps = settings.thresholds(at: threshold)
    for label in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices
    where group == nil || categoryGroups[label] == group {
      for step in steps {
        let first = ((areaRange * categoryIDs.count + label) * thresholds + step) * recalls
        guard !precision[first].isNaN else { continue }
        for at in first..<first + recalls { sum += precision[at] }
        count += recalls
      }
    }
    return count == 0 ? -1 : sum / Double(count)
  }

  /// The mean of recall over categories with objects and thresholds, or of one of these; −1 where
  /// there are none.
  public func averageRecall(
    areaRange: Int = 0, threshold: Double? = nil, category: Int? = nil
  ) -> Double {
    mean(recall, row: areaRange, category, settings.thresholds(at: threshold))
  }

  /// The mean of recall for one limit of detections, by its place among the limits.
  public func averageRecall(limit: Int, category: Int? = nil) -> Double {
    mean(recallByLimit, row: limit, category, Array(settings.overlapThresholds.indices))
  }

  /// The mean over the categories and thresholds of one row of `[row, category, threshold]`.
  private func mean(
    _ values: [Double], row: Int, _ category: Int?, _ steps: [Int]
  ) -> Double {
    let thresholds = settings.overlapThresholds.count
    var (sum, count) = (0.0, 0)
    for label in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices {
      let first = (row * categoryIDs.count + label) * thresholds
      for step in steps where !values[first + step].isNaN {
        sum += values[first + step]
        count += 1
      }
    }
    return count == 0 ? -1 : sum / Double(count)
  }
}
