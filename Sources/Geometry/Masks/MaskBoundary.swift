/// The pixels of a mask that are near its edge, for overlaps that look at edges alone.
///
/// Source: Cheng et al., Boundary IoU, 2021; bowenc0221/boundary-iou-api, `mask_to_boundary`.
extension MaskIntervals {
  /// How near the edge is near, in pixels: a fraction of the image's diagonal, at least 1.
  public static func boundaryDistance(height: Int, width: Int, ratio: Double = 0.02) -> Int {
    let diagonal = Double(height * height + width * width).squareRoot()
    // A half goes to the even number, as in the source.
    return max(1, Int((ratio * diagonal).rounded(.toNearestOrEven)))
  }

  /// Adds the pixels of a mask from which one outside can be reached in so many steps, diagonal ones
  /// too; what lies beyond the image is outside.
  ///
  /// - Parameter height: Rows of the image.
  /// - Returns: The boundary; the mask itself where it is so thin that it has nothing else.
  public func appendBoundary(of mask: Slot, height: Int, distance: Int) -> Slot {
    let bits = Bitmap(mask)
    let length = 2 * distance + 1
    guard bits.columns >= length, bits.rows >= length else { return mask }
    if bitmaps.count < 2 * bits.size {
      bitmaps = [UInt64](repeating: 0, count: 2 * bits.size)
    }
    let start = count
    bitmaps.withUnsafeMutableBufferPointer { buffer in
      guard let whole = buffer.baseAddress else { return }
      let inner = whole + bits.size
      whole.update(repeating: 0, count: bits.size)
      for at in mask.start..<mask.start + mask.count {
        bits.fill(Int(bounds[2 * at]), Int(bounds[2 * at + 1]), height: height, into: whole)
      }
      inner.update(from: whole, count: bits.size)
      bits.shrink(inner, by: length)
      // What is left stands for pixels `distance` further right and down.
      for x in 0..<bits.columns {
        let column = whole + x * bits.words
        if x >= distance {
          bits.remove(inner + (x - distance) * bits.words, movedBy: distance, from: column)
        }
        let first = (mask.minX + x) * height + mask.minY
        var y = bits.next(true, in: column, from: 0)
        while y < bits.rows {
          let end = bits.next(false, in: column, from: y)
          append(
            UInt32(truncatingIfNeeded: first + y), UInt32(truncatingIfNeeded: first + end),
            from: start)
          y = bits.next(true, in: column, from: end)
        }
      }
    }
    return finish(from: start, height: height)
  }
}

/// The bounds of a mask as columns of bits, the first row in the lowest bit.
private struct Bitmap {
  let columns, rows, words: Int
  private let minX, minY: Int

  var size: Int { columns * words }

  init(_ mask: MaskIntervals.Slot) {
    (minX, minY) = (mask.minX, mask.minY)
    (columns, rows) = (mask.maxX - mask.minX, mask.maxY - mask.minY)
    words = (rows + 63) / 64
  }

  /// Sets an interval of pixels that are counted down the columns of the image.
  func fill(_ first: Int, _ last: Int, height: Int, into bits: UnsafeMutablePointer<UInt64>) {
    var at = first
    while at < last {
      let (x, y) = (at / height, at % height)
      let end = min(last - at, height - y)
      let column = bits + (x - minX) * words
      var row = y - minY
      let lastRow = row + end
      while row < lastRow {
        let bit = row % 64
        let span = min(64 - bit, lastRow - row)
        let ones = span == 64 ? ~0 : (UInt64(1) << UInt64(span) - 1)
        column[row / 64] |= ones << UInt64(bit)
        row += span
      }
      at += end
    }
  }

  /// Leaves the bits from which on a square of a side is set, to the right and down.
  func shrink(_ bits: UnsafeMutablePointer<UInt64>, by length: Int) {
    for x in 0..<columns {
      let column = bits + x * words
      Self.inWindows(length) { shift in
        for word in 0..<words { column[word] &= Self.moved(column, word, down: shift, words) }
      }
    }
    Self.inWindows(length) { shift in
      let kept = (columns - shift) * words
      for at in 0..<kept { bits[at] &= bits[at + shift * words] }
      (bits + kept).update(repeating: 0, count: shift * words)
    }
  }

  /// The shifts after which an "and" of neighbours covers windows of a length.
  private static func inWindows(_ length: Int, _ and: (Int) -> Void) {
    var covered = 1
    while 2 * covered <= length {
      and(covered)
      covered *= 2
    }
    if covered < length { and(length - covered) }
  }

  /// A word of a column whose rows have moved towards the first.
  private static func moved(
    _ column: UnsafeMutablePointer<UInt64>, _ word: Int, down shift: Int, _ words: Int
  ) -> UInt64 {
    let (from, bit) = (word + shift / 64, UInt64(shift % 64))
    guard from < words else { return 0 }
    let low = column[from] >> bit
    return bit == 0 || from + 1 == words ? low : low | column[from + 1] << (64 - bit)
  }

  /// Clears the bits that another column has, moved away from the first row.
  func remove(
    _ other: UnsafeMutablePointer<UInt64>, movedBy shift: Int,
    from column: UnsafeMutablePointer<UInt64>
  ) {
    let (offset, bit) = (shift / 64, UInt64(shift % 64))
    for word in offset..<max(offset, words) {
      var bits = other[word - offset] << bit
      if bit > 0, word > offset { bits |= other[word - offset - 1] >> (64 - bit) }
      column[word] &= ~bits
    }
  }

  /// The first row from one on whose bit is so; `rows` where there is none.
  func next(_ isSet: Bool, in column: UnsafeMutablePointer<UInt64>, from row: Int) -> Int {
    guard row < rows else { return rows }
    var word = row / 64
    var bits = (isSet ? column[word] : ~column[word]) & ~0 << UInt64(row % 64)
    while bits == 0 {
      word += 1
      guard word < words else { return rows }
      bits = isSet ? column[word] : ~column[word]
    }
    return min(rows, word * 64 + bits.trailingZeroBitCount)
  }
}
