import CVector
import VectorMath

extension Kernels {
  /// Softmax of each row of `scale · scores + bias + mask`, in place; padding columns become 0.
  ///
  /// - Parameters:
  ///   - scores: `[N, rowLength]`; padding columns hold finite numbers.
  ///   - bias: `[N, rowLength]` with -∞ in the padding columns (row stride 0: one row for all).
  ///   - mask: `[N, rowLength]` or nil.
  ///   - rounds: Whether rows become pairs of bfloat16 where they lie.
  static func maskedSoftmax(
    _ scores: UnsafeMutablePointer<Float>, scale: Float, bias: UnsafePointer<Float>,
    biasStride: Int,
    mask: UnsafePointer<Float>?, rows: Int, rowLength: Int, rounds: Bool = false
  ) {
    let factor = splat(scale)
    for row in 0..<rows {
      defer { if rounds { Product.roundRow(scores + row * rowLength, count: rowLength) } }
      let s = scores + row * rowLength
      let b = bias + row * biasStride
      let m = mask.map { $0 + row * rowLength }
      if rowLength == 64 {
        var v0 = cv_fma(cv_load(s), factor, cv_load(b))
        var v1 = cv_fma(cv_load(s + 16), factor, cv_load(b + 16))
        var v2 = cv_fma(cv_load(s + 32), factor, cv_load(b + 32))
        var v3 = cv_fma(cv_load(s + 48), factor, cv_load(b + 48))
        if let m {
          v0 += cv_load(m)
          v1 += cv_load(m + 16)
          v2 += cv_load(m + 32)
          v3 += cv_load(m + 48)
        }
        let top = splat(cv_reduce_max(cv_max(cv_max(v0, v1), cv_max(v2, v3))))
        v0 = exponential(v0 - top)
        v1 = exponential(v1 - top)
        v2 = exponential(v2 - top)
        v3 = exponential(v3 - top)
        let share = splat(1 / cv_reduce_add((v0 + v1) + (v2 + v3)))
        cv_store(s, v0 * share)
        cv_store(s + 16, v1 * share)
        cv_store(s + 32, v2 * share)
        cv_store(s + 48, v3 * share)
        continue
      }
      var best = splat(-.infinity)
      var at = 0
      while at < rowLength {
        var v = cv_fma(cv_load(s + at), factor, cv_load(b + at))
        if let m { v += cv_load(m + at) }
        cv_store(s + at, v)
        best = cv_max(best, v)
        at += 16
      }
      let top = splat(cv_reduce_max(best))
      var sum = splat(0)
      at = 0
      while at < rowLength {
        let e = exponential(cv_load(s + at) - top)
        cv_store(s + at, e)
        sum += e
        at += 16
      }
      let share = splat(1 / cv_reduce_add(sum))
      at = 0
      while at < rowLength {
        cv_store(s + at, cv_load(s + at) * share)
        at += 16
      }
    }
  }

  /// The gradient of a softmax: `dp = p · (dp − Σ p·dp)` for each row, in place; `sums`, where
  /// given, grow by it, and then it is multiplied by `scale`.
  ///
  /// Padding columns of `p` are 0, so those of `dp` become 0 where they hold finite numbers.
  static func softmaxBackward(
    _ p: UnsafePointer<Float>, _ dp: UnsafeMutablePointer<Float>,
    addingTo sums: UnsafeMutablePointer<Float>?, scale: Float, rows: Int, rowLength: Int
  ) {
    for row in 0..<rows {
      let q = p + row * rowLength
      let d = dp + row * rowLength
      var sum = splat(0)
      var at = 0
      while at < rowLength {
        sum = cv_fma(cv_load(q + at), cv_load(d + at), sum)
        at += 16
      }
      let inner = splat(cv_reduce_add(sum))
      at = 0
      while at < rowLength {
        let slope = cv_load(q + at) * (cv_load(d + at) - inner)
        if let total = sums.map({ $0 + row * rowLength + at }) {
          cv_store(total, cv_load(total) + slope)
        }
        cv_store(d + at, slope * splat(scale))
        at += 16
      }
    }
  }

  /// Adds one bias row to every row of a `[rows, columns]` matrix.
  static func addBias(
    _ x: UnsafeMutablePointer<Float>, _ bias: UnsafePointer<Float>, rows: Int, columns: Int
  ) {
    for row in 0..<rows { add(x + row * columns, bias, into: x + row * columns, count: columns) }
  }
}
