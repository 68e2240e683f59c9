import CPixels
import Foundation
import Geometry

/// How a resized pixel weighs its neighbours.
public enum ResamplingFilter: String, Sendable, CaseIterable {
  /// Triangle filter, one source pixel wide on each side.
  case bilinear
  /// Cubic filter with a = −0.5, two source pixels wide on each side.
  case bicubic
  /// The mean of what a pixel covers.
  case box

  fileprivate var support: Double {
    switch self {
    case .bilinear: 1
    case .bicubic: 2
    case .box: 0.5
    }
  }

  fileprivate func weight(_ place: Double) -> Double {
    let x = abs(place)
    switch self {
    case .box: return place > -0.5 && place <= 0.5 ? 1 : 0
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
  var starts: [Int32]
  var counts: [Int32]
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
      starts.append(Int32(first))
      counts.append(Int32(last - first))
    }
  }

  /// The input positions that a range of output positions gathers from.
  func inputs(of positions: Range<Int>) -> Range<Int> {
    var (first, last) = (Int.max, 0)
    for position in positions {
      first = min(first, Int(starts[position]))
      last = max(last, Int(starts[position]) + Int(counts[position]))
    }
    return first..<last
  }
}

extension RGBImage {
  /// The image, or a box of it, at another size: antialiased, first along rows, then columns.
  ///
  /// Both passes round to 8 bits, as the usual Python imaging library does, so that its pixels
  /// and these are the same.
  ///
  /// - Parameters:
  ///   - box: What is resized; nil is all.
  ///   - window: What of the result is wanted, the same pixels as of the whole; nil is all.
  /// - Precondition: the box lies inside the image, the window inside the result, and the new size is
  ///   positive.
  public func resized(
    width newWidth: Int, height newHeight: Int, filter: ResamplingFilter, box: PixelBox? = nil,
    window: PixelBox? = nil
  ) -> RGBImage {
    let box = box ?? PixelBox(left: 0, top: 0, width: width, height: height)
    precondition(
      box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0
        && box.left + box.width <= width && box.top + box.height <= height,
      "box \(box) outside of \(width)x\(height)")
    precondition(newWidth > 0 && newHeight > 0, "size \(newWidth)x\(newHeight)")
    let window = window ?? PixelBox(left: 0, top: 0, width: newWidth, height: newHeight)
    precondition(
      window.left >= 0 && window.top >= 0 && window.width > 0 && window.height > 0
        && window.left + window.width <= newWidth && window.top + window.height <= newHeight,
      "window \(window) outside of \(newWidth)x\(newHeight)")
    let columns = window.left..<window.left + window.width
    let rows = window.top..<window.top + window.height
    let down =
      newHeight == box.height ? nil : Taps(from: box.height, to: newHeight, filter: filter)
    let inputRows = down?.inputs(of: rows) ?? rows
    let across =
      newWidth == box.width ? nil : Taps(from: box.width, to: newWidth, filter: filter)
    let narrow = resampledRows(box, inputRows, across, columns)
    guard let down else {
      return RGBImage(width: window.width, height: window.height, pixels: narrow)
    }
    let rowLength = window.width * 3
    let result = [UInt8](unsafeUninitializedCapacity: rowLength * rows.count) { out, filled in
      filled = rowLength * rows.count
      guard let out = out.baseAddress else { return }
      narrow.withUnsafeBufferPointer { source in
        down.weights.withUnsafeBufferPointer { weights in
          guard let source = source.baseAddress, let weights = weights.baseAddress else { return }
          for y in rows {
            cp_resample_columns(
              source + (Int(down.starts[y]) - inputRows.lowerBound) * rowLength, rowLength,
              weights + y * down.length, down.counts[y], out + (y - rows.lowerBound) * rowLength)
          }
        }
      }
    }
    return RGBImage(width: window.width, height: window.height, pixels: result)
  }

  /// Some rows of a box, resampled to some output columns.
  private func resampledRows(
    _ box: PixelBox, _ rows: Range<Int>, _ taps: Taps?, _ columns: Range<Int>
  ) -> [UInt8] {
    let rowLength = columns.count * 3
    return [UInt8](unsafeUninitializedCapacity: rowLength * rows.count) { out, filled in
      filled = rowLength * rows.count
      guard let out = out.baseAddress else { return }
      pixels.withUnsafeBufferPointer { source in
        guard let source = source.baseAddress else { return }
        func row(_ y: Int) -> UnsafePointer<UInt8> {
          source + ((box.top + y) * width + box.left) * 3
        }
        guard let taps else {
          for y in rows {
            (out + (y - rows.lowerBound) * rowLength).update(
              from: row(y) + columns.lowerBound * 3, count: rowLength)
          }
          return
        }
        // The last row of the image has no byte behind it, which the vectors read.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: box.width * 3 + 1) { room in
          guard let last = room.baseAddress else { return }
          last.update(from: row(rows.upperBound - 1), count: box.width * 3)
          last[box.width * 3] = 0
          for y in stride(from: rows.lowerBound, to: rows.upperBound, by: 4) {
            // Four at a time; those that are too many repeat the last one.
            let group = (0..<4).map { min(y + $0, rows.upperBound - 1) }
            resampleRows(
              group.map { $0 == rows.upperBound - 1 ? UnsafePointer(last) : row($0) }, taps,
              columns,
              into: group.map { out + ($0 - rows.lowerBound) * rowLength })
          }
        }
      }
    }
  }

  /// The pixels of a box.
  ///
  /// - Precondition: the box lies inside the image.
  public func cropped(to box: PixelBox) -> RGBImage {
    resized(width: box.width, height: box.height, filter: .bilinear, box: box)
  }
}

private func resampleRows(
  _ rows: [UnsafePointer<UInt8>?], _ taps: Taps, _ columns: Range<Int>,
  into out: [UnsafeMutablePointer<UInt8>?]
) {
  taps.starts.withUnsafeBufferPointer { starts in
    taps.counts.withUnsafeBufferPointer { counts in
      taps.weights.withUnsafeBufferPointer { weights in
        cp_resample_rows(
          rows, starts.baseAddress, counts.baseAddress, weights.baseAddress, taps.length,
          columns.lowerBound, columns.upperBound, out)
      }
    }
  }
}
