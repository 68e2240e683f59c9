/// Eigenvalues and eigenvectors of a symmetric matrix, in double precision.
///
/// Householder's reduction to three diagonals, then implicit QL steps.
///
/// Source: Martin, Reinsch and Wilkinson, Householder's Tridiagonalization of a Symmetric Matrix, 1968;
/// Bowdler, Martin, Reinsch and Wilkinson, The QR and QL Algorithms for Symmetric Matrices, 1968.
public struct SymmetricEigen: Sendable {
  /// The eigenvalues, largest first.
  public let values: [Double]
  /// The eigenvectors as rows of unit length, `[n][n]`, in the same order.
  public let vectors: [[Double]]

  /// Decomposes a matrix.
  ///
  /// - Parameter matrix: `[n, n]`, row by row; its lower half counts.
  /// - Precondition: there are n² numbers.
  public init(_ matrix: [Double], count n: Int) {
    precondition(matrix.count == n * n, "\(matrix.count) numbers are no \(n)x\(n) matrix")
    var (diagonal, beside) = (
      [Double](repeating: 0, count: n), [Double](repeating: 0, count: n)
    )
    var rows = matrix
    rows.withUnsafeMutableBufferPointer { z in
      Self.reduce(z, n, &diagonal, &beside)
      Self.iterate(z, n, &diagonal, &beside)
    }
    let order = diagonal.indices.sorted { (diagonal[$0], $1) > (diagonal[$1], $0) }
    values = order.map { diagonal[$0] }
    // The iteration keeps vector i in row i.
    vectors = order.map { Array(rows[$0 * n..<($0 + 1) * n]) }
  }

  /// To three diagonals; `z` becomes the transposed rotation.
  private static func reduce(
    _ z: UnsafeMutableBufferPointer<Double>, _ n: Int, _ d: inout [Double], _ e: inout [Double]
  ) {
    guard n > 1 else {
      if n == 1 { (d[0], z[0]) = (z[0], 1) }
      return
    }
    for i in stride(from: n - 1, to: 0, by: -1) {
      let l = i - 1
      var h = 0.0
      var scale = 0.0
      if l > 0 {
        for k in 0...l { scale += abs(z[i * n + k]) }
      }
      if scale == 0 {
        e[i] = z[i * n + l]
      } else {
        for k in 0...l {
          z[i * n + k] /= scale
          h += z[i * n + k] * z[i * n + k]
        }
        let f = z[i * n + l]
        let g = f >= 0 ? -h.squareRoot() : h.squareRoot()
        e[i] = scale * g
        h -= f * g
        z[i * n + l] = f - g
        // p = A u / h, from the lower half alone.
        for j in 0...l { e[j] = 0 }
        for j in 0...l {
          let own = z[i * n + j]
          var sum = z[j * n + j] * own
          for k in 0..<j {
            sum += z[j * n + k] * z[i * n + k]
            e[k] += z[j * n + k] * own
          }
          e[j] += sum
        }
        var shared = 0.0
        for j in 0...l {
          z[j * n + i] = z[i * n + j] / h
          e[j] /= h
          shared += e[j] * z[i * n + j]
        }
        let half = shared / (h + h)
        for j in 0...l { e[j] -= half * z[i * n + j] }
        for j in 0...l {
          let (f, g) = (z[i * n + j], e[j])
          for k in 0...j { z[j * n + k] -= f * e[k] + g * z[i * n + k] }
        }
      }
      d[i] = h
    }
    (d[0], e[0]) = (0, 0)
    var sums = [Double](repeating: 0, count: n)
    for i in 0..<n {
      if d[i] != 0 {
        for j in 0..<i { sums[j] = 0 }
        for k in 0..<i {
          let own = z[i * n + k]
          for j in 0..<i { sums[j] += own * z[k * n + j] }
        }
        for k in 0..<i {
          let own = z[k * n + i]
          for j in 0..<i { z[k * n + j] -= sums[j] * own }
        }
      }
      d[i] = z[i * n + i]
      z[i * n + i] = 1
      for j in 0..<i {
        z[j * n + i] = 0
        z[i * n + j] = 0
      }
    }
    // Rows are neighbours in memory, columns are not: vectors go into rows.
    for i in 0..<n {
      for j in 0..<i {
        (z[i * n + j], z[j * n + i]) = (z[j * n + i], z[i * n + j])
      }
    }
  }

  private static func iterate(
    _ z: UnsafeMutableBufferPointer<Double>, _ n: Int, _ d: inout [Double], _ e: inout [Double]
  ) {
    guard n > 1 else { return }
    for i in 1..<n { e[i - 1] = e[i] }
    e[n - 1] = 0
    for l in 0..<n {
      for _ in 0..<60 {
        var m = l
        while m < n - 1 {
          let size = abs(d[m]) + abs(d[m + 1])
          if abs(e[m]) <= 0x1p-52 * size { break }
          m += 1
        }
        if m == l { break }
        var g = (d[l + 1] - d[l]) / (2 * e[l])
        var r = (g * g + 1).squareRoot()
        g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r))
        var (s, c, p) = (1.0, 1.0, 0.0)
        var isDone = true
        for i in stride(from: m - 1, through: l, by: -1) {
          let f = s * e[i]
          let b = c * e[i]
          r = (f * f + g * g).squareRoot()
          e[i + 1] = r
          if r == 0 {
            d[i + 1] -= p
            e[m] = 0
            isDone = false
            break
          }
          s = f / r
          c = g / r
          g = d[i + 1] - p
          r = (d[i] - g) * s + 2 * c * b
          p = s * r
          d[i + 1] = g + p
          g = c * r - b
          let (upper, lower) = (i * n, (i + 1) * n)
          for k in 0..<n {
            let (x, y) = (z[lower + k], z[upper + k])
            z[lower + k] = s * y + c * x
            z[upper + k] = c * y - s * x
          }
        }
        guard isDone else { continue }
        d[l] -= p
        e[l] = g
        e[m] = 0
      }
    }
  }
}
