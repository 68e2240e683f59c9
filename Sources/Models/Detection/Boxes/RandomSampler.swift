import CounterRandom

/// Picks the boxes that a loss is computed on: a limited number of positives, the rest negatives.
///
/// Source: mmdet 2, RandomSampler, without an upper bound on negatives.
public struct RandomSampler: Sendable, Hashable {
  /// Boxes in all.
  public var count: Int
  /// The most positives among them.
  public var positiveLimit: Int

  /// Sets the numbers.
  public init(count: Int, positiveLimit: Int) {
    self.count = count
    self.positiveLimit = positiveLimit
  }

  /// The chosen positions, each list ascending.
  public struct Sample: Equatable, Sendable {
    /// Positions assigned to an object.
    public var positives: [Int]
    /// Positions assigned to the background.
    public var negatives: [Int]
  }

  /// Chooses among assigned boxes.
  ///
  /// - Parameters:
  ///   - assignments: −1 ignored, 0 background, i + 1 object i.
  ///   - stream: Drawn from only when there are more candidates than places.
  public func sample(_ assignments: [Int32], stream: inout RandomStream) -> Sample {
    var positives: [Int] = []
    var negatives: [Int] = []
    for (index, assignment) in assignments.enumerated() {
      if assignment > 0 {
        positives.append(index)
      } else if assignment == 0 {
        negatives.append(index)
      }
    }
    positives = Self.subset(positives, min(count, positiveLimit), &stream)
    negatives = Self.subset(negatives, count - positives.count, &stream)
    return Sample(positives: positives, negatives: negatives)
  }

  /// A uniform subset in ascending order; everything when there is room.
  private static func subset(
    _ candidates: [Int], _ size: Int, _ stream: inout RandomStream
  ) -> [Int] {
    guard candidates.count > size else { return candidates }
    var pool = candidates
    for place in 0..<size { pool.swapAt(place, place + stream.below(pool.count - place)) }
    return pool.prefix(size).sorted()
  }
}
