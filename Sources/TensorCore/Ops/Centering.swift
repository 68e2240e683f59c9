/// Rows minus one row, over a temperature; no gradient flows through it.
///
///     out = (x − c) / τ
///
/// - in: x `[N, K]`, centre c of K elements; out: `[N, K]`
///
/// Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, 2021, the
/// teacher's centring and sharpening.
public func centered(_ x: Tensor, by center: Tensor, temperature: Float) -> Tensor {
  let (rows, columns) = (x.shape[0], x.shape[1])
  precondition(center.elementCount == columns, "a centre \(center.shape) for \(x.shape)")
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: rows, columns: columns) { range in
    for row in range {
      let (from, to) = (x.pointer + row * columns, out.pointer + row * columns)
      for c in 0..<columns { to[c] = (from[c] - center.pointer[c]) / temperature }
    }
  }
  return out
}

/// average ← m · average + (1 − m) · column means of `x`, in place.
///
/// - in: x `[N, K]`, summed row after row; average of K elements
///
/// Source: Caron et al., 2021, equation 4.
public func moveToColumnMeans(_ average: Tensor, of x: Tensor, momentum: Double) {
  let (rows, columns) = (x.shape[0], x.shape[1])
  precondition(average.elementCount == columns, "an average \(average.shape) of \(x.shape)")
  let sums = Tensor(zeros: [columns])
  let (own, other) = (Float(momentum), Float(1 - momentum))
  let target = average.mutablePointer
  RowBlocks.forEach(rows: columns, columns: rows) { range in
    let at = sums.pointer + range.lowerBound
    for row in 0..<rows {
      Kernels.add(
        at, x.pointer + row * columns + range.lowerBound, into: at, count: range.count)
    }
    for c in range { target[c] = own * target[c] + other * sums.pointer[c] / Float(rows) }
  }
}
