// OpenCV's 8-bit colour space of hue (0..<180, two degrees each), saturation and value, equal to the
// last bit: the photometric distortion of segmentation training goes through it, and its rounding
// darkens pixels by a level.

private let fullBlock = 32

extension RGBImage {
  /// Saturation multiplied by a factor, cut off and truncated, by way of 8-bit HSV.
  ///
  /// Even a factor of 1 changes pixels: the way to HSV and back loses precision.
  ///
  /// Source: OpenCV, `COLOR_BGR2HSV` and back; mmsegmentation, PhotoMetricDistortion.
  public func saturationScaled(by factor: Double) -> RGBImage {
    let table = ValueTable(alpha: factor, beta: 0).values
    return throughHSV { hue, saturation in (hue, table[Int(saturation)]) }
  }

  /// Hue turned by a number of steps of two degrees, by way of 8-bit HSV.
  ///
  /// Source: OpenCV, `COLOR_BGR2HSV` and back; mmsegmentation, PhotoMetricDistortion.
  public func hueTurned(by steps: Int) -> RGBImage {
    let table = (0..<256).map { UInt8((($0 + steps) % 180 + 180) % 180) }
    return throughHSV { hue, saturation in (table[Int(hue)], saturation) }
  }

  /// Every value changed to `alpha · value + beta`, cut off at 0 and 255 and truncated.
  ///
  /// Source: mmsegmentation, PhotoMetricDistortion.
  public func scaledValues(alpha: Double, beta: Double) -> RGBImage {
    let table = ValueTable(alpha: alpha, beta: beta).values
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      table.withUnsafeBufferPointer { table in
        for at in pixels.indices { pixels[at] = table[Int(pixels[at])] }
      }
    }
    return result
  }

  @inline(__always)
  private func throughHSV(_ change: (UInt8, UInt8) -> (UInt8, UInt8)) -> RGBImage {
    var result = self
    // The vector code of the reference truncates; the columns that fill no whole vector of 32
    // pixels are rounded.
    let vectorColumns = width / fullBlock * fullBlock
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      HSVTables.shared.saturation.withUnsafeBufferPointer { saturations in
        HSVTables.shared.hue.withUnsafeBufferPointer { hues in
          for row in 0..<height {
            var at = row * width * 3
            for column in 0..<width {
              let (hue, saturation, value) = hsv(
                Int32(pixels[at]), Int32(pixels[at &+ 1]), Int32(pixels[at &+ 2]), saturations,
                hues)
              let changed = change(hue, saturation)
              let (red, green, blue) = rgb(changed.0, changed.1, value)
              if column < vectorColumns {
                pixels[at] = UInt8(min(255, max(0, red)))
                pixels[at &+ 1] = UInt8(min(255, max(0, green)))
                pixels[at &+ 2] = UInt8(min(255, max(0, blue)))
              } else {
                pixels[at] = UInt8(min(255, max(0, red.rounded(.toNearestOrEven))))
                pixels[at &+ 1] = UInt8(min(255, max(0, green.rounded(.toNearestOrEven))))
                pixels[at &+ 2] = UInt8(min(255, max(0, blue.rounded(.toNearestOrEven))))
              }
              at &+= 3
            }
          }
        }
      }
    }
    return result
  }
}

/// `alpha · value + beta` for each byte, in single precision, cut off and truncated.
private struct ValueTable {
  let values: [UInt8]

  init(alpha: Double, beta: Double) {
    values = (0..<256).map { value in
      let scaled = Float(value) * Float(alpha)
      return UInt8(max(0, min(255, scaled + Float(beta))))
    }
  }
}

/// The divisions of the conversion in 12-bit fixed point.
private struct HSVTables {
  static let shared = HSVTables()
  /// 255 / i and 30 / i.
  let saturation, hue: [Int32]

  private init() {
    func table(_ numerator: Double) -> [Int32] {
      [0] + (1..<256).map { Int32((numerator / Double($0)).rounded(.toNearestOrEven)) }
    }
    saturation = table(255 * 4096)
    hue = table(180 * 4096 / 6)
  }
}

@inline(__always)
private func hsv(
  _ red: Int32, _ green: Int32, _ blue: Int32, _ saturations: UnsafeBufferPointer<Int32>,
  _ hues: UnsafeBufferPointer<Int32>
) -> (UInt8, UInt8, UInt8) {
  let value = max(red, max(green, blue))
  let range = value &- min(red, min(green, blue))
  let saturation = (range &* saturations[Int(value)] &+ 2048) &>> 12
  let offset: Int32
  if value == red {
    offset = green &- blue
  } else if value == green {
    offset = blue &- red &+ 2 &* range
  } else {
    offset = red &- green &+ 4 &* range
  }
  var hue = (offset &* hues[Int(range)] &+ 2048) &>> 12
  if hue < 0 { hue &+= 180 }
  return (
    UInt8(truncatingIfNeeded: hue), UInt8(truncatingIfNeeded: saturation),
    UInt8(truncatingIfNeeded: value)
  )
}

/// The three channels in 0...255, not yet rounded.
@inline(__always)
private func rgb(_ hue: UInt8, _ saturation: UInt8, _ value: UInt8) -> (Float, Float, Float) {
  let turn = Float(hue) * Float(6.0 / 180)
  let sector = Int32(turn)
  let part = turn - Float(sector)
  let s = Float(saturation) * Float(1.0 / 255)
  let v = Float(value) * Float(1.0 / 255)
  // Products and sums with one rounding, as the reference is compiled.
  let low = v * (1 - s) * 255
  let falling = v * Float(1).addingProduct(-s, part) * 255
  let rising = v * Float(1).addingProduct(-s, 1 - part) * 255
  let full = v * 255
  switch sector {
  case 0, 6: return (full, rising, low)
  case 1: return (falling, full, low)
  case 2: return (low, full, rising)
  case 3: return (low, falling, full)
  case 4: return (rising, low, full)
  default: return (full, low, falling)
  }
}
