import Foundation

/// The map between boxes and what a network regresses: offsets against a proposal.
///
///     dx = (gx − px) / pw,  dy = (gy − py) / ph,  dw = ln(gw / pw),  dh = ln(gh / ph)
///
/// with centres and sizes of the target g and the proposal p, each divided by its deviation.
/// Decoding an encoded box gives it back, unless its size is clamped. Boxes are `x1, y1, x2, y2`
/// in continuous pixels.
///
/// Source: mmdetection's DeltaXYWHBBoxCoder; Girshick et al., 2014, appendix C.
public struct BoxCoder: Sendable, Hashable {
  /// The deviations of dx, dy, dw and dh.
  public let deviations: SIMD4<Float>
  /// Both |dw| and |dh| are cut at ln(1000 / 16) in decoding.
  public static let sizeLimit = Float(4.135_166_556_742_356)

  /// A coder with the given deviations.
  public init(deviations: SIMD4<Float> = SIMD4(repeating: 1)) { self.deviations = deviations }

  /// The deltas that lead from a proposal to a target.
  public func encoded(proposal: SIMD4<Float>, target: SIMD4<Float>) -> SIMD4<Float> {
    let (p, g) = (Self.centered(proposal), Self.centered(target))
    let deltas = SIMD4(
      (g.x - p.x) / p.z, (g.y - p.y) / p.w, Foundation.log(g.z / p.z), Foundation.log(g.w / p.w))
    return deltas / deviations
  }

  /// The box that deltas make of a proposal, not clipped.
  public func decoded(proposal: SIMD4<Float>, deltas: SIMD4<Float>) -> SIMD4<Float> {
    let p = Self.centered(proposal)
    let d = deltas * deviations
    let (width, height) = (
      p.z * Foundation.exp(Self.clamped(d.z)), p.w * Foundation.exp(Self.clamped(d.w))
    )
    let (x, y) = (p.x + p.z * d.x, p.y + p.w * d.y)
    return SIMD4(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
  }

  /// Centre and size of a box.
  private static func centered(_ box: SIMD4<Float>) -> SIMD4<Float> {
    SIMD4((box.x + box.z) / 2, (box.y + box.w) / 2, box.z - box.x, box.w - box.y)
  }

  private static func clamped(_ value: Float) -> Float { min(max(value, -sizeLimit), sizeLimit) }

  /// The boxes that deltas make of proposals, with the gradient of the deltas.
  ///
  /// - in: deltas `[N, 4]`, `N` proposals
  /// - out: `[N, 4]`, not clipped
  public func decoded(proposals: [SIMD4<Float>], deltas: Tensor) -> Tensor {
    precondition(
      deltas.elementCount == 4 * proposals.count,
      "deltas \(deltas.shape) for \(proposals.count) proposals")
    let out = Tensor(uninitialized: [proposals.count, 4])
    for (row, proposal) in proposals.enumerated() {
      out.pointer.store(decoded(proposal: proposal, deltas: deltas.pointer.box(row)), row)
    }
    return record(out, inputs: [deltas]) { gradient in
      let dx = Tensor(uninitialized: deltas.shape)
      for (row, proposal) in proposals.enumerated() {
        let g = gradient.pointer.box(row)
        let d = deltas.pointer.box(row) * deviations
        let size = SIMD2(proposal.z - proposal.x, proposal.w - proposal.y)
        // Half the size enters both corners, with opposite signs; beyond the clamp it is fixed.
        func slope(_ value: Float, _ side: Float) -> Float {
          abs(value) <= Self.sizeLimit ? side * Foundation.exp(value) / 2 : 0
        }
        let slopes = SIMD4(
          (g.x + g.z) * size.x, (g.y + g.w) * size.y, (g.z - g.x) * slope(d.z, size.x),
          (g.w - g.y) * slope(d.w, size.y))
        dx.pointer.store(slopes * deviations, row)
      }
      return [dx]
    }
  }
}

/// Σ (1 − GIoU) / normalizer of predicted boxes and their targets.
///
///     GIoU = I / U − (E − U) / E
///
/// with intersection I, union U and the area E of the smallest box around both, U and E at least
/// 10⁻⁶.
///
/// - in: boxes `[N, 4]`, `N` targets
/// - out: `[1]`
///
/// Source: Rezatofighi et al., Generalized Intersection over Union, 2019.
public func generalizedIoULoss(
  _ boxes: Tensor, targets: [SIMD4<Float>], normalizer: Float
) -> Tensor {
  precondition(
    boxes.elementCount == 4 * targets.count, "boxes \(boxes.shape) for \(targets.count) targets")
  var total = 0.0
  for (row, target) in targets.enumerated() {
    total += Double(1 - GeneralizedIoU(boxes.pointer.box(row), target).value)
  }
  let out = Tensor([Float(total / Double(normalizer))], shape: [1])
  return record(out, inputs: [boxes]) { gradient in
    let factor = -gradient.item / normalizer
    let dx = Tensor(uninitialized: boxes.shape)
    for (row, target) in targets.enumerated() {
      dx.pointer.store(factor * GeneralizedIoU(boxes.pointer.box(row), target).slope, row)
    }
    return [dx]
  }
}

/// The generalised intersection over union of two boxes, and its slope in the first one's corners.
private struct GeneralizedIoU {
  let value: Float
  let slope: SIMD4<Float>

