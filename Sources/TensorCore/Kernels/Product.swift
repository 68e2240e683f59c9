import CProduct
import Threads

/// Matrix products with the same bits on every processor and for every number of threads.
///
/// The sum of one result runs over the depth in order, in blocks of `depthBlock` that are added up
/// in order, one fused multiply-add a step. Neither the vector width nor the cut into pieces
/// changes that, so the cut may follow the number of threads.
enum Product {
  /// Steps of depth that are summed before they are added to the result.
  static let depthBlock = 384
  /// Columns of the right operand that lie side by side.
  static let panelWidth = Int(CP_PANEL)
  /// Rows of the largest tile.
  static let tileRows = Int(CP_TILE_ROWS)

  /// A left operand: element (m, k) at `start[m · row + k · step]`.
  struct Left {
    let start: UnsafePointer<Float>
    let row: Int
    var step = 1
    /// Whether its rows were rounded where they lie, by `roundRow`.
    var isPaired = false

    /// - Parameter at: A step; an even one of pairs.
    func from(row first: Int, step at: Int = 0) -> Left {
      Left(
        start: start + first * row + (isPaired ? at / 2 : at) * step, row: row, step: step,
        isPaired: isPaired)
    }
  }

  /// Rounds a row of a left operand to pairs of bfloat16 where it lies, as long as it is at hand.
  static func roundRow(_ row: UnsafeMutablePointer<Float>, count: Int) {
    cp_pair_left(1, count, row, count, 1, pairs(row), 0)
  }

  /// A right operand in panels: element (k, n) at `start[n / 32 · panel + k · step + n % 32]`; all
  /// 32 columns of the last panel can be read.
  struct Right {
    let start: UnsafePointer<Float>
    let step, panel: Int
    /// Whether two steps of bfloat16 lie where one number does.
    var isPaired = false

    /// - Parameter at: A step; an even one of pairs.
    func from(column: Int, step at: Int = 0) -> Right {
      Right(
        start: start + column / panelWidth * panel + (isPaired ? at / 2 : at) * step, step: step,
        panel: panel, isPaired: isPaired)
    }
  }

  /// A row length of at least `count` whose rows do not push each other out of the cache.
  static func rowLength(_ count: Int) -> Int { count % 512 == 0 ? count + 16 : count }

  /// `c = a b` on the calling thread; `adding`, it is added to what c holds.
  static func block(
    _ a: Left, _ b: Right, rows: Int, columns: Int, depth: Int,
    into c: UnsafeMutablePointer<Float>, row: Int, adding: Bool = false
  ) {
    var left = BlockLeft(
      a, rows: rows, columns: columns, depth: depth, isPaired: b.isPaired)
    for start in stride(from: 0, to: depth, by: depthBlock) {
      left.load(from: start)
      left.multiply(
        b.from(column: 0, step: start), columns: columns, into: c, row: row,
        adding: start > 0 || adding)
    }
  }

