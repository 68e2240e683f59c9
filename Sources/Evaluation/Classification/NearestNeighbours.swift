import Foundation

/// The nearest rows found so far for one query, nearest first.
///
/// Rows are offered in any number of shards; equal similarities keep the smaller row index, so the
/// result does not depend on the shards.
public struct NearestNeighbours: Sendable {
  /// How many are kept.
  public let limit: Int
  /// Similarities, largest first.
  public private(set) var similarities: [Float] = []
  /// Row indices in the same order.
  public private(set) var rows: [Int32] = []

  /// Keeps the `limit` nearest.
  public init(limit: Int) {
    self.limit = limit
    similarities.reserveCapacity(limit + 1)
    rows.reserveCapacity(limit + 1)
  }

  /// Offers the similarities of consecutive rows starting at `firstRow`.
  public mutating func offer(_ values: UnsafeBufferPointer<Float>, firstRow: Int) {
    var threshold = similarities.count < limit ? -Float.infinity : (similarities.last ?? 0)
    for (offset, value) in values.enumerated() {
      // Rows come in ascending order, so an equal value loses to those already kept.
      guard value > threshold || similarities.count < limit else { continue }
      var low = 0
      var high = similarities.count
      while low < high {
        let middle = (low + high) / 2
        if similarities[middle] >= value { low = middle + 1 } else { high = middle }
      }
      similarities.insert(value, at: low)
      rows.insert(Int32(firstRow + offset), at: low)
      if similarities.count > limit {
        similarities.removeLast()
        rows.removeLast()
      }
      if similarities.count == limit { threshold = similarities.last ?? threshold }
    }
  }

  /// The vote of the nearest `k` rows: each adds exp(similarity / temperature) to its class.
  ///
  /// - Returns: One score a class.
  ///
  /// Source: Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination,
  /// 2018; as in DINO's evaluation.
  public func vote(k: Int, temperature: Float, labels: [Int32], classCount: Int) -> [Float] {
    var scores = [Float](repeating: 0, count: classCount)
    for (similarity, row) in zip(similarities, rows).prefix(k) {
      scores[Int(labels[Int(row)])] += exp(similarity / temperature)
    }
    return scores
  }
}
