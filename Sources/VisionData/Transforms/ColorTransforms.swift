import Foundation

// Colour changes on 8-bit pixels, each equal to the usual Python imaging library's to the last
// bit: the rounding between the steps is part of the published augmentations.

extension RGBImage {
  /// Luminance of one pixel by the ITU-R 601 weights in 16-bit fixed point.
  @inline(__always)
  static func luminance(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    let sum: UInt32 = UInt32(red) &* 19_595 &+ UInt32(green) &* 38_470 &+ UInt32(blue) &* 7_471
    return UInt8(truncatingIfNeeded: (sum &+ 32_768) &>> 16)
  }

  /// Every pixel's luminance, row by row.
  func luminances() -> [UInt8] {
    (0..<width * height).map {
      Self.luminance(pixels[3 * $0], pixels[3 * $0 + 1], pixels[3 * $0 + 2])
    }
  }

  /// Mixes two values: `base + factor · (value − base)`, cut off towards zero.
  @inline(__always)
  private static func blend(_ base: UInt8, _ value: UInt8, _ factor: Float) -> UInt8 {
    let mixed = Float(base) + factor * Float(Int(value) - Int(base))
    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : UInt8(mixed)
  }

  /// Brightness: towards black (factor 0), unchanged (1) or beyond.
  public func brightened(by factor: Double) -> RGBImage {
    let table = (0...255).map { Self.blend(0, UInt8($0), Float(factor)) }
    return RGBImage(width: width, height: height, pixels: pixels.map { table[Int($0)] })
  }

  /// Contrast: towards the mean luminance (factor 0), unchanged (1) or beyond.
  public func contrasted(by factor: Double) -> RGBImage {
    let sum = luminances().reduce(0) { $0 + Int($1) }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    let table = (0...255).map { Self.blend(mean, UInt8($0), Float(factor)) }
    return RGBImage(width: width, height: height, pixels: pixels.map { table[Int($0)] })
  }

  /// Saturation: towards gray (factor 0), unchanged (1) or beyond.
  public func saturated(by factor: Double) -> RGBImage {
    var result = self
    for (pixel, gray) in luminances().enumerated() {
      for at in 3 * pixel..<3 * pixel + 3 {
        result.pixels[at] = Self.blend(gray, pixels[at], Float(factor))
      }
    }
    return result
  }

  /// Turns the hue by a fraction of the circle, −0.5...0.5, through 8-bit HSV.
  public func hueShifted(by fraction: Double) -> RGBImage {
    let shift = UInt8(truncatingIfNeeded: Int(fraction * 255))
    var result = self
    for at in stride(from: 0, to: pixels.count, by: 3) {
      let (hue, saturation, value) = Self.hsv(pixels[at], pixels[at + 1], pixels[at + 2])
      let (red, green, blue) = Self.rgb(hue &+ shift, saturation, value)
      result.pixels[at] = red
      result.pixels[at + 1] = green
      result.pixels[at + 2] = blue
    }
    return result
  }

  private static func hsv(
    _ red: UInt8, _ green: UInt8, _ blue: UInt8
  ) -> (UInt8, UInt8, UInt8) {
    let top = max(red, green, blue)
    let bottom = min(red, green, blue)
    guard top != bottom else { return (0, 0, top) }
    let range = Float(top - bottom)
    let saturation = range / Float(top)
    let r = Float(top - red) / range
    let g = Float(top - green) / range
    let b = Float(top - blue) / range
    let sector: Float
    if red == top {
      sector = b - g
    } else if green == top {
      sector = Float(2.0 + Double(r) - Double(b))
    } else {
      sector = Float(4.0 + Double(g) - Double(r))
    }
    let hue = Float(fmod(Double(sector) / 6 + 1, 1))
    return (UInt8(Double(hue) * 255), UInt8(Double(saturation) * 255), top)
  }

  private static func rgb(
    _ hue: UInt8, _ saturation: UInt8, _ value: UInt8
  ) -> (UInt8, UInt8, UInt8) {
    guard saturation != 0 else { return (value, value, value) }
    let h = Float(Double(hue) * 6 / 255)
    let s = Float(Double(saturation) / 255)
    let sector = Int(h)
    let f = h - Float(sector)
    func level(_ share: Double) -> UInt8 {
      UInt8(min(255, max(0, (Double(value) * (1 - share)).rounded())))
    }
    let p = level(Double(s))
    let q = level(Double(s * f))
    let t = level(Double(s) * (1 - Double(f)))
    switch sector % 6 {
    case 0: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }

  /// Gray in all three channels.
  public func grayscaled() -> RGBImage {
    var result = self
    for (pixel, gray) in luminances().enumerated() {
      for at in 3 * pixel..<3 * pixel + 3 { result.pixels[at] = gray }
    }
    return result
  }

  /// Inverts every value of `threshold` and above.
  public func solarized(threshold: UInt8 = 128) -> RGBImage {
    RGBImage(
      width: width, height: height, pixels: pixels.map { $0 < threshold ? $0 : 255 - $0 })
  }

  /// Mirrored left to right.
  public func flippedHorizontally() -> RGBImage {
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let (source, target) = ((y * width + x) * 3, (y * width + width - 1 - x) * 3)
        for channel in 0..<3 { result.pixels[target + channel] = pixels[source + channel] }
      }
    }
    return result
  }
}
