import Foundation

extension RGBImage {
  /// A Gaussian blur as the usual Python imaging library makes it: three box blurs of fractional
  /// radius along rows, then three along columns, edges repeated, each rounded to 8 bits.
  ///
  /// - Parameter deviation: σ in pixels; 0 leaves the image as it is.
  public func gaussianBlurred(deviation: Double) -> RGBImage {
    guard deviation > 0 else { return self }
    let radius = Self.boxRadius(deviation: Float(deviation), passes: 3)
    guard radius != 0 else { return self }
    var result = self
    result.boxBlurLines(count: height, length: width, lineStep: width * 3, step: 3, radius)
    result.boxBlurLines(count: width, length: height, lineStep: 3, step: width * 3, radius)
    return result
  }

  /// The radius of the box whose `passes`-fold use has the variance of the Gaussian.
  private static func boxRadius(deviation: Float, passes: Int) -> Float {
    let variance = deviation * deviation / Float(passes)
    let width = Float((12.0 * Double(variance) + 1.0).squareRoot())
    let whole = Float(((Double(width) - 1.0) / 2.0).rounded(.down))
    var fraction = Float(
      Double(2 * whole + 1) * (Double(whole * (whole + 1)) - 3.0 * Double(variance)))
    fraction /= 6 * (variance - (whole + 1) * (whole + 1))
    return whole + fraction
  }

  /// Blurs every line three times in place; `step` bytes lead from pixel to pixel of a line.
  private mutating func boxBlurLines(
    count: Int, length: Int, lineStep: Int, step: Int, _ radius: Float
  ) {
    let whole = Int(radius)
    let inner = UInt64(Float(1 << 24) / (radius * 2 + 1))
    let outer = ((1 << 24) - UInt64(whole * 2 + 1) * inner) / 2
    var line = [UInt8](repeating: 0, count: length)
    var next = line
    pixels.withUnsafeMutableBufferPointer { pixels in
      for index in 0..<count {
        for channel in 0..<3 {
          let start = index * lineStep + channel
          for i in 0..<length { line[i] = pixels[start + i * step] }
          for _ in 0..<3 {
            boxBlur(line, whole: whole, inner: inner, outer: outer, into: &next)
            swap(&line, &next)
          }
          for i in 0..<length { pixels[start + i * step] = line[i] }
        }
      }
    }
  }
}

/// One pass over one line: the box holds `2·whole + 1` full pixels and a part of one on each side.
private func boxBlur(
  _ line: [UInt8], whole: Int, inner: UInt64, outer: UInt64, into out: inout [UInt8]
) {
  let last = line.count - 1
  line.withUnsafeBufferPointer { line in
    out.withUnsafeMutableBufferPointer { out in
      func at(_ i: Int) -> UInt64 { UInt64(line[min(last, max(0, i))]) }
      var sum: UInt64 = 0
      for i in -whole...whole { sum += at(i) }
      for i in 0...last {
        let total = sum * inner + (at(i - whole - 1) + at(i + whole + 1)) * outer
        out[i] = UInt8(truncatingIfNeeded: (total + (1 << 23)) >> 24)
        sum += at(i + whole + 1)
        sum -= at(i - whole)
      }
    }
  }
}
