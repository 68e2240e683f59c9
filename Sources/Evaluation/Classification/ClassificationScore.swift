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
      predictionScores: best.map { scores[$0] },
      loss: areLogits ? Self.crossEntropy(scores, label: label) : nil)
  }

  private static func comesBefore(_ score: Float, _ other: Float) -> Bool {
    score > other || (score.isNaN && !other.isNaN)
  }

  /// −log softmax(scores)[label], in double precision.
  private static func crossEntropy(_ scores: UnsafeBufferPointer<Float>, label: Int) -> Double {
    let highest = Double(scores.max() ?? 0)
    var sum = 0.0
    for score in scores { sum += exp(Double(score) - highest) }
    return log(sum) + highest - Double(scores[label])
  }
}

/// Accuracy over many images; two scores of disjoint images merge into the score of both.
public struct ClassificationScore: Sendable, Equatable {
  /// How many classes there are.
  public let classCount: Int
  /// Images seen, right at first, and right among the first five.
  public private(set) var count = 0, top1Count = 0, top5Count = 0
  /// Images and right ones of each class.
  public private(set) var classCounts: [Int], classTop1Counts: [Int]
  private var confusions: [Pair: Int] = [:]
  private var lossSum = 0.0
  private var lossCount = 0

  /// A true class and the class it was taken for.
  public struct Pair: Hashable, Sendable {
    /// Indices of the two classes.
    public let label, prediction: Int
  }

  /// A score of no images.
  public init(classCount: Int) {
    self.classCount = classCount
    classCounts = [Int](repeating: 0, count: classCount)
    classTop1Counts = classCounts
  }

  /// Adds an image.
  ///
  /// - Precondition: its label is a class of this score.
  public mutating func add(_ record: ClassificationRecord) {
    precondition(
      classCounts.indices.contains(record.label), "class \(record.label) of \(classCount)")
    count += 1
    if let loss = record.loss {
      lossSum += loss
      lossCount += 1
    }
    classCounts[record.label] += 1
    if record.rank < 5 { top5Count += 1 }
    if record.rank == 0 {
      top1Count += 1
      classTop1Counts[record.label] += 1
    } else if let prediction = record.predictions.first, prediction != record.label {
      confusions[Pair(label: record.label, prediction: prediction), default: 0] += 1
    }
  }

  /// Adds the images of another score.
  ///
  /// - Precondition: both have the same classes.
  public mutating func merge(_ other: ClassificationScore) {
    precondition(
      classCount == other.classCount, "scores of \(classCount) and \(other.classCount) classes")
    count += other.count
    lossSum += other.lossSum
    lossCount += other.lossCount
    top1Count += other.top1Count
    top5Count += other.top5Count
    for label in 0..<classCount {
      classCounts[label] += other.classCounts[label]
      classTop1Counts[label] += other.classTop1Counts[label]
    }
    confusions.merge(other.confusions, uniquingKeysWith: +)
  }

  /// Fraction of images whose true class came first.
  public var top1: Double { count == 0 ? .nan : Double(top1Count) / Double(count) }

  /// Fraction of images whose true class was among the first five.
  public var top5: Double { count == 0 ? .nan : Double(top5Count) / Double(count) }

  /// The mean cross-entropy of the images that have one, each weighing the same; else NaN.
  public var meanLoss: Double { lossCount == 0 ? .nan : lossSum / Double(lossCount) }

  /// How often each class (row) was taken for each other (column); the diagonal is what was right.
  ///
  /// `[classCount][classCount]`: about 8 MB for 1000 classes.
  public var confusionMatrix: [[Int]] {
    var matrix = [[Int]](
      repeating: [Int](repeating: 0, count: classCount), count: classCount)
    for label in 0..<classCount { matrix[label][label] = classTop1Counts[label] }
    for (pair, count) in confusions { matrix[pair.label][pair.prediction] = count }
    return matrix
  }

  /// Accuracy of each class; NaN where it has no image.
  public var classAccuracies: [Double] {
    zip(classTop1Counts, classCounts).map { $1 == 0 ? .nan : Double($0) / Double($1) }
  }

  /// The mean of the accuracies of the classes that have images.
  public var meanClassAccuracy: Double {
    let present = classAccuracies.filter { !$0.isNaN }
    return present.isEmpty ? .nan : present.reduce(0, +) / Double(present.count)
  }

  /// The most frequent mistakes, most frequent first; equal ones by class index.
  public func mostConfused(_ limit: Int) -> [(pair: Pair, count: Int)] {
    confusions.map { (pair: $0.key, count: $0.value) }
      .sorted {
        ($1.count, $0.pair.label, $0.pair.prediction)
          < ($0.count, $1.pair.label, $1.pair.prediction)
      }
      .prefix(limit).map { $0 }
  }
}
