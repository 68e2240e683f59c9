extension CocoScores {
  /// Precision at every recall threshold.
  ///
  /// - Parameters:
  ///   - threshold: An overlap threshold by its value; nil takes the mean over all.
  ///   - category: One category by its place; nil takes the mean over all with objects.
  /// - Returns: One number a recall; empty where there are no objects.
  public func curve(
    areaRange: Int = 0, threshold: Double? = nil, category: Int? = nil
  ) -> [Double] {
    let recalls = settings.recallThresholds.count
    var (sums, count) = ([Double](repeating: 0, count: recalls), 0)
    for label in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices {
      for step in settings.thresholds(at: threshold) {
        let first = firstPoint(areaRange, label, step)
        guard !precision[first].isNaN else { continue }
        for at in 0..<recalls { sums[at] += precision[first + at] }
        count += 1
      }
    }
    return count == 0 ? [] : sums.map { $0 / Double(count) }
  }

  /// The mean over categories and thresholds of the best F1 on each curve, read at the recall
  /// thresholds; −1 where there are no objects.
  ///
  /// The curves are those of average precision, whose precision never falls towards lower recall; a
  /// score to work at is that of `MatchRecords.bestPoint`.
  ///
  /// Source: derekallman/hotcoco 1.3.0, `f_scores`.
  public func bestF1(threshold: Double? = nil, category: Int? = nil) -> Double {
    var (sum, count) = (0.0, 0)
    for label in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices {
      for step in settings.thresholds(at: threshold) {
        let first = firstPoint(0, label, step)
        guard !precision[first].isNaN else { continue }
        var best = 0.0
        for (at, recall) in settings.recallThresholds.enumerated() {
          let own = precision[first + at]
          if own + recall > 0 { best = max(best, 2 * own * recall / (own + recall)) }
        }
        sum += best
        count += 1
      }
    }
    return count == 0 ? -1 : sum / Double(count)
  }

  private func firstPoint(_ areaRange: Int, _ category: Int, _ step: Int) -> Int {
    ((areaRange * categoryIDs.count + category) * settings.overlapThresholds.count + step)
      * settings.recallThresholds.count
  }
}
