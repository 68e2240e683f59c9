/// A rectangle of whole pixels inside an image.
public struct PixelBox: Sendable, Equatable {
  /// Left column and top row.
  public var left, top: Int
  /// Columns and rows.
  public var width, height: Int

  /// A rectangle by its corner and size.
  public init(left: Int, top: Int, width: Int, height: Int) {
    self.left = left
    self.top = top
    self.width = width
    self.height = height
  }
}
