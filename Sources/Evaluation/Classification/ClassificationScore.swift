/// What a classifier said of one image.
public struct ClassificationRecord: Sendable, Equatable {
  /// The image's position in the validation set.
  public let index: Int
  /// The true class.
  public let label: Int
  /// The best classes, best first; at most five.
  public let predictions: [Int]
  /// Position of the true class in the full order, from 0.
  public let rank: Int

  /// Records an outcome.
  public init(index: Int, label: Int, predictions: [Int], rank: Int) {
    self.index = index
    self.label = label
    self.predictions = predictions
    self.rank = rank
  }

  /// Orders the scores of one image.
  ///
  /// Equal scores rank by class index, so that the outcome does not depend on a sort.
  public init(index: Int, label: Int, scores: UnsafeBufferPointer<Float>) {
    self.index = index
    self.label = label
    let own = scores[label]
    var rank = 0
    for (other, score) in scores.enumerated()
    where score > own || (score == own && other < label) || score.isNaN {
      rank += 1
    }
    self.rank = rank
    var best: [Int] = []
    for candidate in scores.indices {
      var at = best.count
      while at > 0, scores[candidate] > scores[best[at - 1]] { at -= 1 }
      guard at < 5 else { continue }
      best.insert(candidate, at: at)
      if best.count > 5 { best.removeLast() }
    }
    predictions = best
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
  public mutating func add(_ record: ClassificationRecord) {
    count += 1
    classCounts[record.label] += 1
    if record.rank < 5 { top5Count += 1 }
    if record.rank == 0 {
      top1Count += 1
      classTop1Counts[record.label] += 1
    } else if let prediction = record.predictions.first {
      confusions[Pair(label: record.label, prediction: prediction), default: 0] += 1
    }
  }

  /// Adds the images of another score.
  public mutating func merge(_ other: ClassificationScore) {
    count += other.count
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
