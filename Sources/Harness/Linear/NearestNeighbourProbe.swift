import Foundation
import Models

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

  /// The score for each number of neighbours that there are training rows for.
  func scores(train: FeatureMatrix, validation: FeatureMatrix) -> [(k: Int, score: ClassificationScore)] {
    let counts = Self.neighbourCounts.filter { $0 <= train.count }
    let limits = counts.isEmpty ? [train.count] : counts
    let width = train.featureCount
    let shard = 8192
    let block = 64
    let trainUnits = normalized(train)
    let validationUnits = normalized(validation)
    let blockCount = (validation.count + block - 1) / block
    var records = [[ClassificationRecord]](
      repeating: [], count: validation.count)
    records.withUnsafeMutableBufferPointer { records in
      nonisolated(unsafe) let out = records
      ThreadPool.shared.forEach(blockCount) { index in
        let rows = index * block..<min(validation.count, (index + 1) * block)
        var nearest = rows.map { _ in NearestNeighbours(limit: limits.last ?? 1) }
        let similarities = Tensor(uninitialized: [rows.count, shard])
        for first in stride(from: 0, to: train.count, by: shard) {
          let size = min(shard, train.count - first)
          BLAS.parallelGemm(
            transposeB: true, m: rows.count, n: size, k: width,
            a: validationUnits.pointer + rows.lowerBound * width, lda: width,
            b: trainUnits.pointer + first * width, ldb: width, c: similarities.pointer, ldc: shard)
          for row in 0..<rows.count {
            nearest[row].offer(
              UnsafeBufferPointer(start: similarities.pointer + row * shard, count: size),
              firstRow: first)
          }
        }
        for (offset, row) in rows.enumerated() {
          let votes = nearest[offset].votes(
            ks: limits, temperature: Self.temperature, labels: train.labels,
            classCount: classCount)
          out[row] = votes.map { votes in
            votes.withUnsafeBufferPointer {
              ClassificationRecord(
                index: Int(validation.indices[row]), label: Int(validation.labels[row]), scores: $0)
            }
          }
        }
      }
    }
    return limits.enumerated().map { position, k in
      var score = ClassificationScore(classCount: classCount)
      for row in records { score.add(row[position]) }
      return (k, score)
    }
  }

  private func normalized(_ matrix: FeatureMatrix) -> Tensor {
    withoutGradients { l2Normalized(matrix.rows(0..<matrix.count)) }
  }
}