  init(_ a: SIMD4<Float>, _ b: SIMD4<Float>) {
    let least: Float = 1e-6
    // Where two corners agree, each has half of the slope, as in PyTorch.
    func share(_ condition: Bool, _ isTie: Bool) -> Float { isTie ? 0.5 : condition ? 1 : 0 }
    let inner = SIMD4(max(a.x, b.x), max(a.y, b.y), min(a.z, b.z), min(a.w, b.w))
    let outer = SIMD4(min(a.x, b.x), min(a.y, b.y), max(a.z, b.z), max(a.w, b.w))
    let inSlope = SIMD4(
      share(a.x > b.x, a.x == b.x), share(a.y > b.y, a.y == b.y), share(a.z < b.z, a.z == b.z),
      share(a.w < b.w, a.w == b.w))
    let outSlope = SIMD4<Float>(repeating: 1) - inSlope
    let (width, height) = (max(inner.z - inner.x, 0), max(inner.w - inner.y, 0))
    let intersection = width * height
    let (aWidth, aHeight) = (a.z - a.x, a.w - a.y)
    let sum = aWidth * aHeight + (b.z - b.x) * (b.w - b.y)
    let union = max(sum - intersection, least)
    let (outWidth, outHeight) = (max(outer.z - outer.x, 0), max(outer.w - outer.y, 0))
    let enclosure = max(outWidth * outHeight, least)
    value = intersection / union - (enclosure - union) / enclosure

    // Slopes of the three areas in (x1, y1, x2, y2); a clamped one has none.
    let isApart = inner.z < inner.x || inner.w < inner.y
    let dIntersection =
      isApart ? SIMD4(repeating: 0) : SIMD4(-height, -width, height, width) * inSlope
    let dArea = SIMD4(-aHeight, -aWidth, aHeight, aWidth)
    let dUnion = sum - intersection > least ? dArea - dIntersection : SIMD4(repeating: 0)
    let dEnclosure =
      outWidth * outHeight > least
      ? SIMD4(-outHeight, -outWidth, outHeight, outWidth) * outSlope : SIMD4(repeating: 0)
    let inUnion = 1 / enclosure - intersection / (union * union)
    slope =
      dIntersection / union + dUnion * inUnion
      - dEnclosure * (union / (enclosure * enclosure))
  }
}

extension UnsafeMutablePointer where Pointee == Float {
  /// Row `row` of a `[N, 4]` matrix.
  fileprivate func box(_ row: Int) -> SIMD4<Float> {
    SIMD4(self[4 * row], self[4 * row + 1], self[4 * row + 2], self[4 * row + 3])
  }

  fileprivate func store(_ box: SIMD4<Float>, _ row: Int) {
    for i in 0..<4 { self[4 * row + i] = box[i] }
  }
}
