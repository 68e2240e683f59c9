/// A box by two corners in continuous pixel coordinates: its width is x2 − x1, nothing is added.
public struct CornerBox: Sendable, Hashable {
  /// Left and top.
  public var x1, y1: Float
  /// Right and bottom.
  public var x2, y2: Float

  /// A box by its corners.
  public init(_ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float) {
    self.x1 = x1
    self.y1 = y1
    self.x2 = x2
    self.y2 = y2
  }

  /// x2 − x1 and y2 − y1; negative when the corners are swapped.
  @inlinable public var width: Float { x2 - x1 }
  /// The height in pixels.
  @inlinable public var height: Float { y2 - y1 }
  /// Width times height.
  @inlinable public var area: Float { (x2 - x1) * (y2 - y1) }

  /// Every corner moved into [0, width] × [0, height].
  @inlinable public func clipped(width: Float, height: Float) -> CornerBox {
    CornerBox(
      min(max(x1, 0), width), min(max(y1, 0), height), min(max(x2, 0), width),
      min(max(y2, 0), height))
  }

  /// Coordinates times one factor across and one down.
  @inlinable public func scaled(x: Float, y: Float) -> CornerBox {
    CornerBox(x1 * x, y1 * y, x2 * x, y2 * y)
  }

  /// Moved to the right and down.
  @inlinable public func moved(x: Float, y: Float) -> CornerBox {
    CornerBox(x1 + x, y1 + y, x2 + x, y2 + y)
  }
}
