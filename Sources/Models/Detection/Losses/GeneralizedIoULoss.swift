import Foundation

/// Σ (1 − GIoU) of decoded boxes and their targets, times a factor.
///
///     GIoU = I / U − (E − U) / E
///
/// with intersection I, union U and enclosing area E, both at least 1e-6. The gradient flows through
/// the decoding, including the limits of the size deltas.
///
/// - in: deltas `[N, 4]`, the `N` boxes they are relative to, `N` targets
/// - out: `[1]`
///
/// Source: Rezatofighi et al., Generalized Intersection over Union, 2019.
func generalizedIoULoss(
  _ deltas: Tensor, boxes: [CornerBox], targets: [CornerBox], coder: BoxCoder, factor: Float
) -> Tensor {
  precondition(
    deltas.elementCount == 4 * boxes.count && boxes.count == targets.count,
    "\(deltas.shape) for \(boxes.count) boxes and \(targets.count) targets")
  var total = 0.0
  let slopes = Tensor(uninitialized: [boxes.count, 4])
  for (index, box) in boxes.enumerated() {
    let at = deltas.pointer + 4 * index
    let predicted = coder.decode(at: at, relativeTo: box)
    let (loss, byCorner) = generalizedIoUWithSlope(predicted, targets[index])
    total += Double(loss)
    let slope = deltaSlope(byCorner, deltas: at, box: box, coder: coder)
    for axis in 0..<4 { slopes.pointer[4 * index + axis] = slope[axis] }
  }
  let out = Tensor([Float(total) * factor], shape: [1])
  let shape = deltas.shape
  return recorded(out, inputs: [deltas]) { gradient in
    [scaled(slopes.reshaped(to: shape), by: gradient.item * factor)]
  }
}

/// 1 − GIoU and its derivative by the corners x1, y1, x2, y2 of the first box.
private func generalizedIoUWithSlope(
  _ a: CornerBox, _ b: CornerBox
) -> (loss: Float, slope: SIMD4<Float>) {
  let (left, top) = (max(a.x1, b.x1), max(a.y1, b.y1))
  let (right, bottom) = (min(a.x2, b.x2), min(a.y2, b.y2))
  let (sharedWidth, sharedHeight) = (max(right - left, 0), max(bottom - top, 0))
  let shared = sharedWidth * sharedHeight
  let rawUnion = a.area + b.area - shared
  let union = max(rawUnion, 1e-6)
  let outerWidth = max(max(a.x2, b.x2) - min(a.x1, b.x1), 0)
  let outerHeight = max(max(a.y2, b.y2) - min(a.y1, b.y1), 0)
  let rawOuter = outerWidth * outerHeight
  let outer = max(rawOuter, 1e-6)
  let loss = 1 - (shared / union - (outer - union) / outer)

  // Where two corners are equal, half of the slope is the first box's, as in torch's max and min.
  func share(_ isFirst: Bool, _ isEqual: Bool) -> Float { isEqual ? 0.5 : isFirst ? 1 : 0 }
  var sharedSlope = SIMD4<Float>.zero
  if right > left, bottom > top {
    sharedSlope = SIMD4(
      -sharedHeight * share(a.x1 > b.x1, a.x1 == b.x1),
      -sharedWidth * share(a.y1 > b.y1, a.y1 == b.y1),
      sharedHeight * share(a.x2 < b.x2, a.x2 == b.x2),
      sharedWidth * share(a.y2 < b.y2, a.y2 == b.y2))
  }
  let areaSlope = SIMD4(-a.height, -a.width, a.height, a.width)
  let unionSlope = rawUnion > 1e-6 ? areaSlope - sharedSlope : .zero
  var outerSlope = SIMD4<Float>.zero
  if rawOuter > 1e-6 {
    outerSlope = SIMD4(
      -outerHeight * share(a.x1 < b.x1, a.x1 == b.x1),
      -outerWidth * share(a.y1 < b.y1, a.y1 == b.y1),
      outerHeight * share(a.x2 > b.x2, a.x2 == b.x2),
      outerWidth * share(a.y2 > b.y2, a.y2 == b.y2))
  }
  // loss = 2 − I/U − U/E
  let byShared = -1 / union
  let byUnion = shared / (union * union) - 1 / outer
  let byOuter = union / (outer * outer)
  return (loss, byShared * sharedSlope + byUnion * unionSlope + byOuter * outerSlope)
}

/// From the derivative by the decoded corners to that by the deltas.
private func deltaSlope(
  _ byCorner: SIMD4<Float>, deltas: UnsafePointer<Float>, box: CornerBox, coder: BoxCoder
) -> SIMD4<Float> {
  func size(_ delta: Float, _ length: Float) -> (value: Float, isFree: Bool) {
    let limit = BoxCoder.sizeLimit
    return (length * exp(min(max(delta, -limit), limit)), abs(delta) <= limit)
  }
  let width = size(deltas[2] * coder.deviations.z, box.width)
  let height = size(deltas[3] * coder.deviations.w, box.height)
  return SIMD4(
    (byCorner.x + byCorner.z) * box.width, (byCorner.y + byCorner.w) * box.height,
    width.isFree ? (byCorner.z - byCorner.x) * 0.5 * width.value : 0,
    height.isFree ? (byCorner.w - byCorner.y) * 0.5 * height.value : 0) * coder.deviations
}
