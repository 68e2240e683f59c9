// Moves of whole rows between tensors that hold data, not recorded computation: batches, keys,
// features. No gradient flows through them.

/// Copies of some rows of the first axis, in the order given; a row may come several times.
///
/// - in: x `[N, …]`, rows in 0..<N; out: `[rows.count, …]`
public func selectedRows(_ x: Tensor, _ rows: [Int]) -> Tensor {
  let count = x.shape[0]
  let width = x.elementCount / max(1, count)
  let out = Tensor(uninitialized: [rows.count] + x.shape.dropFirst())
  for (target, row) in rows.enumerated() {
    precondition((0..<count).contains(row), "row \(row) of \(x.shape)")
    (out.pointer + target * width).update(from: x.pointer + row * width, count: width)
  }
  return out
}

/// Writes the rows of `source` over those of `target` from `first` on, in place.
///
/// - in: target `[N, …]`, source `[M, …]`, first + M at most N
public func writeRows(_ source: Tensor, into target: Tensor, from first: Int) {
  let count = source.shape[0]
  precondition(
    source.shape.dropFirst() == target.shape.dropFirst() && first >= 0
      && first + count <= target.shape[0],
    "\(source.shape) does not fit into \(target.shape) from row \(first) on")
  let width = target.elementCount / max(1, target.shape[0])
  (target.mutablePointer + first * width).update(from: source.pointer, count: source.elementCount)
}

/// The transpose of a matrix.
///
/// - in: `[M, N]`; out: `[N, M]`
public func transposed(_ matrix: Tensor) -> Tensor {
  precondition(matrix.shape.count == 2, "transposed needs a matrix, got \(matrix.shape)")
  let (rows, columns) = (matrix.shape[0], matrix.shape[1])
  let out = Tensor(uninitialized: [columns, rows])
  transposeEach(matrix.pointer, count: 1, rows: rows, columns: columns, into: out.pointer)
  return out
}

/// The dot product of some rows of one matrix with every row of another.
///
/// - in: a `[N, D]`, range in 0..<N, b `[M, D]`; out: `[range.count, M]`
public func rowProducts(_ a: Tensor, _ range: Range<Int>, with b: Tensor) -> Tensor {
  precondition(
    a.shape.count == 2 && b.shape.count == 2 && a.shape[1] == b.shape[1]
      && range.lowerBound >= 0 && range.upperBound <= a.shape[0],
    "rows \(range) of \(a.shape) with \(b.shape)")
  let (width, count) = (a.shape[1], b.shape[0])
  let out = Tensor(uninitialized: [range.count, count])
  Product.multiply(
    transposeB: true, m: range.count, n: count, k: width,
    a: a.pointer + range.lowerBound * width, lda: width, b: b.pointer, ldb: width,
    c: out.pointer, ldc: count, precision: .f32)
  return out
}
