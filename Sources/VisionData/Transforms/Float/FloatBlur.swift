import Foundation

extension FloatImage {
  /// A blur with a sampled Gaussian of `2 · radius + 1` weights along rows, then columns.
  ///
  /// Places outside the image count as black, as in BYOL's published code, so edges darken.
  ///
  /// - Parameter deviation: σ in pixels, above 0.
  public func gaussianBlurred(deviation: Float, radius: Int) -> FloatImage {
    precondition(deviation > 0 && radius >= 0, "blur of deviation \(deviation), radius \(radius)")
    let raw = (-radius...radius).map { expf(-Float($0 * $0) / (2 * deviation * deviation)) }
    let sum = raw.reduce(0, +)
    let weights = raw.map { $0 / sum }
    var rows = [Float](repeating: 0, count: values.count)
    var result = FloatImage(
      width: width, height: height, values: [Float](repeating: 0, count: values.count))
    rows.withUnsafeMutableBufferPointer { rows in
      result.values.withUnsafeMutableBufferPointer { out in
        values.withUnsafeBufferPointer { source in
          weights.withUnsafeBufferPointer { weights in
            guard let rows = rows.baseAddress, let out = out.baseAddress,
              let source = source.baseAddress, let weights = weights.baseAddress
            else { return }
            blurRows(source, width: width, rowCount: 3 * height, weights, radius, into: rows)
            for channel in 0..<3 {
              let at = channel * width * height
              blurColumns(rows + at, width: width, height: height, weights, radius, into: out + at)
            }
          }
        }
      }
    }
    return result
  }
}

private func blurRows(
  _ source: UnsafePointer<Float>, width: Int, rowCount: Int, _ weights: UnsafePointer<Float>,
  _ radius: Int, into out: UnsafeMutablePointer<Float>
) {
  for row in 0..<rowCount {
    let line = source + row * width
    let target = out + row * width
    for offset in max(-radius, 1 - width)...min(radius, width - 1) {
      accumulate(
        line + max(0, offset), weights[offset + radius], into: target + max(0, -offset),
        count: width - abs(offset))
    }
  }
}

private func blurColumns(
  _ source: UnsafePointer<Float>, width: Int, height: Int, _ weights: UnsafePointer<Float>,
  _ radius: Int, into out: UnsafeMutablePointer<Float>
) {
  for y in 0..<height {
    for line in max(0, y - radius)...min(height - 1, y + radius) {
      accumulate(
        source + line * width, weights[line - y + radius], into: out + y * width, count: width)
    }
  }
}

@inline(__always)
private func accumulate(
  _ source: UnsafePointer<Float>, _ weight: Float, into target: UnsafeMutablePointer<Float>,
  count: Int
) {
  for x in 0..<count { target[x] += source[x] * weight }
}
