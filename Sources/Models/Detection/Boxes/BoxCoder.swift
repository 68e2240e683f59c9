import Foundation

/// Boxes relative to others: shift of the centre over the size, and logarithm of the size's ratio.
///
///     dx = (gx − px) / pw / σx,   dw = ln(gw / pw) / σw
///
/// Decoding limits |dw| and |dh| to ln(1000 / 16) on both sides.
///
/// Source: Girshick et al., R-CNN, 2014; limits as in mmdet 2.
public struct BoxCoder: Sendable, Hashable {
  /// Deviations that the four numbers are divided by.
  public var deviations: SIMD4<Float>

  /// A coder of the given deviations.
  public init(_ x: Float = 1, _ y: Float = 1, _ width: Float = 1, _ height: Float = 1) {
    deviations = SIMD4(x, y, width, height)
  }

  /// |ln(16 / 1000)|, the largest change of a side.
  public static let sizeLimit: Float = 4.135166556742356

  /// The deltas that turn `box` into `target`.
  public func encode(_ target: CornerBox, relativeTo box: CornerBox) -> SIMD4<Float> {
    let delta = SIMD4(
      ((target.x1 + target.x2) * 0.5 - (box.x1 + box.x2) * 0.5) / box.width,
      ((target.y1 + target.y2) * 0.5 - (box.y1 + box.y2) * 0.5) / box.height,
      log(target.width / box.width), log(target.height / box.height))
    return delta / deviations
  }

  /// The box that deltas make of `box`.
  ///
  /// - Parameter size: Height and width to clip to; nil for no clipping.
  public func decode(
    _ deltas: SIMD4<Float>, relativeTo box: CornerBox, within size: (height: Int, width: Int)? = nil
  ) -> CornerBox {
    let delta = deltas * deviations
    let width = box.width * exp(min(max(delta.z, -Self.sizeLimit), Self.sizeLimit))
    let height = box.height * exp(min(max(delta.w, -Self.sizeLimit), Self.sizeLimit))
    let x = (box.x1 + box.x2) * 0.5 + box.width * delta.x
    let y = (box.y1 + box.y2) * 0.5 + box.height * delta.y
    let decoded = CornerBox(
      x - width * 0.5, y - height * 0.5, x + width * 0.5, y + height * 0.5)
    guard let size else { return decoded }
    return decoded.clipped(width: Float(size.width), height: Float(size.height))
  }

  /// The box that four consecutive numbers make of `box`.
  public func decode(
    at deltas: UnsafePointer<Float>, relativeTo box: CornerBox,
    within size: (height: Int, width: Int)? = nil
  ) -> CornerBox {
    decode(SIMD4(deltas[0], deltas[1], deltas[2], deltas[3]), relativeTo: box, within: size)
  }
}
