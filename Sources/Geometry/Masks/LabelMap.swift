/// An 8-bit map of one value a pixel: class indices of a segmentation, never colours.
public struct LabelMap: Sendable, Equatable {
  /// Columns, in pixels.
  public let width: Int
  /// Rows, in pixels.
  public let height: Int
  /// `width · height` labels, rows from the top.
  public var labels: [UInt8]

  /// Wraps labels.
  ///
  /// - Precondition: `labels.count == width · height`.
  public init(width: Int, height: Int, labels: [UInt8]) {
    precondition(
      labels.count == width * height,
      "\(width)x\(height) needs \(width * height) labels, got \(labels.count)")
    self.width = width
    self.height = height
    self.labels = labels
  }
}
