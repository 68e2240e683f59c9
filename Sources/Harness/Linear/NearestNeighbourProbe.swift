import Evaluation
import Foundation
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
    let shardSize = 8192
    let blockSize = 64
    let blockCount = (validation.count + blockSize - 1) / blockSize
    let validationUnits = normalized(validation, 0..<validation.count)
    var nearest = [NearestNeighbours](
      repeating: NearestNeighbours(limit: limits.last ?? 1), count: validation.count)
    for first in stride(from: 0, to: train.count, by: shardSize) {
      let size = min(shardSize, train.count - first)
      let units = normalized(train, first..<first + size)
      nearest.withUnsafeMutableBufferPointer { nearest in
        // Each piece has rows of its own.
        nonisolated(unsafe) let nearest = nearest
        ThreadPool.shared.forEach(blockCount) { block in
          let rows = block * blockSize..<min(validation.count, (block + 1) * blockSize)
          let similarities = rowProducts(validationUnits, rows, with: units)
          for (offset, row) in rows.enumerated() {
            similarities.withRow(offset) { nearest[row].offer($0, firstRow: first) }
          }
        }
      }
    }
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

  private func normalized(_ matrix: FeatureMatrix, _ rows: Range<Int>) -> Tensor {
    withoutGradients { l2Normalized(matrix.rows(rows)) }
  }
}
