/// What rows of numbers without a name for their meaning can be.
struct ScoreSums {
  private var hasOther = false
  private var whole = 0, percentages = 0, rows = 0
  private var firstOther: Int?

  mutating func add(_ scores: [Double], line: Int) {
    rows += 1
    if Self.areProbabilities(scores) {
      whole += 1
      return
    }
    firstOther = firstOther ?? line
    let sum = scores.reduce(0, +)
    if scores.allSatisfy({ $0 >= 0 }), abs(sum - 100) < 5 { percentages += 1 }
    hasOther = hasOther || scores.contains { $0 < 0 || $0 > 1.001 }
  }

  /// A line that is wrong where nearly all are probabilities and all could be; of few lines none can
  /// be told.
  var faultyLine: Int? { !hasOther && rows > 7 && 4 * whole >= 3 * rows ? firstOther : nil }

  var meaning: ClassificationPredictions.Meaning {
    if whole == rows { return .probabilities }
    return percentages == rows || !hasOther ? .scores : .logits
  }

  /// Whether numbers are shares of one; a thousand of them rounded to four decimals sum to 1 within
  /// a twentieth.
  static func areProbabilities(_ scores: [Double]) -> Bool {
    let sum = scores.reduce(0, +)
    return scores.allSatisfy { $0 >= 0 && $0 <= 1.001 } && abs(sum - 1) < 0.05
  }
}
