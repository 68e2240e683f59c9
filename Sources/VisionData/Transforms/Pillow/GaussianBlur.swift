import CPixels

extension RGBImage {
  /// A Gaussian blur as the usual Python imaging library makes it: three box blurs of fractional
  /// radius along rows, then three along columns, edges repeated, each rounded to 8 bits.
  ///
  /// - Parameter deviation: σ in pixels; 0 leaves the image as it is.
  ///
  /// Source: Gwosdek et al., Theoretical Foundations of Gaussian Convolution by Extended Box
  /// Filtering, 2011.
  public func gaussianBlurred(deviation: Double) -> RGBImage {
    guard deviation > 0, !pixels.isEmpty else { return self }
    let box = ExtendedBox(deviation: Float(deviation), passes: 3)
    var result = self
    result.pixels.withUnsafeMutableBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      blurRows(base, width: width, height: height, box)
      blurColumns(base, rowBytes: width * 3, height: height, box)
    }
    return result
  }
}

/// A box of `2 · radius + 1` full weights and a partial one on each side, in units of 2⁻²⁴.
private struct ExtendedBox {
  let passes: Int
  let radius: Int
  let inner: UInt32
  let outer: UInt32

  init(deviation: Float, passes: Int) {
    // Single and double precision as in the reference; the weights depend on it.
    let variance = deviation * deviation / Float(passes)
    let length = Float((12 * Double(variance) + 1).squareRoot())
    let whole = Float(((Double(length) - 1) / 2).rounded(.down))
    let over = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance)
    let size = whole + over / (6 * (variance - (whole + 1) * (whole + 1)))
    self.passes = passes
    radius = Int(size)
    inner = UInt32(Float(1 << 24) / (size * 2 + 1))
    outer = ((1 << 24) - UInt32(radius * 2 + 1) * inner) / 2
  }
}

private func blurRows(
  _ image: UnsafeMutablePointer<UInt8>, width: Int, height: Int, _ box: ExtendedBox
) {
  // Each line is copied between its repeated edges, so that the sliding sum needs no bounds.
  // A byte more than the line has is read.
  let edge = box.radius + 1
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: (width + 2 * edge) * 3 + 1) { room in
    guard let line = room.baseAddress else { return }
    line[(width + 2 * edge) * 3] = 0
    for row in 0..<height {
      let out = image + row * width * 3
      for _ in 0..<box.passes {
        for column in 0..<edge {
          for channel in 0..<3 {
            line[column * 3 + channel] = out[channel]
            line[(edge + width + column) * 3 + channel] = out[(width - 1) * 3 + channel]
          }
        }
        (line + edge * 3).update(from: out, count: width * 3)
        cp_box_row(line, width, edge, box.inner, box.outer, out)
      }
    }
  }
}

private func blurColumns(
  _ image: UnsafeMutablePointer<UInt8>, rowBytes: Int, height: Int, _ box: ExtendedBox
) {
  let edge = box.radius + 1
  // Rows that were overwritten are still needed `edge + 1` rows later: a copy of the image is
  // simpler than a ring and small beside the decoded original.
  withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rowBytes * height) { copy in
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: rowBytes) { room in
      guard let source = copy.baseAddress, let sums = room.baseAddress else { return }
      func line(_ row: Int) -> UnsafeMutablePointer<UInt8> {
        source + max(0, min(height - 1, row)) * rowBytes
      }
      for _ in 0..<box.passes {
        source.update(from: image, count: rowBytes * height)
        for at in 0..<rowBytes { sums[at] = 0 }
        for row in -box.radius...box.radius {
          let add = line(row)
          for at in 0..<rowBytes { sums[at] &+= UInt32(add[at]) }
        }
        for row in 0..<height {
          let above = line(row - edge)
          let below = line(row + edge)
          let leaving = line(row - box.radius)
          let out = image + row * rowBytes
          for at in 0..<rowBytes {
            let far = UInt32(above[at]) &+ UInt32(below[at])
            out[at] = UInt8(
              truncatingIfNeeded: (sums[at] &* box.inner &+ far &* box.outer &+ (1 << 23)) >> 24)
            sums[at] = sums[at] &+ UInt32(below[at]) &- UInt32(leaving[at])
          }
        }
      }
    }
  }
}
