import Foundation

/// Bicubic interpolation of maps as PyTorch's `interpolate(mode="bicubic")` without aligned corners.
public enum BicubicMaps {
  /// Resizes `[rows · columns, channels]` to another number of rows and columns.
  ///
  /// The kernel has a = −0.75, is not widened when shrinking, and repeats the border.
  public static func resized(
    _ values: [Float], rows: Int, columns: Int, channels: Int, toRows: Int, toColumns: Int
  ) -> [Float] {
    if rows == toRows, columns == toColumns { return values }
    let vertical = (0..<toRows).map { taps($0, from: rows, to: toRows) }
    let horizontal = (0..<toColumns).map { taps($0, from: columns, to: toColumns) }
    var result = [Float](repeating: 0, count: toRows * toColumns * channels)
    for y in 0..<toRows {
      for x in 0..<toColumns {
        for channel in 0..<channels {
          var sum: Double = 0
          for (row, weightY) in vertical[y] {
            for (column, weightX) in horizontal[x] {
              sum +=
                weightY * weightX * Double(values[(row * columns + column) * channels + channel])
            }
          }
          result[(y * toColumns + x) * channels + channel] = Float(sum)
        }
      }
    }
    return result
  }

  /// The interpolation of a square map to another size as a matrix, `[rows · columns, from²]`.
  ///
  /// - Parameter shift: What is added to an output side before it is divided by the input's for
  ///   the sampling positions; DINO adds 0.1, which moves them a little.
  public static func matrix(from: Int, rows: Int, columns: Int, shift: Double) -> [Float] {
    func taps(to count: Int) -> [[(Int, Double)]] {
      (0..<count).map {
        Self.taps($0, from: from, to: count, scale: (Double(count) + shift) / Double(from))
      }
    }
    let (vertical, horizontal) = (taps(to: rows), taps(to: columns))
    var result = [Float](repeating: 0, count: rows * columns * from * from)
    for y in 0..<rows {
      for x in 0..<columns {
        for (row, weightY) in vertical[y] {
          for (column, weightX) in horizontal[x] {
            result[(y * columns + x) * from * from + row * from + column] +=
              Float(weightY * weightX)
          }
        }
      }
    }
    return result
  }

  private static func taps(
    _ position: Int, from: Int, to: Int, scale: Double? = nil
  ) -> [(Int, Double)] {
    let ratio = scale.map { 1 / $0 } ?? Double(from) / Double(to)
    let source = (Double(position) + 0.5) * ratio - 0.5
    let base = source.rounded(.down)
    let t = source - base
    let a = -0.75
    func near(_ x: Double) -> Double { ((a + 2) * x - (a + 3)) * x * x + 1 }
    func far(_ x: Double) -> Double { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    let weights = [far(t + 1), near(t), near(1 - t), far(2 - t)]
    return weights.enumerated().map { index, weight in
      (min(from - 1, max(0, Int(base) - 1 + index)), weight)
    }
  }
}
