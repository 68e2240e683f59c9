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

  /// The box that four consecutive numbers make of `box`.
  ///
  /// - Parameter size: Height and width to clip to; nil for no clipping.
  func decode(
    at deltas: UnsafePointer<Float>, relativeTo box: CornerBox,
    within size: (height: Int, width: Int)? = nil
  ) -> CornerBox {
    let decoded = CornerBox(
      corners: decoded(
        proposal: box.corners, deltas: SIMD4(deltas[0], deltas[1], deltas[2], deltas[3])))
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
