import CProduct

extension Product {
  /// The left operand of products, one block of its depth at a time, as the tiles read it best.
  ///
  /// That is where it is, copied, or rounded to pairs of bfloat16, if it was not before. A block that
  /// is loaded serves any number of right operands.
  struct BlockLeft {
    private let source: Left
    private let rows, depth: Int
    /// Whether it is multiplied with pairs of bfloat16.
    private let isPaired: Bool
    private let copy: Storage?
    private let copyRow: Int
    private var left: Left
    private var size = 0

    /// - Parameters:
    ///   - rows: All of its rows are in every block.
    ///   - columns: Of all right operands; one alone is not worth a copy.
    ///   - isPaired: Whether right operands are pairs of bfloat16.
    init(_ a: Left, rows: Int, columns: Int, depth: Int, isPaired: Bool) {
      (source, left) = (a, a)
      (self.rows, self.depth, self.isPaired) = (rows, depth, isPaired)
      let steps = min(depth, depthBlock)
      if a.isPaired {
        (copy, copyRow) = (nil, a.row)
      } else if isPaired {
        copyRow = rowLength((steps + 1) / 2)
        copy = Storage(count: rows * copyRow)
      } else {
        // Rows, or steps of a transposed matrix, that lie far apart fall on each other in the caches.
        let isTransposed = a.step != 1
        let collides = isTransposed ? a.step >= 512 : a.row != rowLength(a.row)
        copyRow = rowLength(isTransposed ? rows : steps)
        copy =
          collides && rows > 4 && columns > 1
          ? Storage(count: copyRow * (isTransposed ? steps : rows)) : nil
      }
    }

    /// Goes to the block that begins with a step.
    mutating func load(from start: Int) {
      size = min(depthBlock, depth - start)
      left = source.from(row: 0, step: start)
      guard let copy else { return }
      let isTransposed = source.step != 1
      if isPaired {
        cp_pair_left(rows, size, left.start, left.row, left.step, pairs(copy.pointer), copyRow)
        left = Left(
          start: UnsafePointer(copy.pointer), row: isTransposed ? 1 : copyRow,
          step: isTransposed ? rows : 1, isPaired: true)
        return
      }
      let (runs, length) = isTransposed ? (size, rows) : (rows, size)
      let apart = isTransposed ? left.step : left.row
      for run in 0..<runs {
        (copy.pointer + run * copyRow).update(from: left.start + run * apart, count: length)
      }
      left = Left(
        start: UnsafePointer(copy.pointer), row: isTransposed ? 1 : copyRow,
        step: isTransposed ? copyRow : 1)
    }

    /// `c = a b` over the block's depth; `adding`, it is added to what c holds.
    ///
    /// - Parameter right: Its first step is that of the block.
    func multiply(
      _ right: Right, columns: Int, into c: UnsafeMutablePointer<Float>, row: Int, adding: Bool
    ) {
      guard isPaired else {
        return cp_multiply(
          rows, columns, size, left.start, left.row, left.step, right.start, right.step,
          right.panel, c, row, adding ? 1 : 0)
      }
      cp_multiply_bf16(
        rows, columns, (size + 1) / 2, pairs(left.start), left.row, left.step, pairs(right.start),
        right.step, right.panel, c, row, adding ? 1 : 0)
    }
  }
}
