import Evaluation
import Foundation
import Loading
import Models
import TensorCore
import Threads

/// Classifies every validation image by its nearest training images in feature space.
///
/// Features are normalised to unit length; the vote is DINO's. Training rows are taken in shards,
/// so memory stays bounded on ImageNet.
struct NearestNeighbourProbe {
  /// Neighbours that vote, as DINO reports them.
  static let neighbourCounts = [10, 20, 100, 200]
  /// The vote's temperature.
  static let temperature: Float = 0.07

  let classCount: Int
  /// The part of the features that counts; nil is all.
  var columns: Range<Int>?

  /// What one number of neighbours gives.
  struct Outcome {
    let k: Int
    let score: ClassificationScore
    /// One record a validation image, in their order.
    let records: [ClassificationRecord]
  }

  /// The outcome for each number of neighbours that there are training rows for.
  func outcomes(train: FeatureMatrix, validation: FeatureMatrix) -> [Outcome] {
    let counts = Self.neighbourCounts.filter { $0 <= train.count }
    let limits = counts.isEmpty ? [train.count] : counts
    let nearest = Self.neighbours(
      of: validation, limit: limits.last ?? 1, among: train, columns: columns)
    let records = nearest.enumerated().map { row, nearest in
      nearest.votes(
        ks: limits, temperature: Self.temperature, labels: train.labels, classCount: classCount
      ).map { votes in
        votes.withUnsafeBufferPointer {
          ClassificationRecord(
            index: Int(validation.indices[row]), label: Int(validation.labels[row]), scores: $0)
        }
      }
    }
    return limits.enumerated().map { position, k in
      var score = ClassificationScore(classCount: classCount)
      for row in records { score.add(row[position]) }
      return Outcome(k: k, score: score, records: records.map { $0[position] })
    }
  }

  /// The rows of a split that are nearest to each row of another, by the cosine.
  static func neighbours(
    of queries: FeatureMatrix, limit: Int, among split: FeatureMatrix, columns: Range<Int>? = nil
  ) -> [NearestNeighbours] {
    func units(_ matrix: FeatureMatrix, _ rows: Range<Int>) -> Tensor {
      withoutGradients { l2Normalized(matrix.rows(rows, columns: columns)) }
    }
    let shardSize = 8192
    return neighbours(
      of: units(queries, 0..<queries.count), limit: limit,
      among: stride(from: 0, to: split.count, by: shardSize).lazy.map { first in
        (first, units(split, first..<min(split.count, first + shardSize)))
      })
  }

  /// The nearest rows of every query.
  ///
  /// - Parameters:
  ///   - queries: `[n, width]`, of unit length.
  ///   - limit: Neighbours that are kept.
  ///   - shards: Rows of unit length, `[m, width]`, each shard with the number of its first row.
  static func neighbours(
    of queries: Tensor, limit: Int, among shards: some Sequence<(first: Int, units: Tensor)>
  ) -> [NearestNeighbours] {
    let count = queries.shape[0]
    let blockSize = 64
    var nearest = [NearestNeighbours](repeating: NearestNeighbours(limit: limit), count: count)
    for (first, units) in shards {
      nearest.withUnsafeMutableBufferPointer { nearest in
        // Each piece has rows of its own.
        nonisolated(unsafe) let nearest = nearest
        ThreadPool.shared.forEach((count + blockSize - 1) / blockSize) { block in
          let range = block * blockSize..<min(count, (block + 1) * blockSize)
          let similarities = rowProducts(queries, range, with: units)
          for (offset, row) in range.enumerated() {
            similarities.withRow(offset) { nearest[row].offer($0, firstRow: first) }
          }
        }
      }
    }
    return nearest
  }
}
