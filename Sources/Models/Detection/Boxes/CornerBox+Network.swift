import Geometry
import TensorCore

// Boxes of the data pipeline where networks compute with them.

extension CornerBox {
  /// The corners x1, y1, x2, y2.
  var corners: SIMD4<Float> { SIMD4(x1, y1, x2, y2) }

  /// A box by its corners x1, y1, x2, y2.
  init(corners: SIMD4<Float>) { self.init(corners.x, corners.y, corners.z, corners.w) }
}

extension BoxCoder {
  /// The deltas that turn `box` into `target`.
  func encode(_ target: CornerBox, relativeTo box: CornerBox) -> SIMD4<Float> {
    encoded(proposal: box.corners, target: target.corners)
  }

  /// The box that one row of deltas makes of `box`.
  ///
  /// - Parameters:
  ///   - deltas: `[N, 4]`, row by row.
  ///   - size: Height and width to clip to; nil for no clipping.
  func decode(
    _ deltas: UnsafeBufferPointer<Float>, at row: Int, relativeTo box: CornerBox,
    within size: (height: Int, width: Int)? = nil
  ) -> CornerBox {
    let at = 4 * row
    let decoded = CornerBox(
      corners: decoded(
        proposal: box.corners,
        deltas: SIMD4(deltas[at], deltas[at + 1], deltas[at + 2], deltas[at + 3])))
    guard let size else { return decoded }
    return decoded.clipped(width: Float(size.width), height: Float(size.height))
  }
}

extension Region {
  /// A box of one image of a batch, in the network's input pixels.
  init(image: Int, box: CornerBox) {
    self.init(image: image, x1: box.x1, y1: box.y1, x2: box.x2, y2: box.y2)
  }

  /// The box without its image.
  var box: CornerBox { CornerBox(x1, y1, x2, y2) }
}

/// Suppression within each class; see `nonMaximumSuppressed`.
func suppressed(
  _ boxes: [CornerBox], scores: [Float], classes: [Int], threshold: Float, limit: Int
) -> [Int] {
  nonMaximumSuppressed(
    boxes: boxes.flatMap { [$0.x1, $0.y1, $0.x2, $0.y2] }, scores: scores, classes: classes,
    threshold: threshold, limit: limit)
}
