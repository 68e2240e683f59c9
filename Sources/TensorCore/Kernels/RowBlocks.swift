import Threads

/// Loops over the rows of a matrix in blocks whose size depends on the shape alone, so that the
/// order of every sum is the same for every thread count.
enum RowBlocks {
  /// Rows in one block when each row holds `columns` numbers: about 64 KiB.
  static func size(columns: Int) -> Int { max(1, 16_384 / max(1, columns)) }

  /// Runs `body` on consecutive row ranges covering 0..<rows.
  static func forEach(rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
    let block = size(columns: columns)
    ThreadPool.shared.forEach((rows + block - 1) / block) { index in
      body(index * block..<min(rows, (index + 1) * block))
    }
  }

  /// Like `forEach`, with `width` zeroed accumulators a block that are added up in block order.
  ///
  /// - Returns: The sums, `[width]`.
  static func accumulate(
    rows: Int, columns: Int, width: Int,
    _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    // At most 64 partial sums, or their own traffic would outweigh the rows'.
    let block = max(size(columns: columns), (rows + 63) / 64)
    let count = max(1, (rows + block - 1) / block)
    let partial = Tensor(uninitialized: [count, width])
    let base = partial.pointer
    ThreadPool.shared.forEach(count) { index in
      let sums = base + index * width
      sums.update(repeating: 0, count: width)
      body(min(rows, index * block)..<min(rows, (index + 1) * block), sums)
    }
    let total = Tensor(zeros: [width])
    for index in 0..<count {
      Kernels.add(total.pointer, base + index * width, into: total.pointer, count: width)
    }
    return total
  }

  /// The sum of each column of a `[rows, columns]` matrix.
  static func columnSums(_ x: UnsafePointer<Float>, rows: Int, columns: Int) -> Tensor {
    accumulate(rows: rows, columns: columns, width: columns) { range, sums in
      for row in range { Kernels.add(sums, x + row * columns, into: sums, count: columns) }
    }
  }
}
