// Colour changes on 8-bit pixels, each equal to the usual Python imaging library's to the last
// bit: the rounding between the steps is part of the published augmentations. A blend is computed
// in Float and cut off, not rounded.

extension RGBImage {
  /// Luminance of one pixel by the ITU-R 601 weights in 16-bit fixed point.
  @inline(__always)
  static func luminance(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    let sum: UInt32 = UInt32(red) &* 19_595 &+ UInt32(green) &* 38_470 &+ UInt32(blue) &* 7_471
    return UInt8(truncatingIfNeeded: (sum &+ 32_768) &>> 16)
  }

  /// Mixes two values: `base + factor · (value − base)`, cut off towards zero.
  @inline(__always)
  private static func blend(_ base: UInt8, _ value: UInt8, _ factor: Float) -> UInt8 {
    let mixed = Float(base) + factor * Float(Int32(value) &- Int32(base))
    return UInt8(max(0, min(255, mixed)))
  }

  /// A copy whose pixels `body` has changed.
  @inline(__always)
  private func changed(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) -> RGBImage {
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { body($0) }
    return result
  }

  /// Every value replaced through a table of 256.
  private func mapped(_ table: [UInt8]) -> RGBImage {
    table.withUnsafeBufferPointer { table in
      changed { bytes in
        for at in bytes.indices { bytes[at] = table[Int(bytes[at])] }
      }
    }
  }

  /// Brightness: towards black (factor 0), unchanged (1) or beyond.
  public func brightened(by factor: Double) -> RGBImage {
    mapped((0...255).map { Self.blend(0, UInt8($0), Float(factor)) })
  }

  /// Contrast: towards the mean luminance (factor 0), unchanged (1) or beyond.
  public func contrasted(by factor: Double) -> RGBImage {
    guard !pixels.isEmpty else { return self }
    let sum = pixels.withUnsafeBufferPointer { bytes in
      var sum = 0
      for at in stride(from: 0, to: bytes.count, by: 3) {
        sum &+= Int(Self.luminance(bytes[at], bytes[at + 1], bytes[at + 2]))
      }
      return sum
    }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    return mapped((0...255).map { Self.blend(mean, UInt8($0), Float(factor)) })
  }

  /// Saturation: towards gray (factor 0), unchanged (1) or beyond.
  public func saturated(by factor: Double) -> RGBImage {
    let factor = Float(factor)
    return changed { bytes in
      for at in stride(from: 0, to: bytes.count, by: 3) {
        let gray = Self.luminance(bytes[at], bytes[at + 1], bytes[at + 2])
        bytes[at] = Self.blend(gray, bytes[at], factor)
        bytes[at + 1] = Self.blend(gray, bytes[at + 1], factor)
        bytes[at + 2] = Self.blend(gray, bytes[at + 2], factor)
      }
    }
  }

  /// Turns the hue by a fraction of the circle, −0.5...0.5, through 8-bit HSV.
  ///
  /// Eight bits of hue and saturation lose precision: even a fraction of 0 changes pixels.
  ///
  /// - Precondition: `abs(fraction) <= 0.5`.
  public func hueShifted(by fraction: Double) -> RGBImage {
    precondition(abs(fraction) <= 0.5, "a hue shift must be in -0.5...0.5, got \(fraction)")
    let shift = UInt8(truncatingIfNeeded: Int(fraction * 255))
    return changed { bytes in
      for at in stride(from: 0, to: bytes.count, by: 3) {
        let (hue, saturation, value) = Self.hsv(bytes[at], bytes[at + 1], bytes[at + 2])
        (bytes[at], bytes[at + 1], bytes[at + 2]) = Self.rgb(hue &+ shift, saturation, value)
      }
    }
  }

  @inline(__always)
  private static func hsv(
    _ red: UInt8, _ green: UInt8, _ blue: UInt8
  ) -> (UInt8, UInt8, UInt8) {
    let top = max(red, green, blue)
    let bottom = min(red, green, blue)
    guard top != bottom else { return (0, 0, top) }
    let range = Float(top &- bottom)
    let saturation = range / Float(top)
    let r = Float(top &- red) / range
    let g = Float(top &- green) / range
    let b = Float(top &- blue) / range
    let sector: Float
    if red == top {
      sector = b - g
    } else if green == top {
      sector = Float(2.0 + Double(r) - Double(b))
    } else {
      sector = Float(4.0 + Double(g) - Double(r))
    }
    // The sum lies in 5/6...11/6, so one subtraction is the remainder by 1.
    let turn = Double(sector) / 6 + 1
    let hue = Float(turn >= 1 ? turn - 1 : turn)
    return (UInt8(Double(hue) * 255), UInt8(Double(saturation) * 255), top)
  }

  @inline(__always)
  private static func rgb(
    _ hue: UInt8, _ saturation: UInt8, _ value: UInt8
  ) -> (UInt8, UInt8, UInt8) {
    guard saturation != 0 else { return (value, value, value) }
    // Where the reference rounds to Float decides single levels: the remainder, not the sector.
    let turn = Double(hue) * 6 / 255
    let sector = Int32(turn)
    let s = Float(Double(saturation) / 255)
    let f = Float(turn - Double(sector))
    let full = Double(value)
    let p = UInt8((full * (1 - Double(s))).rounded())
    let q = UInt8((full * (1 - Double(s * f))).rounded())
    let t = UInt8((full * (1 - Double(s) * (1 - Double(f)))).rounded())
    switch sector {
    case 0, 6: return (value, t, p)
    case 1: return (q, value, p)
    case 2: return (p, value, t)
    case 3: return (p, q, value)
    case 4: return (t, p, value)
    default: return (value, p, q)
    }
  }

  /// Gray in all three channels.
  public func grayscaled() -> RGBImage {
    changed { bytes in
      for at in stride(from: 0, to: bytes.count, by: 3) {
        let gray = Self.luminance(bytes[at], bytes[at + 1], bytes[at + 2])
        bytes[at] = gray
        bytes[at + 1] = gray
        bytes[at + 2] = gray
      }
    }
  }

  /// Inverts every value of `threshold` and above.
  public func solarized(threshold: Int = 128) -> RGBImage {
    mapped((0...255).map { UInt8($0 < threshold ? $0 : 255 - $0) })
  }

  /// Mirrored left to right.
  public func flippedHorizontally() -> RGBImage {
    changed { bytes in
      for row in 0..<height {
        var left = row * width * 3
        var right = left + (width - 1) * 3
        while left < right {
          for channel in 0..<3 { bytes.swapAt(left + channel, right + channel) }
          left += 3
          right -= 3
        }
      }
    }
  }
}
