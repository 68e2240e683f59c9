import Geometry

/// What the mask head should say for a region: its object's pixels on a small grid.
///
/// The bitmap is averaged over each cell (aligned region pooling, as many samples as the cell has
/// pixels) and cut at one half. The region is clipped to the padded image first; the bitmap is 0
/// where it is padded.
///
/// Source: mmdet 2, BitmapMasks.crop_and_resize.
public struct MaskTargets: Sendable, Hashable {
  /// Cells a side.
  public var size: Int

  /// Targets of `size` by `size` cells.
  public init(size: Int = 28) { self.size = size }

  /// Where the samples along one axis fall: two positions and two weights, or none outside.
  private struct Axis {
    var low: [Int] = []
    var high: [Int] = []
    var weight: [Float] = []
    var isInside: [Bool] = []
    let samplesPerCell: Int

    init(from start: Float, to end: Float, cells: Int, length: Int) {
      let extent = end - start
      let cell = extent / Float(cells)
      samplesPerCell = max(0, Int((extent / Float(cells)).rounded(.up)))
      for index in 0..<cells {
        for sample in 0..<samplesPerCell {
          var position =
            start + Float(index) * cell
            + (Float(sample) + 0.5) * cell / Float(samplesPerCell)
          isInside.append(position >= -1 && position <= Float(length))
          position = max(position, 0)
          let whole = min(Int(min(position, Float(length))), length - 1)
          low.append(whole)
          high.append(min(whole + 1, length - 1))
          weight.append(whole >= length - 1 ? 0 : position - Float(whole))
        }
      }
    }
  }

  /// Writes the target of one region, `size · size` numbers of 0 or 1, row by row.
  ///
  /// - Parameters:
  ///   - mask: The object's pixels, 0 or 1.
  ///   - padded: Height and width of the image after padding; at least the mask's.
  public func write(
    _ mask: LabelMap, region: CornerBox, padded: (height: Int, width: Int),
    to out: UnsafeMutablePointer<Float>
  ) {
    let box = region.clipped(width: Float(padded.width), height: Float(padded.height))
    let across = Axis(
      from: box.x1 - 0.5, to: box.x2 - 0.5, cells: size, length: padded.width)
    let down = Axis(
      from: box.y1 - 0.5, to: box.y2 - 0.5, cells: size, length: padded.height)
    let count = Float(max(across.samplesPerCell * down.samplesPerCell, 1))
    let (width, height) = (mask.width, mask.height)
    mask.labels.withUnsafeBufferPointer { pixels in
      across.low.withUnsafeBufferPointer { left in
        across.high.withUnsafeBufferPointer { right in
          across.weight.withUnsafeBufferPointer { shares in
            for row in 0..<size {
              for column in 0..<size {
                var sum: Float = 0
                for y in row * down.samplesPerCell..<(row + 1) * down.samplesPerCell
                where down.isInside[y] {
                  // Rows below the mask are padding.
                  let (top, bottom) = (down.low[y], down.high[y])
                  let (ly, hy) = (down.weight[y], 1 - down.weight[y])
                  guard top < height else { continue }
                  let upper = top * width
                  let lower = bottom < height ? bottom * width : -1
                  for x in column * across.samplesPerCell..<(column + 1) * across.samplesPerCell
                  where across.isInside[x] {
                    let (a, b) = (left[x], right[x])
                    guard a < width else { continue }
                    let (lx, hx) = (shares[x], 1 - shares[x])
                    let p1: Float = pixels[upper + a] != 0 ? 1 : 0
                    let p2: Float = b < width && pixels[upper + b] != 0 ? 1 : 0
                    let p3: Float = lower >= 0 && pixels[lower + a] != 0 ? 1 : 0
                    let p4: Float = lower >= 0 && b < width && pixels[lower + b] != 0 ? 1 : 0
                    sum += hy * hx * p1 + hy * lx * p2 + ly * hx * p3 + ly * lx * p4
                  }
                }
                out[row * size + column] = sum / count >= 0.5 ? 1 : 0
              }
            }
          }
        }
      }
    }
  }
}
