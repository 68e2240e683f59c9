/// Overlapping windows that cover an image; the last of a row or column is moved back inside.
///
/// Source: mmsegmentation, `slide_inference`.
public struct SlidingWindows: Sendable, Equatable {
  /// Pixels of a window's side, and from one window to the next.
  public let size, stride: Int

  /// Sets the geometry.
  ///
  /// - Precondition: both are positive and the stride is at most the size.
  public init(size: Int, stride: Int) {
    precondition(
      stride > 0 && stride <= size, "a stride of 1...\(size) pixels is needed, got \(stride)")
    self.size = size
    self.stride = stride
  }

  /// The windows of an image, row by row; an image smaller than a window has one of its own size.
  public func windows(width: Int, height: Int) -> [PixelBox] {
    ranges(height).flatMap { rows in
      ranges(width).map { columns in
        PixelBox(
          left: columns.lowerBound, top: rows.lowerBound, width: columns.count, height: rows.count)
      }
    }
  }

  private func ranges(_ length: Int) -> [Range<Int>] {
    let count = max(length - size + stride - 1, 0) / stride + 1
    return (0..<count).map { number in
      let end = min(number * stride + size, length)
      return max(end - size, 0)..<end
    }
  }
}
