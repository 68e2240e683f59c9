import Foundation
import TensorCore

/// How well a set of vectors uses the space it lives in.
public enum RepresentationHealth {
  /// The mean over dimensions of the deviation of unit vectors, times √D.
  ///
  /// 1 for vectors spread evenly over the sphere, 0 when all are the same.
  ///
  /// - Parameter units: `[N, D]`, rows of unit length.
  ///
  /// Source: Chen and He, Exploring Simple Siamese Representation Learning, 2021, section 4.1.
  public static func spread(_ units: Tensor) -> Double {
    let (count, width) = (units.shape[0], units.shape[1])
    guard count > 1 else { return 0 }
    let values = units.values
    var total = 0.0
    for column in 0..<width {
      var (sum, squares) = (0.0, 0.0)
      for row in 0..<count {
        let value = Double(values[row * width + column])
        sum += value
        squares += value * value
      }
      let mean = sum / Double(count)
      total += max(0, squares / Double(count) - mean * mean).squareRoot()
    }
    return total / Double(width) * Double(width).squareRoot()
  }

  /// The exponential of the entropy of the normalised singular values of the centred rows.
  ///
  /// At most min(N − 1, D); 1 when all rows lie on a line, 0 when all are the same.
  ///
  /// - Parameter rows: `[N, D]`; at most 128 rows are looked at.
  ///
  /// Source: Roy and Vetterli, The Effective Rank, 2007.
  public static func effectiveRank(_ matrix: Tensor) -> Double {
    let count = min(128, matrix.shape[0])
    let width = matrix.shape[1]
    guard count > 1 else { return 0 }
    let values = matrix.values
    var centered = [Double](repeating: 0, count: count * width)
    for column in 0..<width {
      var mean = 0.0
      for row in 0..<count { mean += Double(values[row * width + column]) }
      mean /= Double(count)
      for row in 0..<count {
        centered[row * width + column] = Double(values[row * width + column]) - mean
      }
    }
    // The Gram matrix has the squares of the singular values.
    var gram = [Double](repeating: 0, count: count * count)
    for i in 0..<count {
      for j in 0...i {
        var dot = 0.0
        for column in 0..<width {
          dot += centered[i * width + column] * centered[j * width + column]
        }
        gram[i * count + j] = dot
        gram[j * count + i] = dot
      }
    }
    let singular = SymmetricEigen(gram, count: count).values.map { max(0, $0).squareRoot() }
    let total = singular.reduce(0, +)
    guard total > 1e-12 else { return 0 }
    let entropy = singular.reduce(0.0) { sum, value in
      let share = value / total
      return share > 0 ? sum - share * log(share) : sum
    }
    return exp(entropy)
  }

  /// Mean cosine of matching rows and of all others; nil for what there are no rows for.
  ///
  /// - Parameters:
  ///   - queries: `[N, D]`, rows of unit length.
  ///   - keys: What row i should agree with, `[N, D]`; without it rows are compared among
  ///     themselves.
  public static func similarities(
    queries: Tensor, keys: Tensor?
  ) -> (positive: Double?, negative: Double?) {
    let (count, width) = (queries.shape[0], queries.shape[1])
    let (rows, others) = (queries.values, (keys ?? queries).values)
    // Σᵢ Σⱼ qᵢ·kⱼ is the dot product of the two sums.
    var (querySum, keySum) = (
      [Double](repeating: 0, count: width), [Double](repeating: 0, count: width)
    )
    var positive = 0.0
    for row in 0..<count {
      for column in 0..<width {
        let q = Double(rows[row * width + column])
        let k = Double(others[row * width + column])
        querySum[column] += q
        keySum[column] += k
        positive += q * k
      }
    }
    let all = zip(querySum, keySum).reduce(0.0) { $0 + $1.0 * $1.1 }
    let negative = count > 1 ? (all - positive) / Double(count * (count - 1)) : nil
    return (keys == nil ? nil : positive / Double(count), negative)
  }

  /// ‖θ_target − θ_online‖ / ‖θ_online‖ over all followed parameters; nil without a target.
  public static func momentumGap(_ pairs: [(target: Tensor, online: Tensor)]) -> Double? {
    guard !pairs.isEmpty else { return nil }
    var (difference, norm) = (0.0, 0.0)
    for (target, online) in pairs {
      target.withValues { target in
        online.withValues { online in
          for i in online.indices {
            let value = Double(online[i])
            let gap = Double(target[i]) - value
            difference += gap * gap
            norm += value * value
          }
        }
      }
    }
    return norm > 0 ? (difference / norm).squareRoot() : 0
  }
}
