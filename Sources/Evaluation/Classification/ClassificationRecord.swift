import Foundation

/// What a classifier said of one image.
public struct ClassificationRecord: Sendable, Equatable {
  /// The image's position in the validation set.
  public let index: Int
  /// The true class.
  public let label: Int
  /// The best classes, best first; at most five.
  public let predictions: [Int]
  /// Scores of `predictions`; empty when only the order is known.
  public let predictionScores: [Float]
  /// Position of the true class in the full order, from 0.
  public let rank: Int
  /// Cross-entropy of the true class in nats; nil where the scores are no logits.
  public let loss: Double?

  /// Records an outcome.
  public init(
    index: Int, label: Int, predictions: [Int], rank: Int, predictionScores: [Float] = [],
    loss: Double? = nil
  ) {
    self.index = index
    self.label = label
    self.predictions = predictions
    self.predictionScores = predictionScores
    self.rank = rank
    self.loss = loss
  }

  /// Orders the scores of one image.
  ///
  /// Equal scores rank by class index, so that the outcome does not depend on a sort. A NaN comes
  /// before every number, and a true class whose own score is NaN is last: a broken network is
  /// never right by chance.
  ///
  /// - Precondition: `label` is the index of a score.
  public init(
    index: Int, label: Int, scores: UnsafeBufferPointer<Float>, areLogits: Bool = false
  ) {
    self.init(index: index, label: label, ordering: scores, areLogits: areLogits)
  }

  /// The same of numbers in double precision, as files hold them.
  ///
  /// - Precondition: `label` is the index of a score.
  public init(
    index: Int, label: Int, scores: UnsafeBufferPointer<Double>, areLogits: Bool = false
  ) {
    self.init(index: index, label: label, ordering: scores, areLogits: areLogits)
  }

  private init<Score: BinaryFloatingPoint>(
    index: Int, label: Int, ordering scores: UnsafeBufferPointer<Score>, areLogits: Bool
  ) {
    precondition(scores.indices.contains(label), "class \(label) of \(scores.count)")
    let own = scores[label]
    var rank = 0
    var best: [Int] = []
    for candidate in 0..<scores.count {
      let score = scores[candidate]
      if score > own || (score == own && candidate < label) || score.isNaN { rank += 1 }
      var at = best.count
      while at > 0, Self.comesBefore(score, scores[best[at - 1]]) { at -= 1 }
      guard at < 5 else { continue }
      best.insert(candidate, at: at)
      if best.count > 5 { best.removeLast() }
    }
    self.init(
      index: index, label: label, predictions: best, rank: own.isNaN ? scores.count : rank,
      predictionScores: best.map { Float(scores[$0]) },
      loss: areLogits ? Self.crossEntropy(scores, label: label) : nil)
  }

  private static func comesBefore<Score: BinaryFloatingPoint>(
    _ score: Score, _ other: Score
  ) -> Bool {
    score > other || (score.isNaN && !other.isNaN)
  }

  /// −log softmax(scores)[label], in double precision.
  private static func crossEntropy<Score: BinaryFloatingPoint>(
    _ scores: UnsafeBufferPointer<Score>, label: Int
  ) -> Double {
    let highest = Double(scores.max() ?? 0)
    var sum = 0.0
    for score in scores { sum += exp(Double(score) - highest) }
    return log(sum) + highest - Double(scores[label])
  }
}
