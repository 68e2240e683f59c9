// Parts of pictures and maps, for networks that see a large picture window by window. No gradient
// flows through these.

/// A rectangle of channel-first planes.
///
/// - in: x `[N, C, H, W]`; out: `[N, C, height, width]`
public func croppedPlanes(
  _ x: Tensor, top: Int, left: Int, height: Int, width: Int
) -> Tensor {
  precondition(
    x.shape.count == 4 && top >= 0 && left >= 0 && top + height <= x.shape[2]
      && left + width <= x.shape[3],
    "\(height)x\(width) at row \(top), column \(left) of \(x.shape)")
  let (planes, rows, columns) = (x.shape[0] * x.shape[1], x.shape[2], x.shape[3])
  let out = Tensor(uninitialized: [x.shape[0], x.shape[1], height, width])
  for plane in 0..<planes {
    for row in 0..<height {
      (out.pointer + (plane * height + row) * width).update(
        from: x.pointer + (plane * rows + top + row) * columns + left, count: width)
    }
  }
  return out
}

/// Adds a channel-last map to the part of a larger one that begins at a row and column, in place.
///
/// - in: window `[1, h, w, K]`, total `[1, H, W, K]`
public func addWindow(_ window: Tensor, to total: Tensor, top: Int, left: Int) {
  let (height, width, channels) = (window.shape[1], window.shape[2], window.shape[3])
  precondition(
    window.shape[0] == 1 && total.shape[0] == 1 && total.shape[3] == channels && top >= 0
      && left >= 0 && top + height <= total.shape[1] && left + width <= total.shape[2],
    "\(window.shape) at row \(top), column \(left) of \(total.shape)")
  for row in 0..<height {
    let target = total.pointer + ((top + row) * total.shape[2] + left) * channels
    Kernels.add(
      target, window.pointer + row * width * channels, into: target, count: width * channels)
  }
}

/// Divides every pixel's channels by that pixel's divisor, in place.
///
/// - in: x `[…, K]`, divisors with one element a pixel
public func dividePixels(_ x: Tensor, by divisors: Tensor) {
  let pixels = divisors.elementCount
  let channels = x.elementCount / max(1, pixels)
  precondition(channels * pixels == x.elementCount, "\(divisors.shape) divisors of \(x.shape)")
  for pixel in 0..<pixels where divisors.pointer[pixel] != 1 {
    let target = x.pointer + pixel * channels
    for c in 0..<channels { target[c] /= divisors.pointer[pixel] }
  }
}
