// Colour changes on 8-bit pixels, each equal to the usual Python imaging library's to the last
// bit: the rounding between the steps is part of the published augmentations. A blend is computed
// in Float and cut off, not rounded.

import CPixels

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
      bytes.baseAddress.map { cp_luminance_sum($0, bytes.count / 3) } ?? 0
    }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    return mapped((0...255).map { Self.blend(mean, UInt8($0), Float(factor)) })
  }

  /// Saturation: towards gray (factor 0), unchanged (1) or beyond.
  public func saturated(by factor: Double) -> RGBImage {
    changed { bytes in
      if let base = bytes.baseAddress { cp_saturate(base, bytes.count / 3, Float(factor)) }
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
      if let base = bytes.baseAddress { cp_shift_hue(base, bytes.count / 3, shift) }
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
    RGBImage(
      width: width, height: height,
      pixels: [UInt8](unsafeUninitializedCapacity: pixels.count) { out, filled in
        filled = pixels.count
        pixels.withUnsafeBufferPointer { bytes in
          guard let out = out.baseAddress, let bytes = bytes.baseAddress else { return }
          for row in 0..<height { cp_mirror(bytes + row * width * 3, width, out + row * width * 3) }
        }
      })
  }
}
