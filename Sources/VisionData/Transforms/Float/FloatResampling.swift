import Geometry

/// The four input lines that one output line is made of, with their weights.
private struct CubicTaps {
  var indices: [Int]
  var weights: [Float]

  /// Cubic weights with a = −0.5 from a table of 1024 steps; lines from outside have weight 0, and
  /// the others then sum to 1.
  init(from input: Int, to output: Int) {
    // Single precision and the rounded table position are the reference's.
    func near(_ step: Int) -> Float {
      let x = Double(step) / 1024
      return Float((1.5 * x - 2.5) * x * x + 1)
    }
    func far(_ step: Int) -> Float {
      let x = Double(step) / 1024 + 1
      return Float(((-0.5 * x + 2.5) * x - 4) * x + 2)
    }
    let scale = Float(input) / Float(output)
    indices = []
    weights = []
    for position in 0..<output {
      let place = (Float(position) + 0.5) * scale - 0.5
      let whole = place.rounded(.down)
      let step = Int(((place - whole) * 1024).rounded(.toNearestOrEven))
      let first = Int(whole) - 1
      var row = [far(step), near(step), near(1024 - step), far(1024 - step)]
      for tap in 0..<4 where !(0..<input).contains(first + tap) { row[tap] = 0 }
      let sum = row.reduce(0, +)
      for tap in 0..<4 {
        indices.append(max(0, min(input - 1, first + tap)))
        weights.append(row[tap] * (1 / sum))
      }
    }
  }
}

extension FloatImage {
  /// A box of an 8-bit image at another size by TensorFlow's bicubic interpolation, which takes four
  /// neighbours each way and does not antialias, cut off to 0...1.
  ///
  /// - Precondition: the box lies inside the image and the new size is positive.
  ///
  /// Source: Keys, Cubic Convolution Interpolation, 1981; TensorFlow's `ResizeBicubic` with half
  /// pixel centres.
  public init(resizing image: RGBImage, box: PixelBox, width: Int, height: Int) {
    precondition(
      box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0
        && box.left + box.width <= image.width && box.top + box.height <= image.height,
      "box \(box) outside of \(image.width)x\(image.height)")
    precondition(width > 0 && height > 0, "size \(width)x\(height)")
    let across = CubicTaps(from: box.width, to: width)
    let down = CubicTaps(from: box.height, to: height)
    let plane = width * height
    let values = [Float](unsafeUninitializedCapacity: 3 * plane) { out, filled in
      filled = 3 * plane
      var line = [Float](repeating: 0, count: box.width * 3)
      image.pixels.withUnsafeBufferPointer { pixels in
        line.withUnsafeMutableBufferPointer { line in
          guard let out = out.baseAddress, let pixels = pixels.baseAddress,
            let line = line.baseAddress
          else { return }
          let corner = pixels + (box.top * image.width + box.left) * 3
          for y in 0..<height {
            mixRows(
              corner, rowBytes: image.width * 3, down, position: y, count: box.width * 3, into: line
            )
            mixColumns(line, across, width: width, into: out + y * width, plane: plane)
          }
        }
      }
    }
    self.init(width: width, height: height, values: values)
  }
}

private func mixRows(
  _ corner: UnsafePointer<UInt8>, rowBytes: Int, _ taps: CubicTaps, position: Int, count: Int,
  into line: UnsafeMutablePointer<Float>
) {
  let at = position * 4
  let row0 = corner + taps.indices[at] * rowBytes
  let row1 = corner + taps.indices[at + 1] * rowBytes
  let row2 = corner + taps.indices[at + 2] * rowBytes
  let row3 = corner + taps.indices[at + 3] * rowBytes
  let (w0, w1) = (taps.weights[at], taps.weights[at + 1])
  let (w2, w3) = (taps.weights[at + 2], taps.weights[at + 3])
  for x in 0..<count {
    line[x] =
      Float(row0[x]) * w0 + Float(row1[x]) * w1 + Float(row2[x]) * w2 + Float(row3[x]) * w3
  }
}

private func mixColumns(
  _ line: UnsafePointer<Float>, _ taps: CubicTaps, width: Int,
  into out: UnsafeMutablePointer<Float>, plane: Int
) {
  taps.indices.withUnsafeBufferPointer { indices in
    taps.weights.withUnsafeBufferPointer { weights in
      for x in 0..<width {
        for channel in 0..<3 {
          var sum: Float = 0
          for tap in 4 &* x..<4 &* x &+ 4 {
            sum += line[indices[tap] &* 3 &+ channel] * weights[tap]
          }
          out[channel &* plane &+ x] = max(0, min(1, sum / 255))
        }
      }
    }
  }
}
