import CounterRandom
import Foundation

extension RGBImage {
  /// How far an image is bent.
  struct Elastic {
    /// Of a field of draws in −1...1, in pixels where it is not blurred.
    let amount: Double
    /// The field's blur, in pixels.
    let smoothness: Double
    /// How far the three points of the map before it move, in pixels.
    let jitter: Double
  }

  /// Maps three points elsewhere, then moves every pixel by a smooth random field.
  func withElasticTransform(_ elastic: Elastic, _ stream: inout RandomStream) -> RGBImage {
    let mapped = jittered(elastic.jitter, &stream)
    func field() -> [Float] {
      RealPlane(width: width, height: height) { stream.uniform(-1, 1) }
        .blurred(deviation: elastic.smoothness, reach: 3, edge: .reflected)
        .values.map { Float($0 * elastic.amount) }
    }
    let across = field()
    let down = field()
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let at = y * width + x
        let row = RealPlane.Between(bent: Double(y) + Double(down[at]), of: height)
        let column = RealPlane.Between(bent: Double(x) + Double(across[at]), of: width)
        for channel in 0..<3 {
          let sum = RealPlane.blended(row, column) {
            Double(mapped[($0 * width + $1) * 3 + channel])
          }
          result.pixels[3 * at + channel] = UInt8(max(0, min(1, Float(sum))) * 255)
        }
      }
    }
    return result
  }

  /// The image through the affine map that moves three points at random, as interleaved numbers in
  /// 0...1.
  ///
  /// Source: OpenCV's `warpAffine`, whose positions are whole 32nds of a pixel.
  private func jittered(_ jitter: Double, _ stream: inout RandomStream) -> [Float] {
    // The published code gives rows where columns are meant, which is one for squares.
    let (centerX, centerY) = (Float(height / 2), Float(width / 2))
    let reach = Float(min(height, width) / 3)
    let old = [
      (centerX + reach, centerY + reach), (centerX + reach, centerY - reach),
      (centerX - reach, centerY - reach),
    ]
    let new = old.map { point in
      (
        point.0 + Float(stream.uniform(-jitter, jitter)),
        point.1 + Float(stream.uniform(-jitter, jitter))
      )
    }
    let map = AffineMap(from: new, to: old)
    let rows = FixedAxis(map.b, map.e, of: height, from: (map.c, map.f))
    let columns = FixedAxis(map.a, map.d, of: width, from: (0, 0))
    var result = [Float](repeating: 0, count: pixels.count)
    for y in 0..<height {
      for x in 0..<width {
        let column = (rows.x[y] + 16 + columns.x[x]) >> 5
        let row = (rows.y[y] + 16 + columns.y[x]) >> 5
        let (right, below) = (Float(column & 31) / 32, Float(row & 31) / 32)
        let edge = RealPlane.Edge.mirrored
        let left = [edge.place(column >> 5, of: width), edge.place((column >> 5) + 1, of: width)]
        let top = [edge.place(row >> 5, of: height), edge.place((row >> 5) + 1, of: height)]
        for channel in 0..<3 {
          func value(_ row: Int, _ column: Int) -> Float {
            Float(pixels[(top[row] * width + left[column]) * 3 + channel]) / 255
          }
          var sum = value(0, 0) * ((1 - below) * (1 - right))
          sum += value(0, 1) * ((1 - below) * right)
          sum += value(1, 0) * (below * (1 - right))
          sum += value(1, 1) * (below * right)
          result[(y * width + x) * 3 + channel] = sum
        }
      }
    }
    return result
  }
}

/// What one axis of an image adds to the place where a pixel comes from, in 1024ths of a pixel.
private struct FixedAxis {
  var x: [Int] = [], y: [Int] = []

  init(_ scaleX: Double, _ scaleY: Double, of count: Int, from start: (Double, Double)) {
    // What a degenerate map gives lies far outside, and its mirror image is as good as any.
    func fixed(_ value: Double) -> Int {
      value.isFinite ? Int(max(-0x1p31, min(0x1p31, (value * 1024).rounded(.toNearestOrEven)))) : 0
    }
    for position in 0..<count {
      x.append(fixed(scaleX * Double(position) + start.0))
      y.append(fixed(scaleY * Double(position) + start.1))
    }
  }
}

extension RealPlane.Between {
  /// The two that a place of a bent axis lies between, mirrored at its ends.
  fileprivate init(bent place: Double, of count: Int) {
    let whole = Int(place.rounded(.down))
    self.init(
      first: RealPlane.Edge.reflected.place(whole, of: count),
      second: RealPlane.Edge.reflected.place(whole + 1, of: count),
      part: place - place.rounded(.down))
  }
}

extension AffineMap {
  /// The map that takes three points to three others; what points on a line give is no number.
  fileprivate init(from source: [(Float, Float)], to target: [(Float, Float)]) {
    func difference(_ points: [(Float, Float)], _ at: Int) -> (x: Double, y: Double) {
      (Double(points[at].0) - Double(points[0].0), Double(points[at].1) - Double(points[0].1))
    }
    let (s1, s2) = (difference(source, 1), difference(source, 2))
    let (t1, t2) = (difference(target, 1), difference(target, 2))
    let area = s1.x * s2.y - s2.x * s1.y
    let a = (t1.x * s2.y - t2.x * s1.y) / area
    let b = (t2.x * s1.x - t1.x * s2.x) / area
    let d = (t1.y * s2.y - t2.y * s1.y) / area
    let e = (t2.y * s1.x - t1.y * s2.x) / area
    let (x, y) = (Double(source[0].0), Double(source[0].1))
    self.init(
      a, b, Double(target[0].0) - a * x - b * y, d, e, Double(target[0].1) - d * x - e * y)
  }
}
