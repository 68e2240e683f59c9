import Threads

/// How a fused operation cuts its rows into panels that stay in the cache of one core.
///
/// The cut depends on the shape alone, never on the number of threads. A matrix product packs its
/// weights once a panel, so panels are as large as the cache allows, and an even number of them
/// keeps two cores level.
struct Panels {
  let count: Int
  private let size: Int
  private let total: Int

  /// - Parameters:
  ///   - units: How many indivisible units (rows, or windows) there are.
  ///   - rowsPerUnit: Rows of the matrices in one unit.
  init(units: Int, rowsPerUnit: Int) {
    let largest = max(1, 392 / rowsPerUnit)
    var panels = max(1, (units + largest - 1) / largest)
    if panels < 32, units > 1 { panels += panels % 2 }
    size = max(1, (units + panels - 1) / panels)
    count = (units + size - 1) / size
    total = units
  }

  /// The units of one panel.
  subscript(index: Int) -> Range<Int> { index * size..<min(total, (index + 1) * size) }

  /// The most units any panel has.
  var largestSize: Int { size }

  /// Runs `body` on every panel.
  ///
  /// A single panel leaves the threads to its matrix products.
  func forEach(_ body: (Int, Range<Int>) -> Void) {
    ThreadPool.shared.forEach(count) { body($0, self[$0]) }
  }

  /// A matrix product inside a panel.
  @inline(__always)
  func gemm(
    transposeB: Bool = false, m: Int, n: Int, k: Int, a: UnsafePointer<Float>, lda: Int,
    b: UnsafePointer<Float>, ldb: Int, c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    if count == 1 {
      BLAS.parallelGemm(
        transposeB: transposeB, m: m, n: n, k: k, a: a, lda: lda, b: b, ldb: ldb, c: c, ldc: ldc)
    } else {
      BLAS.gemm(
        transposeB: transposeB, m: m, n: n, k: k, a: a, lda: lda, b: b, ldb: ldb, c: c, ldc: ldc)
    }
  }
}
