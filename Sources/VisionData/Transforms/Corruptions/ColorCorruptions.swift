// Changes of HSV without a hue: where hue and saturation stay, the channels grow in proportion; where hue
// and value stay, they move towards the brightest one or away from it.

extension RGBImage {
  /// Adds to the value of HSV.
  func withBrightness(_ added: Double) -> RGBImage {
    colored { values, top, _ in
      let bright = max(0, min(1, top + added))
      return SIMD3(
        values.x == top ? bright : bright * (values.x / top),
        values.y == top ? bright : bright * (values.y / top),
        values.z == top ? bright : bright * (values.z / top))
    }
  }

  /// Scales the saturation of HSV and adds to it; grays have the hue of red.
  func withSaturation(factor: Double, added: Double) -> RGBImage {
    colored { values, top, bottom in
      let range = top - bottom
      guard range > 0 else {
        let rest = top * (1 - max(0, min(1, added)))
        return SIMD3(top, rest, rest)
      }
      let saturation = max(0, min(1, range / top * factor + added))
      return top * (1 - saturation * ((top - values) / range))
    }
  }

  /// Every pixel changed by a function of its channels, the largest and the smallest of them.
  @inline(__always)
  private func colored(
    _ change: (_ values: SIMD3<Double>, _ top: Double, _ bottom: Double) -> SIMD3<Double>
  ) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { bytes in
      for at in stride(from: 0, to: bytes.count, by: 3) {
        let values = SIMD3(Double(bytes[at]), Double(bytes[at + 1]), Double(bytes[at + 2])) / 255
        let changed = change(values, values.max(), values.min())
        for channel in 0..<3 { bytes[at + channel] = Self.level(changed[channel]) }
      }
    }
    return result
  }

  /// Scales each channel about its own mean.
  func withContrast(_ factor: Double) -> RGBImage {
    let count = Double(width * height)
    let means = (0..<3).map { channel in
      var sum = 0.0
      for at in stride(from: channel, to: pixels.count, by: 3) { sum += Double(pixels[at]) / 255 }
      return sum / count
    }
    var result = self
    for at in pixels.indices {
      let mean = means[at % 3]
      result.pixels[at] = Self.level((Double(pixels[at]) / 255 - mean) * factor + mean)
    }
    return result
  }

  /// Averages into fewer pixels and enlarges those again.
  func withPixels(_ share: Double) -> RGBImage {
    resized(
      width: max(1, Int(Double(width) * share)), height: max(1, Int(Double(height) * share)),
      filter: .box
    ).resized(width: width, height: height, filter: .box)
  }
}
