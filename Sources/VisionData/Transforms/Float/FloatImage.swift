/// An image of real numbers in three planes (red, green, blue), rows from the top; 0 is black and 1
/// full intensity.
public struct FloatImage: Sendable, Equatable {
  /// Columns, in pixels.
  public let width: Int
  /// Rows, in pixels.
  public let height: Int
  /// `[3, height, width]`.
  public var values: [Float]

  /// Wraps values.
  ///
  /// - Precondition: `values.count == 3 · width · height`.
  public init(width: Int, height: Int, values: [Float]) {
    precondition(
      values.count == 3 * width * height,
      "\(width)x\(height) needs \(3 * width * height) values, got \(values.count)")
    self.width = width
    self.height = height
    self.values = values
  }

  /// The nearest 8-bit image.
  public var rounded: RGBImage {
    let plane = width * height
    var pixels = [UInt8](repeating: 0, count: 3 * plane)
    for at in 0..<plane {
      for channel in 0..<3 {
        let value = values[channel * plane + at]
        pixels[3 * at + channel] = UInt8(max(0, min(1, value)) * 255 + 0.5)
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// Mirrored left to right.
  public func flippedHorizontally() -> FloatImage {
    var result = self
    let (width, height) = (width, height)
    result.values.withUnsafeMutableBufferPointer { values in
      for row in 0..<3 * height {
        var (left, right) = (row * width, (row + 1) * width - 1)
        while left < right {
          values.swapAt(left, right)
          left += 1
          right -= 1
        }
      }
    }
    return result
  }
}

extension PixelNormalization {
  /// Writes `(v − mean) / deviation`, `[3, H, W]`.
  ///
  /// - Parameter out: Room for `3 · width · height` numbers.
  public func write(_ image: FloatImage, to out: UnsafeMutableBufferPointer<Float>) {
    let plane = image.width * image.height
    image.values.withUnsafeBufferPointer { values in
      for channel in 0..<3 {
        let (mean, deviation) = (mean[channel], deviation[channel])
        for at in channel * plane..<(channel + 1) * plane {
          out[at] = (values[at] - mean) / deviation
        }
      }
    }
  }
}
