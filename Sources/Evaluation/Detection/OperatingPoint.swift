/// A detector at one score: what it finds and how much of that is right when lower scores are left
/// out.
public struct OperatingPoint: Sendable, Equatable {
  /// Detections from this score on count.
  public let score: Double
  /// The part of those that are right, and the part of objects that they find.
  public let precision, recall: Double

  /// A point of a detector.
  public init(score: Double, precision: Double, recall: Double) {
    self.score = score
    self.precision = precision
    self.recall = recall
  }

  /// The harmonic mean of precision and recall.
  public var f1: Double {
    precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
  }
}

extension MatchRecords {
  /// The score from which on F1 is best: the smallest part of detections and objects in error.
  ///
  /// Every score of a detection is tried, on the detections themselves, not on the smoothed curve.
  ///
  /// - Parameters:
  ///   - threshold: The overlap from which on a detection is right, one of the settings'.
  ///   - category: One category by its place; nil takes all detections and objects together.
  /// - Returns: The point, the highest score of several; nil without objects, without anything right,
  ///   or at another threshold.
  public func bestPoint(threshold: Double = 0.5, category: Int? = nil) -> OperatingPoint? {
    guard let step = settings.thresholds(at: threshold).first else { return nil }
    var (objects, outcomes) = (0, [(score: Double, isRight: Bool)]())
    for place in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices {
      objects += objectCount(category: place)
      forEachJudged(category: place, step: step) { outcomes.append(($0, $1)) }
    }
    guard objects > 0 else { return nil }
    outcomes.sort { $0.score > $1.score }
    var (right, best, bestScore, counted) = (0, 0.0, 0.0, (right: 0, all: 0))
    for (at, outcome) in outcomes.enumerated() {
      if outcome.isRight { right += 1 }
      if at + 1 < outcomes.count, outcomes[at + 1].score == outcome.score { continue }
      let f1 = Double(2 * right) / Double(at + 1 + objects)
      if f1 > best { (best, bestScore, counted) = (f1, outcome.score, (right, at + 1)) }
    }
    guard best > 0 else { return nil }
    return OperatingPoint(
      score: bestScore, precision: Double(counted.right) / Double(counted.all),
      recall: Double(counted.right) / Double(objects))
  }

  /// Whether all scores lie between 0 and 1.
  public var haveProbabilities: Bool { scores.allSatisfy { (0...1).contains($0) } }

  /// How far scores are from how often detections are right: ten bins, a score on an edge in the
  /// upper one.
  ///
  /// - Parameters:
  ///   - threshold: The overlap from which on a detection is right, one of the settings'.
  ///   - category: One category by its place; nil takes all.
  /// - Returns: The bins; empty at another threshold, and where scores are no probabilities.
  public func calibration(
    threshold: Double = 0.5, category: Int? = nil, binCount: Int = 10
  ) -> Calibration {
    var calibration = Calibration(binCount: binCount, edges: .above)
    guard let step = settings.thresholds(at: threshold).first, haveProbabilities else {
      return calibration
    }
    for place in category.map({ $0..<$0 + 1 }) ?? categoryIDs.indices {
      forEachJudged(category: place, step: step) { score, isRight in
        calibration.add(confidence: score, isRight: isRight)
      }
    }
    return calibration
  }

  /// Objects of a category that are to be found.
  private func objectCount(category: Int) -> Int {
    let ranges = settings.areaRanges.count
    return (categoryStarts[category]..<categoryStarts[category + 1])
      .reduce(0) { $0 + Int(objectCounts[$1 * ranges]) }
  }

  /// Visits the detections of a category that are right or wrong in the first area range.
  private func forEachJudged(category: Int, step: Int, _ visit: (Double, Bool) -> Void) {
    let ranges = settings.areaRanges.count
    for cell in categoryStarts[category]..<categoryStarts[category + 1] {
      for detection in detections(ofCell: cell) {
        let at = detection * ranges
        if ignored[at] >> UInt16(step) & 1 == 1 { continue }
        visit(scores[detection], matched[at] >> UInt16(step) & 1 == 1)
      }
    }
  }
}
