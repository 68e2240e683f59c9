/// Finds where the outline of a polygon crosses the pixel columns, to the bit as COCO's tools do.
///
/// The source scales corners by 5, rounds them, walks every point of the outline and keeps those
/// where the walk passes the middle of a pixel column. Here only these points are computed: the
/// walk moves by at most one unit along the longer axis, so each of them has a closed form, with
/// the same expressions in double precision and the same truncation.
///
/// Source: cocodataset/cocoapi, `common/maskApi.c`, `rleFrPoly`.
final class PolygonRasterizer {
  // Column in the upper half, row in the lower.
  private var found: UnsafeMutablePointer<UInt64>
  private var sorted: UnsafeMutablePointer<UInt32>
  private var capacity = 512
  private var count = 0
  private var columnStarts: [Int32] = []

  /// Corners further out than this are not drawn: the source's integers would overflow.
  static let farthest = 4e8

  init() {
    found = .allocate(capacity: capacity)
    sorted = .allocate(capacity: capacity)
  }

  deinit {
    found.deallocate()
    sorted.deallocate()
  }

  private func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    let larger = max(2 * capacity, count + more)
    let moved = UnsafeMutablePointer<UInt64>.allocate(capacity: larger)
    moved.update(from: found, count: count)
    found.deallocate()
    sorted.deallocate()
    found = moved
    sorted = .allocate(capacity: larger)
    capacity = larger
  }

  /// The crossings as pixel positions down the columns, sorted; pixels between the first and the
  /// second, the third and the fourth, … are inside.
  ///
  /// A number left over at the end of `corners` is ignored. The result is valid until the next
  /// call.
  func crossings(
    of corners: UnsafeBufferPointer<Double>, height: Int, width: Int
  ) -> UnsafeBufferPointer<UInt32> {
    count = 0
    let cornerCount = corners.count / 2
    let empty = UnsafeBufferPointer<UInt32>(start: nil, count: 0)
    guard cornerCount > 0, height > 0, width > 0,
      corners.allSatisfy({ abs($0) <= Self.farthest })
    else { return empty }
    func scaled(_ at: Int) -> Int { Int(5 * corners[at] + 0.5) }
    var (x, y) = (scaled(2 * cornerCount - 2), scaled(2 * cornerCount - 1))
    for corner in 0..<cornerCount {
      let (nextX, nextY) = (scaled(2 * corner), scaled(2 * corner + 1))
      addEdge(x, y, nextX, nextY, height: height, width: width)
      (x, y) = (nextX, nextY)
    }
    sort(height: height)
    return UnsafeBufferPointer(start: sorted, count: count)
  }

  /// The row of a crossing: the middle of the scaled pixel rows, rounded up and kept inside.
  @inline(__always)
  private static func row(_ scaledY: Int, height: Int) -> Int {
    // ceil((v + 0.5) / 5 − 0.5) is ceil((v − 2) / 5); the shift of 2 makes it a division down.
    let shifted = scaledY &+ 2
    return shifted < 5 ? 0 : min(shifted / 5, height)
  }

  private func addEdge(
    _ fromX: Int, _ fromY: Int, _ toX: Int, _ toY: Int, height: Int, width: Int
  ) {
    var (x0, y0, x1, y1) = (fromX, fromY, toX, toY)
    let (dx, dy) = (abs(x1 - x0), abs(y1 - y0))
    if dx >= dy ? x0 > x1 : y0 > y1 { (x0, y0, x1, y1) = (x1, y1, x0, y0) }
    if dx >= dy {
      // One point for every x; a column is passed between 5c + 2 and 5c + 3.
      guard dx > 0 else { return }
      let slope = Double(y1 - y0) / Double(dx)
      let start = Double(y0)
      let (first, last) = Self.columns(from: x0, to: x1, width: width)
      guard first <= last else { return }
      reserve(last - first + 1)
      for column in first...last {
        let step = 5 * column + 2 - x0
        let before = Int(start + slope * Double(step) + 0.5)
        let after = Int(start + slope * Double(step + 1) + 0.5)
        add(column, Self.row(min(before, after), height: height))
      }
    } else {
      // One point for every y; x moves by at most one, and never back.
      let slope = Double(x1 - x0) / Double(dy)
      let start = Double(x0)
      func x(_ step: Int) -> Int { Int(start + slope * Double(step) + 0.5) }
      let (xFirst, xLast) = (x(0), x(dy))
      let (first, last) = Self.columns(
        from: min(xFirst, xLast), to: max(xFirst, xLast), width: width)
      guard first <= last else { return }
      reserve(last - first + 1)
      for column in first...last {
        let level = 5 * column + 2
        // The first step on the far side of the column's middle, up to rounding …
        var step = Int((Double(level) + 0.5 - start) / slope)
        step = min(max(step, 1), dy)
        // … and then exactly.
        if slope > 0 {
          while step > 1, x(step - 1) > level { step -= 1 }
          while step < dy, x(step) <= level { step += 1 }
        } else {
          while step > 1, x(step - 1) <= level { step -= 1 }
          while step < dy, x(step) > level { step += 1 }
        }
        add(column, Self.row(y0 + step - 1, height: height))
      }
    }
  }

  /// Columns c whose middle, between 5c + 2 and 5c + 3, lies between two scaled positions.
  @inline(__always)
  private static func columns(from low: Int, to high: Int, width: Int) -> (first: Int, last: Int) {
    let first = low <= 2 ? 0 : (low + 2) / 5
    let last = high < 3 ? -1 : (high - 3) / 5
    return (first, min(last, width - 1))
  }

  @inline(__always)
  private func add(_ column: Int, _ row: Int) {
    found[count] = UInt64(UInt32(column)) << 32 | UInt64(UInt32(row))
    count += 1
  }

  // MARK: Order

  /// Sorts by column with counters, and the few crossings of a column by comparing.
  private func sort(height: Int) {
    guard count > 0 else { return }
    var (low, high) = (UInt64.max, UInt64(0))
    for at in 0..<count {
      low = min(low, found[at])
      high = max(high, found[at])
    }
    let (firstColumn, lastColumn) = (Int(low >> 32), Int(high >> 32))
    let columnCount = lastColumn - firstColumn + 1
    columnStarts.removeAll(keepingCapacity: true)
    columnStarts.append(contentsOf: repeatElement(0, count: columnCount + 1))
    columnStarts.withUnsafeMutableBufferPointer { starts in
      for at in 0..<count { starts[Int(found[at] >> 32) - firstColumn + 1] += 1 }
      for column in 1...columnCount { starts[column] += starts[column - 1] }
      for at in 0..<count {
        let column = Int(found[at] >> 32)
        let place = Int(starts[column - firstColumn])
        starts[column - firstColumn] += 1
        sorted[place] = UInt32(column * height + Int(found[at] & 0xFFFF_FFFF))
      }
      // Every start has moved to its column's end.
      var from = 0
      for column in 0..<columnCount {
        let end = Int(starts[column])
        sortColumn(from, end)
        from = end
      }
    }
  }

  private func sortColumn(_ start: Int, _ end: Int) {
    if end - start > 64 {
      var column = UnsafeMutableBufferPointer(start: sorted + start, count: end - start)
      column.sort()
      return
    }
    guard end - start > 1 else { return }
    for at in start + 1..<end {
      let value = sorted[at]
      var place = at
      while place > start, sorted[place - 1] > value {
        sorted[place] = sorted[place - 1]
        place -= 1
      }
      sorted[place] = value
    }
  }
}

extension RunLengthMask {
  /// The union of polygons, to the bit as COCO's tools rasterise them.
  ///
  /// Inside a polygon counts the parity of its outline, column by column. A polygon with a corner
  /// that is not finite is left out, and a number left over at the end of one is ignored.
  ///
  /// - Parameter polygons: x0, y0, x1, y1, … of each polygon, in pixels; the middle of the first
  ///   pixel is at 0.5.
  /// - Throws: `MaskError.wrongSize`.
  public init(height: Int, width: Int, polygons: [[Double]]) throws(MaskError) {
    _ = try Self.pixelCount(height: height, width: width)
    let intervals = MaskIntervals()
    let corners = polygons.flatMap { $0 }
    var ends: [Int] = []
    for polygon in polygons { ends.append((ends.last ?? 0) + polygon.count) }
    let slot = corners.withUnsafeBufferPointer { corners in
      ends.withUnsafeBufferPointer { ends in
        corners.baseAddress.map {
          intervals.appendPolygons(
            corners: $0, start: 0, ends: ends, height: height, width: width)
        }
      }
    }
    self = intervals.mask(slot ?? .empty, height: height, width: width)
  }
}
