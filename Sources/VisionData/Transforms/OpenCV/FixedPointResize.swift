import Geometry

// Resizing as OpenCV does it on 8-bit images, equal to the last bit: segmentation networks are
// trained and scored on its pixels, which differ from an antialiased or floating-point resize by up
// to half a gray level and more.

/// Where the positions of one output axis lie in the source, with 11-bit weights.
private struct LinearAxis {
  /// Source positions of the two neighbours of each output position.
  var first: [Int] = []
  var second: [Int] = []
  /// Their weights; each pair sums to 2048.
  var firstWeights: [Int32] = []
  var secondWeights: [Int32] = []

  /// - Parameter clampsWeights: Outside of the first and last source position, the nearer neighbour
  ///   gets all the weight. Columns are treated so; rows keep the weights and repeat the edge, which
  ///   can differ by the rounding of the two parts.
  init(from input: Int, to output: Int, range: Range<Int>, clampsWeights: Bool) {
    let scale = 1 / (Double(output) / Double(input))
    for position in range {
      let exact = Float((Double(position) + 0.5) * scale - 0.5)
      var whole = Int(exact.rounded(.down))
      var part = exact - Float(whole)
      if clampsWeights {
        if whole < 0 { (whole, part) = (0, 0) }
        if whole >= input - 1 { (whole, part) = (input - 1, 0) }
      }
      first.append(min(max(whole, 0), input - 1))
      second.append(min(max(whole + 1, 0), input - 1))
      firstWeights.append(Int32(((1 - part) * 2048).rounded(.toNearestOrEven)))
      secondWeights.append(Int32((part * 2048).rounded(.toNearestOrEven)))
    }
  }
}

extension RGBImage {
  /// The image at another size by OpenCV's 8-bit bilinear rule: no antialiasing, half-pixel centres,
  /// 11-bit weights; an exact halving of both sides averages 2x2 pixels.
  ///
  /// - Parameters:
  ///   - window: The part of the resized image that is wanted; equal to resizing, then cropping.
  /// - Precondition: the new size is positive and the window lies inside it.
  ///
  /// Source: OpenCV, imgproc/resize.cpp, `INTER_LINEAR`; equal to versions 4.12 and 5.0.
  public func linearlyResized(
    width newWidth: Int, height newHeight: Int, window: PixelBox? = nil
  ) -> RGBImage {
    let box = checked(window, newWidth, newHeight)
    if newWidth == width, newHeight == height { return cut(box) }
    let rowLength = box.width * 3
    let result = [UInt8](unsafeUninitializedCapacity: rowLength * box.height) { out, filled in
      filled = rowLength * box.height
      guard let out = out.baseAddress else { return }
      pixels.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { return }
        if width == 2 * newWidth, height == 2 * newHeight {
          averageSquares(source, width: width, box: box, into: out)
        } else {
          interpolate(
            source, width: width, box: box,
            across: LinearAxis(
              from: width, to: newWidth, range: box.left..<box.left + box.width,
              clampsWeights: true),
            down: LinearAxis(
              from: height, to: newHeight, range: box.top..<box.top + box.height,
              clampsWeights: false), into: out)
        }
      }
    }
    return RGBImage(width: box.width, height: box.height, pixels: result)
  }

  private func cut(_ box: PixelBox) -> RGBImage {
    if box.width == width, box.height == height { return self }
    var result = RGBImage(width: box.width, height: box.height)
    for y in 0..<box.height {
      let from = ((box.top + y) * width + box.left) * 3
      let to = y * box.width * 3
      result.pixels.replaceSubrange(
        to..<to + box.width * 3, with: pixels[from..<from + box.width * 3])
    }
    return result
  }
}

extension LabelMap {
  /// The map at another size by OpenCV's nearest rule: source position `⌊position · in / out⌋`,
  /// without half-pixel centres.
  ///
  /// - Parameters:
  ///   - window: The part of the resized map that is wanted; equal to resizing, then cropping.
  /// - Precondition: the new size is positive and the window lies inside it.
  ///
  /// Source: OpenCV, imgproc/resize.cpp, `INTER_NEAREST`; equal to versions 4.12 and 5.0.
  public func nearestResized(
    width newWidth: Int, height newHeight: Int, window: PixelBox? = nil
  ) -> LabelMap {
    let box = checked(window, newWidth, newHeight)
    let columns = Self.positions(from: width, to: newWidth, box.left..<box.left + box.width)
    let rows = Self.positions(from: height, to: newHeight, box.top..<box.top + box.height)
    let count = box.width * box.height
    let result = [UInt8](unsafeUninitializedCapacity: count) { out, filled in
      filled = count
      labels.withUnsafeBufferPointer { source in
        columns.withUnsafeBufferPointer { columns in
          var at = 0
          for row in rows {
            let start = row * width
            for column in columns {
              out[at] = source[start &+ column]
              at &+= 1
            }
          }
        }
      }
    }
    return LabelMap(width: box.width, height: box.height, labels: result)
  }

