import Foundation
import Geometry

/// Draws the small grid of a mask head into the image at the place of its box.
///
/// A pixel centre reads the grid bilinearly, outside of it zeros; it is inside the mask from one
/// half on. Pixels outside the box cannot reach one half, so only those around it are looked at.
///
/// Source: mmdet 2, the mask head's pasting. Differs from the source: a box without width or
/// height gives an empty mask, where the division by zero there gives one of chance.
public enum MaskPasting {
  /// The mask of one object.
  ///
  /// - Parameters:
  ///   - grid: Probabilities, `size · size`, row by row.
  ///   - box: In the image's pixels.
  public static func paste(
    _ grid: UnsafeBufferPointer<Float>, size: Int, box: CornerBox, height: Int, width: Int,
    threshold: Float = 0.5
  ) -> RunLengthMask {
    guard box.width > 0, box.height > 0, box.x1.isFinite, box.y1.isFinite, box.x2.isFinite,
      box.y2.isFinite
    else {
      return RunLengthMask(
        height: height, width: width, canonicalRuns: [UInt32(height * width)])
    }
    func window(_ low: Float, _ high: Float, _ length: Int) -> Range<Int> {
      let limit = Float(length)
      let first = Int(min(max(low.rounded(.down) - 1, 0), limit))
      return first..<max(first, Int(min(max(high.rounded(.up) + 1, 0), limit)))
    }
    let rows = window(box.y1, box.y2, height)
    let columns = window(box.x1, box.x2, width)
    let down = rows.map { place($0, box.y1, box.y2, size) }
    let across = columns.map { place($0, box.x1, box.x2, size) }
    let padded = surrounded(grid, size)
    let stride = size + 3
    var runs = RunBuilder()
    padded.withUnsafeBufferPointer { padded in
      down.withUnsafeBufferPointer { down in
        for (column, x) in across.enumerated() {
          let base = (column + columns.lowerBound) * height + rows.lowerBound
          for row in 0..<down.count {
            let y = down[row]
            let at = y.index * stride + x.index
            let value =
              padded[at] * ((1 - x.share) * (1 - y.share))
              + padded[at + 1] * (x.share * (1 - y.share))
              + padded[at + stride] * ((1 - x.share) * y.share)
              + padded[at + stride + 1] * (x.share * y.share)
            if value >= threshold { runs.addInside(base + row) }
          }
        }
      }
    }
    return RunLengthMask(
      height: height, width: width, canonicalRuns: runs.finished(height * width))
  }

  /// The grid with zeros around it, one before and two behind in both directions.
  private static func surrounded(_ grid: UnsafeBufferPointer<Float>, _ size: Int) -> [Float] {
    let stride = size + 3
    var padded = [Float](repeating: 0, count: stride * stride)
    for row in 0..<size {
      for column in 0..<size {
        padded[(row + 1) * stride + column + 1] = grid[row * size + column]
      }
    }
    return padded
  }

  /// Where a pixel centre falls on the surrounded grid: the cell before it, and how far behind.
  private static func place(
    _ pixel: Int, _ low: Float, _ high: Float, _ size: Int
  ) -> (index: Int, share: Float) {
    let normalized = (Float(pixel) + 0.5 - low) / (high - low) * 2 - 1
    let position = ((normalized + 1) * Float(size) - 1) / 2
    let cell = floor(position)
    // Further out everything is 0: the last two cells are.
    guard cell >= -1, cell <= Float(size) else { return (size + 1, 0) }
    return (Int(cell) + 1, position - cell)
  }

  /// Collects ascending positions into run lengths.
  private struct RunBuilder {
    private var counts: [UInt32] = []
    private var end = 0
    private var start = 0
    private var isOpen = false

    mutating func addInside(_ position: Int) {
      if isOpen, position == end {
        end += 1
        return
      }
      close()
      counts.append(UInt32(position - end))
      (start, end, isOpen) = (position, position + 1, true)
    }

    private mutating func close() {
      if isOpen { counts.append(UInt32(end - start)) }
      isOpen = false
    }

    mutating func finished(_ total: Int) -> [UInt32] {
      close()
      // A mask that ends inside has no last run of outside.
      if end < total || counts.isEmpty { counts.append(UInt32(total - end)) }
      return counts
    }
  }
}
