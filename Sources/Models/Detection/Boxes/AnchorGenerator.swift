import Foundation
import Geometry

/// The boxes that a region proposal network starts from: a few shapes at every cell of every map.
///
/// The anchors of cell (row r, column c) are centred on (c·stride, r·stride), the cell's corner,
/// and are not rounded. Order: level, row, column, ratio.
///
/// Source: Ren et al., Faster R-CNN, 2015; centre and order as in mmdet 2.
public struct AnchorGenerator: Sendable, Hashable {
  /// Pixels between neighbouring cells of each level; also the levels' base sizes.
  public var strides = [4, 8, 16, 32, 64]
  /// Side of the square anchor over the stride.
  public var scale: Float = 8
  /// Height over width of each shape.
  public var ratios: [Float] = [0.5, 1, 2]

  /// The family's five levels and three shapes.
  public init() {}

  /// Anchors a cell.
  public var shapeCount: Int { ratios.count }

  /// The anchors of the cell at the origin.
  public func baseAnchors(level: Int) -> [CornerBox] {
    let size = Float(strides[level])
    return ratios.map { ratio in
      let tall = ratio.squareRoot()
      let width = size * (1 / tall) * scale
      let height = size * tall * scale
      return CornerBox(-0.5 * width, -0.5 * height, 0.5 * width, 0.5 * height)
    }
  }

  /// The anchors of one level's map.
  public func anchors(level: Int, height: Int, width: Int) -> [CornerBox] {
    let base = baseAnchors(level: level)
    let step = Float(strides[level])
    var result: [CornerBox] = []
    result.reserveCapacity(height * width * base.count)
    for row in 0..<height {
      for column in 0..<width {
        let (x, y) = (Float(column) * step, Float(row) * step)
        for shape in base { result.append(shape.moved(x: x, y: y)) }
      }
    }
    return result
  }

  /// Which anchors of one level may take part in training.
  ///
  /// A cell is valid when it lies inside the image's own padding; cells that exist because another
  /// image of the batch is larger are not.
  ///
  /// - Parameters:
  ///   - map: Rows and columns of the level's map.
  ///   - padded: Height and width of this image after padding, in pixels.
  ///   - size: Height and width before padding.
  ///   - border: Pixels that an anchor may reach beyond the image; negative for no limit.
  public func admissible(
    level: Int, map: (height: Int, width: Int), padded: (height: Int, width: Int),
    size: (height: Int, width: Int), border: Int
  ) -> [Bool] {
    let step = strides[level]
    let rows = min(map.height, (padded.height + step - 1) / step)
    let columns = min(map.width, (padded.width + step - 1) / step)
    let boxes = border < 0 ? [] : anchors(level: level, height: map.height, width: map.width)
    let slack = Float(border)
    var flags = [Bool](repeating: false, count: map.height * map.width * shapeCount)
    for row in 0..<rows {
      for column in 0..<columns {
        let first = (row * map.width + column) * shapeCount
        for at in first..<first + shapeCount {
          guard border >= 0 else {
            flags[at] = true
            continue
          }
          let box = boxes[at]
          flags[at] =
            box.x1 >= -slack && box.y1 >= -slack && box.x2 < Float(size.width) + slack
            && box.y2 < Float(size.height) + slack
        }
      }
    }
    return flags
  }
}