  private static func positions(from input: Int, to output: Int, _ range: Range<Int>) -> [Int] {
    let scale = 1 / (Double(output) / Double(input))
    return range.map { min(Int((Double($0) * scale).rounded(.down)), input - 1) }
  }

  /// The labels of a box.
  ///
  /// - Precondition: the box lies inside the map.
  public func cropped(to box: PixelBox) -> LabelMap {
    nearestResized(width: width, height: height, window: box)
  }

  /// Mirrored left to right.
  public func flippedHorizontally() -> LabelMap {
    var result = self
    result.labels.withUnsafeMutableBufferPointer { labels in
      for row in 0..<height { labels[row * width..<(row + 1) * width].reverse() }
    }
    return result
  }
}

private func checked(_ window: PixelBox?, _ width: Int, _ height: Int) -> PixelBox {
  precondition(width > 0 && height > 0, "size \(width)x\(height)")
  let box = window ?? PixelBox(left: 0, top: 0, width: width, height: height)
  precondition(
    box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0
      && box.left + box.width <= width && box.top + box.height <= height,
    "window \(box) outside of \(width)x\(height)")
  return box
}

private func averageSquares(
  _ source: UnsafePointer<UInt8>, width: Int, box: PixelBox, into out: UnsafeMutablePointer<UInt8>
) {
  for y in 0..<box.height {
    let above = source + ((box.top + y) * 2 * width + box.left * 2) * 3
    let below = above + width * 3
    let row = out + y * box.width * 3
    for x in 0..<box.width {
      for channel in 0..<3 {
        let at = x &* 6 &+ channel
        let sum =
          Int32(above[at]) &+ Int32(above[at &+ 3]) &+ Int32(below[at])
          &+ Int32(below[at &+ 3])
        row[x &* 3 &+ channel] = UInt8(truncatingIfNeeded: (sum &+ 2) &>> 2)
      }
    }
  }
}

private func interpolate(
  _ source: UnsafePointer<UInt8>, width: Int, box: PixelBox, across: LinearAxis, down: LinearAxis,
  into out: UnsafeMutablePointer<UInt8>
) {
  let length = box.width * 3
  // The two resized source rows that the current output row lies between, and which they are.
  var upper = [Int32](repeating: 0, count: length)
  var lower = upper
  var (upperRow, lowerRow) = (-1, -1)
  for y in 0..<box.height {
    let (wantedUpper, wantedLower) = (down.first[y], down.second[y])
    if upperRow != wantedUpper, lowerRow == wantedUpper {
      swap(&upper, &lower)
      swap(&upperRow, &lowerRow)
    }
    if upperRow != wantedUpper {
      weighRow(source + wantedUpper * width * 3, across, into: &upper)
      upperRow = wantedUpper
    }
    if lowerRow != wantedLower {
      weighRow(source + wantedLower * width * 3, across, into: &lower)
      lowerRow = wantedLower
    }
    let row = out + y * length
    let (a, b) = (down.firstWeights[y], down.secondWeights[y])
    upper.withUnsafeBufferPointer { upper in
      lower.withUnsafeBufferPointer { lower in
        for i in 0..<length {
          // The weights sum to 2048 in both directions, so the result fits a byte.
          let sum = (a &* (upper[i] &>> 4)) &>> 16 &+ (b &* (lower[i] &>> 4)) &>> 16
          row[i] = UInt8(truncatingIfNeeded: (sum &+ 2) &>> 2)
        }
      }
    }
  }
}

private func weighRow(
  _ row: UnsafePointer<UInt8>, _ axis: LinearAxis, into sums: inout [Int32]
) {
  axis.first.withUnsafeBufferPointer { first in
    axis.second.withUnsafeBufferPointer { second in
      axis.firstWeights.withUnsafeBufferPointer { a in
        axis.secondWeights.withUnsafeBufferPointer { b in
          sums.withUnsafeMutableBufferPointer { sums in
            for x in 0..<first.count {
              let (left, right) = (first[x] &* 3, second[x] &* 3)
              let at = x &* 3
              sums[at] = Int32(row[left]) &* a[x] &+ Int32(row[right]) &* b[x]
              sums[at &+ 1] = Int32(row[left &+ 1]) &* a[x] &+ Int32(row[right &+ 1]) &* b[x]
              sums[at &+ 2] = Int32(row[left &+ 2]) &* a[x] &+ Int32(row[right &+ 2]) &* b[x]
            }
          }
        }
      }
    }
  }
}
