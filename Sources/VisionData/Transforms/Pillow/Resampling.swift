import Foundation
import Geometry

/// How a resized pixel weighs its neighbours.
public enum ResamplingFilter: String, Sendable, CaseIterable {
  /// Triangle filter, one source pixel wide on each side.
  case bilinear
  /// Cubic filter with a = −0.5, two source pixels wide on each side.
  case bicubic

  fileprivate var support: Double { self == .bilinear ? 1 : 2 }

  fileprivate func weight(_ x: Double) -> Double {
    let x = abs(x)
    switch self {
    case .bilinear:
      return x < 1 ? 1 - x : 0
    case .bicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
      return 0
    }
  }
}

/// The weights with which one output line gathers input pixels, in 22-bit fixed point.
private struct Taps {
  /// First input position and number of taps of each output position.
  var starts: [Int]
  var counts: [Int]
  /// `length` weights an output position.
  var weights: [Int32]
  let length: Int

  init(from input: Int, to output: Int, filter: ResamplingFilter) {
    let scale = Double(input) / Double(output)
    let stretch = max(scale, 1)
    let support = filter.support * stretch
    length = Int(support.rounded(.up)) * 2 + 1
    starts = []
    counts = []
    weights = [Int32](repeating: 0, count: length * output)
    for position in 0..<output {
      let center = (Double(position) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let last = min(input, Int(center + support + 0.5))
      let raw = (first..<last).map { filter.weight((Double($0) - center + 0.5) / stretch) }
      let sum = raw.reduce(0, +)
      for (tap, weight) in raw.enumerated() {
        let share = (sum == 0 ? weight : weight / sum) * Double(1 << 22)
        weights[position * length + tap] = Int32(share < 0 ? share - 0.5 : share + 0.5)
      }
      starts.append(first)
      counts.append(last - first)
    }
  }
}

extension RGBImage {
  /// The image, or a box of it, at another size: antialiased, first along rows, then columns.
  ///
  /// Both passes round to 8 bits, as the usual Python imaging library does, so that its pixels
  /// and these are the same.
  ///
  /// - Precondition: the box lies inside the image and the new size is positive.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter, box: PixelBox? = nil
  ) -> RGBImage {
    let box = box ?? PixelBox(left: 0, top: 0, width: width, height: height)
    precondition(
      box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0
        && box.left + box.width <= width && box.top + box.height <= height,
      "box \(box) outside of \(width)x\(height)")
    precondition(newWidth > 0 && newHeight > 0, "size \(newWidth)x\(newHeight)")
    let across =
      newWidth == box.width ? nil : Taps(from: box.width, to: newWidth, filter: filter)
    let down =
      newHeight == box.height ? nil : Taps(from: box.height, to: newHeight, filter: filter)
    let rowLength = newWidth * 3
    let narrow = [UInt8](unsafeUninitializedCapacity: rowLength * box.height) { out, filled in
      filled = rowLength * box.height
      guard let out = out.baseAddress else { return }
      pixels.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { return }
        for y in 0..<box.height {
          let row = source + ((box.top + y) * width + box.left) * 3
          if let across {
            resampleRow(row, across, width: newWidth, into: out + y * rowLength)
          } else {
            (out + y * rowLength).update(from: row, count: rowLength)
          }
        }
      }
    }
    guard let down else { return RGBImage(width: newWidth, height: newHeight, pixels: narrow) }
    let result = [UInt8](unsafeUninitializedCapacity: rowLength * newHeight) { out, filled in
      filled = rowLength * newHeight
      guard let out = out.baseAddress else { return }
      var sums = [Int32](repeating: 0, count: rowLength)
      narrow.withUnsafeBufferPointer { source in
        sums.withUnsafeMutableBufferPointer { sums in
          guard let source = source.baseAddress, let sums = sums.baseAddress else { return }
          for y in 0..<newHeight {
            resampleColumns(
              source + down.starts[y] * rowLength, down, position: y, length: rowLength,
              sums: sums, into: out + y * rowLength)
          }
        }
      }
    }
    return RGBImage(width: newWidth, height: newHeight, pixels: result)
  }

  /// The pixels of a box.
  ///
  /// - Precondition: the box lies inside the image.
  public func cropped(to box: PixelBox) -> RGBImage {
    resized(width: box.width, height: box.height, filter: .bilinear, box: box)
  }
}

private func resampleRow(
  _ row: UnsafePointer<UInt8>, _ taps: Taps, width: Int, into out: UnsafeMutablePointer<UInt8>
) {
  taps.weights.withUnsafeBufferPointer { weights in
    taps.starts.withUnsafeBufferPointer { starts in
      taps.counts.withUnsafeBufferPointer { counts in
        for x in 0..<width {
          var red: Int32 = 1 << 21
          var green: Int32 = 1 << 21
          var blue: Int32 = 1 << 21
          var at = starts[x] &* 3
          let base = x &* taps.length
          for tap in 0..<counts[x] {
            let weight = weights[base &+ tap]
            red &+= Int32(row[at]) &* weight
            green &+= Int32(row[at &+ 1]) &* weight
            blue &+= Int32(row[at &+ 2]) &* weight
            at &+= 3
          }
          out[3 &* x] = clamped(red &>> 22)
          out[3 &* x &+ 1] = clamped(green &>> 22)
          out[3 &* x &+ 2] = clamped(blue &>> 22)
        }
      }
    }
  }
}

private func resampleColumns(
  _ rows: UnsafePointer<UInt8>, _ taps: Taps, position: Int, length: Int,
  sums: UnsafeMutablePointer<Int32>, into out: UnsafeMutablePointer<UInt8>
) {
  for i in 0..<length { sums[i] = 1 << 21 }
  for tap in 0..<taps.counts[position] {
    let weight = taps.weights[position * taps.length + tap]
    let row = rows + tap * length
    for i in 0..<length { sums[i] &+= Int32(row[i]) &* weight }
  }
  for i in 0..<length { out[i] = clamped(sums[i] &>> 22) }
}

@inline(__always)
private func clamped(_ value: Int32) -> UInt8 {
  UInt8(truncatingIfNeeded: min(255, max(0, value)))
}
