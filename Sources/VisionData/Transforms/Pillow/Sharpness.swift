extension RGBImage {
  /// Sharpness: towards a smoothed copy (factor 0), unchanged (1) or beyond, equal to the usual
  /// Python imaging library's to the last bit.
  ///
  /// The copy weighs each pixel 5 and its eight neighbours 1 each, of 13; the outermost pixels stay.
  public func sharpened(by factor: Double) -> RGBImage {
    guard width > 2, height > 2 else { return self }
    let factor = Float(factor)
    var result = self
    let rowBytes = width * 3
    result.pixels.withUnsafeMutableBufferPointer { out in
      pixels.withUnsafeBufferPointer { source in
        guard let out = out.baseAddress, let source = source.baseAddress else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rowBytes) { room in
          guard let smooth = room.baseAddress else { return }
          for y in 1..<height - 1 {
            let row = source + y * rowBytes
            smoothRow(row, rowBytes: rowBytes, into: smooth)
            blendRow(smooth, row, factor, count: rowBytes - 6, from: 3, into: out + y * rowBytes)
          }
        }
      }
    }
    return result
  }
}

/// Smooths one row but for its first and last pixel.
private func smoothRow(
  _ row: UnsafePointer<UInt8>, rowBytes: Int, into smooth: UnsafeMutablePointer<UInt8>
) {
  // The order of the additions, from the row below upwards, is the reference's: it decides bits.
  let one = Float(1) / 13
  let five = Float(5) / 13
  let above = row - rowBytes
  let below = row + rowBytes
  for x in 3..<rowBytes - 3 {
    var sum: Float = 0.5
    sum += Float(below[x &- 3]) * one + Float(below[x]) * one + Float(below[x &+ 3]) * one
    sum += Float(row[x &- 3]) * one + Float(row[x]) * five + Float(row[x &+ 3]) * one
    sum += Float(above[x &- 3]) * one + Float(above[x]) * one + Float(above[x &+ 3]) * one
    smooth[x] = UInt8(truncatingIfNeeded: Int32(max(0, min(255, sum))))
  }
}

/// `base + factor · (value − base)`, cut off towards zero.
private func blendRow(
  _ base: UnsafePointer<UInt8>, _ value: UnsafePointer<UInt8>, _ factor: Float, count: Int,
  from start: Int, into out: UnsafeMutablePointer<UInt8>
) {
  for x in start..<start + count {
    let mixed = Float(base[x]) + factor * Float(Int32(value[x]) &- Int32(base[x]))
    out[x] = UInt8(truncatingIfNeeded: Int32(max(0, min(255, mixed))))
  }
}