  /// Memory of single numbers seen as pairs of bfloat16.
  static func pairs(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt32.self)
  }
  static func pairs(_ pointer: UnsafePointer<Float>) -> UnsafePointer<UInt32> {
    UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt32.self)
  }

  /// `c = a b` for a matrix laid out before; outside of a pool's loop all threads share it.
  ///
  /// - Parameters:
  ///   - columns: Which of b's columns; they begin with a panel. All without.
  ///   - steps: Which of b's rows; a has them alone. All without.
  ///   - adding: Whether the product is added to what c holds.
  static func multiply(
    _ a: Left, _ b: PackedMatrix, rows: Int, columns: Range<Int>? = nil, steps: Range<Int>? = nil,
    into c: UnsafeMutablePointer<Float>, row: Int, adding: Bool = false
  ) {
    let (chosen, steps) = (columns ?? 0..<b.columns, steps ?? 0..<b.depth)
    if let plain = b.plain {
      let (column, step) = (chosen.lowerBound, steps.lowerBound)
      return BLAS.parallelGemm(
        transposeB: plain.isTransposed, m: rows, n: chosen.count, k: steps.count, a: a.start,
        lda: a.row,
        b: plain.start
          + (plain.isTransposed ? column * plain.row + step : step * plain.row + column),
        ldb: plain.row, beta: adding ? 1 : 0, c: c, ldc: row)
    }
    let right = b.right.from(column: chosen.lowerBound, step: steps.lowerBound)
    forEachPiece(m: rows, n: chosen.count, k: steps.count) { range, columns in
      block(
        a.from(row: range.lowerBound), right.from(column: columns.lowerBound),
        rows: range.count, columns: columns.count, depth: steps.count,
        into: c + range.lowerBound * row + columns.lowerBound, row: row, adding: adding)
    }
  }

  /// Computes `c = alpha · op(a) op(b)`.
  ///
  /// Row-major; `op(a)` is `[m, k]`, `op(b)` is `[k, n]`, `c` is `[m, n]`; leading dimensions are
  /// the row lengths as stored. Inside a piece of a pool's loop it stays on the calling thread.
  static func multiply(
    transposeA: Bool = false, transposeB: Bool = false, m: Int, n: Int, k: Int, alpha: Float = 1,
    a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, ldb: Int,
    c: UnsafeMutablePointer<Float>, ldc: Int, precision: Precision = .current
  ) {
    guard m > 0, n > 0 else { return }
    guard ProductLibrary.current == .own else {
      return BLAS.parallelGemm(
        transposeA: transposeA, transposeB: transposeB, m: m, n: n, k: k, alpha: alpha, a: a,
        lda: lda, b: b, ldb: ldb, c: c, ldc: ldc)
    }
    let left = transposeA ? Left(start: a, row: 1, step: lda) : Left(start: a, row: lda)
    forEachPiece(m: m, n: n, k: k) { rows, columns in
      let out = c + rows.lowerBound * ldc + columns.lowerBound
      piece(
        left.from(row: rows.lowerBound), rows: rows.count,
        b: b + columns.lowerBound * (transposeB ? ldb : 1), ldb: ldb, isTransposed: transposeB,
        columns: columns.count, depth: k, c: out, ldc: ldc, precision: precision)
      if alpha != 1 {
        for row in 0..<rows.count {
          Kernels.scale(out + row * ldc, by: alpha, into: out + row * ldc, count: columns.count)
        }
      }
    }
  }

  /// Cuts the result into pieces that are worth a thread each, along the longer side first.
  private static func forEachPiece(
    m: Int, n: Int, k: Int, _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void
  ) {
    let threads = ThreadPool.shared.threadCount
    let wanted = min(3 * threads, (m * n * k) >> 17)
    guard wanted > 1, threads > 1, !ThreadPool.isInsideLoop else { return body(0..<m, 0..<n) }
    let (tiles, panels) = ((m + tileRows - 1) / tileRows, (n + panelWidth - 1) / panelWidth)
    let first = min(max(tiles, panels), wanted)
    let second = min(min(tiles, panels), (wanted + first - 1) / first)
    let (rowCuts, columnCuts) = tiles >= panels ? (first, second) : (second, first)
    func cut(_ index: Int, of cuts: Int, units: Int, size: Int, total: Int) -> Range<Int> {
      min(total, units * index / cuts * size)..<min(total, units * (index + 1) / cuts * size)
    }
    ThreadPool.shared.forEach(rowCuts * columnCuts) { index in
      body(
        cut(index / columnCuts, of: rowCuts, units: tiles, size: tileRows, total: m),
        cut(index % columnCuts, of: columnCuts, units: panels, size: panelWidth, total: n))
    }
  }

  /// Packs as it goes: a block of depth and a group of columns fit into the second-level cache.
  private static func piece(
    _ a: Left, rows: Int, b: UnsafePointer<Float>, ldb: Int, isTransposed: Bool, columns: Int,
    depth: Int, c: UnsafeMutablePointer<Float>, ldc: Int, precision: Precision
  ) {
    let steps = min(depth, depthBlock)
    let group = min(columns, 8 * panelWidth)
    let panelCount = (group + panelWidth - 1) / panelWidth
    let panels = Storage(count: steps * panelCount * panelWidth)
    let paired =
      precision == .f32 ? nil : Storage(count: (steps + 1) / 2 * panelCount * panelWidth)
    var left = BlockLeft(
      a, rows: rows, columns: columns, depth: depth, isPaired: paired != nil)
    if depth == 0 {
      for row in 0..<rows { (c + row * ldc).update(repeating: 0, count: columns) }
    }
    for start in stride(from: 0, to: depth, by: depthBlock) {
      let size = min(depthBlock, depth - start)
      left.load(from: start)
      for column in stride(from: 0, to: columns, by: group) {
        let count = min(group, columns - column)
        let source = b + (isTransposed ? column * ldb + start : start * ldb + column)
        let right = layOut(
          source, row: ldb, isTransposed: isTransposed, columns: count, depth: size,
          room: paired == nil ? nil : panels.pointer, into: paired?.pointer ?? panels.pointer)
        left.multiply(right, columns: count, into: c + column, row: ldc, adding: start > 0)
      }
    }
  }

  /// Lays out a matrix as a right operand; transposed, its columns are rows in memory.
  ///
  /// - Parameters:
  ///   - room: Space for one panel in single precision, where pairs of bfloat16 are wanted; nil
  ///     wants single precision.
  ///   - panels: Space for all panels, of `32 · depth` numbers each, or of `32 · ⌈depth / 2⌉` pairs.
  static func layOut(
    _ b: UnsafePointer<Float>, row: Int, isTransposed: Bool, columns: Int, depth: Int,
    room: UnsafeMutablePointer<Float>?, into panels: UnsafeMutablePointer<Float>
  ) -> Right {
    let length = panelWidth * (room == nil ? depth : (depth + 1) / 2)
    if let room {
      for first in stride(from: 0, to: columns, by: panelWidth) {
        pairPanel(
          b + first * (isTransposed ? row : 1), row: row, isTransposed: isTransposed,
          columns: min(panelWidth, columns - first), depth: depth, room: room,
          into: pairs(panels + first / panelWidth * length))
      }
    } else {
      pack(
        b, row: row, isTransposed: isTransposed, columns: columns, depth: depth, into: panels)
    }
    return Right(
      start: UnsafePointer(panels), step: panelWidth, panel: length, isPaired: room != nil)
  }

  /// Lays out columns of a matrix as panels; transposed, they are its rows in memory.
  static func pack(
    _ b: UnsafePointer<Float>, row: Int, isTransposed: Bool, columns: Int, depth: Int,
    into panels: UnsafeMutablePointer<Float>
  ) {
    if isTransposed {
      cp_pack_rows(columns, depth, b, row, panels)
    } else {
      cp_pack_columns(columns, depth, b, row, panels)
    }
  }

  /// Lays out up to 32 columns as one panel of pairs of bfloat16.
  ///
  /// - Parameter room: Space for the panel in single precision.
  static func pairPanel(
    _ b: UnsafePointer<Float>, row: Int, isTransposed: Bool, columns: Int, depth: Int,
    room: UnsafeMutablePointer<Float>, into panel: UnsafeMutablePointer<UInt32>
  ) {
    if !isTransposed, columns == panelWidth {
      // It lies side by side already.
      return cp_pair_panel(depth, b, row, panel)
    }
    pack(b, row: row, isTransposed: isTransposed, columns: columns, depth: depth, into: room)
    cp_pair_panel(depth, room, panelWidth, panel)
  }
}
