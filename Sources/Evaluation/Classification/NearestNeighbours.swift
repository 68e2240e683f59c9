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
  ///
  /// - Precondition: `limit > 0`.
  public init(limit: Int) {
    precondition(limit > 0, "nearest neighbours need a positive limit, got \(limit)")
    self.limit = limit
    similarities.reserveCapacity(limit + 1)
    rows.reserveCapacity(limit + 1)
  }

  /// Offers the similarities of consecutive rows starting at `firstRow`.
  ///
  /// A NaN is near to nothing and is left out. The rows of one list come in ascending order; lists
  /// filled side by side are joined by `merge`.
  public mutating func offer(_ values: UnsafeBufferPointer<Float>, firstRow: Int) {
    var threshold = similarities.count < limit ? -Float.infinity : (similarities.last ?? 0)
    for offset in 0..<values.count {
      let value = values[offset]
      // Rows come in ascending order, so an equal value loses to those already kept.
      guard value > threshold || (similarities.count < limit && !value.isNaN) else { continue }
      insert(value, row: Int32(firstRow + offset))
      if similarities.count == limit { threshold = similarities.last ?? threshold }
    }
  }

  /// Takes in the neighbours that another list found among other rows.
  public mutating func merge(_ other: NearestNeighbours) {
    for (similarity, row) in zip(other.similarities, other.rows) { insert(similarity, row: row) }
  }

  private mutating func insert(_ similarity: Float, row: Int32) {
    var low = 0
    var high = similarities.count
    while low < high {
      let middle = (low + high) / 2
      let isBefore =
        similarities[middle] > similarity
        || (similarities[middle] == similarity && rows[middle] < row)
      if isBefore { low = middle + 1 } else { high = middle }
    }
    guard low < limit else { return }
    similarities.insert(similarity, at: low)
    rows.insert(row, at: low)
    if similarities.count > limit {
      similarities.removeLast()
      rows.removeLast()
    }
  }

  /// The vote of the nearest `k` rows: each adds exp(similarity / temperature) to its class.
  ///
  /// - Returns: One score a class.
  ///
  /// Source: Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination,
  /// 2018; as in DINO's evaluation.
  public func vote(k: Int, temperature: Float, labels: [Int32], classCount: Int) -> [Float] {
    votes(ks: [k], temperature: temperature, labels: labels, classCount: classCount)[0]
  }

  /// The votes of the nearest rows for several numbers of neighbours, in one pass.
  ///
  /// - Parameters:
  ///   - ks: How many neighbours vote, in any order; where fewer are known, all of them.
  ///   - labels: Class of each row.
  /// - Returns: One score a class for each of `ks`, in its order.
  public func votes(
    ks: [Int], temperature: Float, labels: [Int32], classCount: Int
  ) -> [[Float]] {
    var scores = [Float](repeating: 0, count: classCount)
    var results = [[Float]](repeating: [], count: ks.count)
    var counted = 0
    for position in ks.indices.sorted(by: { ks[$0] < ks[$1] }) {
      let end = min(ks[position], rows.count)
      while counted < end {
        // Added from the nearest on in single precision, as the reference does.
        scores[Int(labels[Int(rows[counted])])] += exp(similarities[counted] / temperature)
        counted += 1
      }
      results[position] = scores
    }
    return results
  }
}
