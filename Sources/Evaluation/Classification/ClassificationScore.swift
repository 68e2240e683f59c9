/// Accuracy over many images; two scores of disjoint images merge into the score of both.
public struct ClassificationScore: Sendable, Equatable {
  /// How many classes there are.
  public let classCount: Int
  /// Images seen.
  public private(set) var count = 0
  /// Images by the place of their true class, as far as there are classes.
  private var rankCounts: [Int]
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
    rankCounts = [Int](repeating: 0, count: classCount + 1)
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
    if rankCounts.indices.contains(record.rank) { rankCounts[record.rank] += 1 }
    if record.rank == 0 {
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
    for rank in rankCounts.indices { rankCounts[rank] += other.rankCounts[rank] }
    for label in 0..<classCount {
      classCounts[label] += other.classCounts[label]
      classTop1Counts[label] += other.classTop1Counts[label]
    }
    confusions.merge(other.confusions, uniquingKeysWith: +)
  }

  /// Images whose true class was among the first `limit`.
  public func count(within limit: Int) -> Int { rankCounts.prefix(limit).reduce(0, +) }

  /// Fraction of images whose true class was among the first `limit`.
  public func accuracy(within limit: Int) -> Double {
    count == 0 ? .nan : Double(count(within: limit)) / Double(count)
  }

  /// Images whose true class came first.
  public var top1Count: Int { count(within: 1) }

  /// Fraction of images whose true class came first.
  public var top1: Double { accuracy(within: 1) }

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
