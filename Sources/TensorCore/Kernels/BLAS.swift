import COpenBLAS
import Threads

/// Matrix products on OpenBLAS, loaded once with the right kernels for this processor.
public enum BLAS {
  /// Why the library could not be loaded, or nil when it runs.
  public static let loadingError: String? = {
    var message = [CChar](repeating: 0, count: 512)
    guard cob_load(&message, message.count) != 0 else { return nil }
    return String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }()

  /// The name of the OpenBLAS kernel family in use, for the log of a run.
  public static var coreName: String {
    loadingError == nil ? String(cString: cob_core_name()) : "none"
  }

  /// Computes `c = alpha · op(a) op(b) + beta · c` on the calling thread.
  ///
  /// Row-major; `op(a)` is `[m, k]`, `op(b)` is `[k, n]`, `c` is `[m, n]`; leading dimensions are
  /// the row lengths as stored.
  ///
  /// - Precondition: OpenBLAS is installed (programs check `loadingError` first and say so).
  @inline(__always)
  static func gemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
    c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    precondition(loadingError == nil, loadingError ?? "")
    guard m > 0, n > 0 else { return }
    cob_sgemm(
      Int32(transposeA ? COB_TRANSPOSE : COB_NO_TRANSPOSE),
      Int32(transposeB ? COB_TRANSPOSE : COB_NO_TRANSPOSE), Int32(m), Int32(n), Int32(k), alpha,
      a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// Like `gemm`, with the rows of `c` shared out to the pool in blocks that depend on the shape
  /// alone, so that every thread count gives the same bits.
  public static func parallelGemm(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int, beta: Float = 0,
    c: UnsafeMutablePointer<Float>, ldc: Int
  ) {
    let work = m * n * k
    if work < 1 << 18 {
      gemm(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a: a,
        lda: lda, b: b, ldb: ldb, beta: beta, c: c, ldc: ldc)
      return
    }
    // Cut the longer side of c: each piece packs the other operand again, so pieces stay large.
    let cutsRows = m >= n
    let length = cutsRows ? m : n
    let minimum = max(48, ((1 << 17) / (k * (cutsRows ? n : m)) + 15) & ~15)
    let pieces = max(1, min(8, length / minimum), (length + 1023) / 1024)
    let block = ((length + pieces - 1) / pieces + 15) & ~15
    let count = (length + block - 1) / block
    ThreadPool.shared.forEach(count) { piece in
      let start = piece * block
      let size = min(block, length - start)
      if cutsRows {
        gemm(
          transposeA: transposeA, transposeB: transposeB, m: size, n: n, k: k, alpha: alpha,
          a: a + (transposeA ? start : start * lda), lda: lda, b: b, ldb: ldb, beta: beta,
          c: c + start * ldc, ldc: ldc)
      } else {
        gemm(
          transposeA: transposeA, transposeB: transposeB, m: m, n: size, k: k, alpha: alpha, a: a,
          lda: lda, b: b + (transposeB ? start * ldb : start), ldb: ldb, beta: beta, c: c + start,
          ldc: ldc)
      }
    }
  }
}
