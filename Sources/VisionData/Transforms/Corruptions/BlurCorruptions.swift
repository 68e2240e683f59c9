import CounterRandom
import Foundation

extension RGBImage {
  /// A blur by a Gaussian.
  func withGaussianBlur(_ deviation: Double) -> RGBImage {
    RGBImage(cuttingOff: realPlanes.map { $0.blurred(deviation: deviation) })
  }

  /// The blur of a lens out of focus: a disk with softened edge.
  func withDefocusBlur(radius: Int, softening: Double) -> RGBImage {
    let taps = Self.disk(radius: radius, softening: softening)
    return RGBImage(cuttingOff: realPlanes.map { $0.weighed(taps, edge: .mirrored) })
  }

  /// A disk of equal weights, blurred by a small Gaussian in single precision.
  private static func disk(radius: Int, softening: Double) -> [RealPlane.Tap] {
    let half = max(8, radius)
    let side = 2 * half + 1
    let isInside = (0..<side * side).map { at in
      let (x, y) = (at % side - half, at / side - half)
      return x * x + y * y <= radius * radius
    }
    let weight = 1 / Float(isInside.count { $0 })
    let reach = radius <= 8 ? 1 : 2
    let raw = (-reach...reach).map { exp(-Double($0 * $0) / (2 * softening * softening)) }
    let sum = raw.reduce(0, +)
    let soft = raw.map { Float($0 / sum) }
    /// Rows of a square filtered, and the square turned over.
    func filtered(_ square: [Float]) -> [Float] {
      var result = square
      for y in 0..<side {
        for x in 0..<side {
          var value = square[y * side + x] * soft[reach]
          for offset in 1...reach {
            let (left, right) = (
              RealPlane.Edge.mirrored.place(x - offset, of: side),
              RealPlane.Edge.mirrored.place(x + offset, of: side)
            )
            value += (square[y * side + left] + square[y * side + right]) * soft[reach + offset]
          }
          result[x * side + y] = value
        }
      }
      return result
    }
    return filtered(filtered(isInside.map { $0 ? weight : 0 })).enumerated().compactMap {
      at, weight in
      weight == 0
        ? nil
        : RealPlane.Tap(dx: at % side - half, dy: at / side - half, weight: Double(weight))
    }
  }

  /// A blur, pixels that trade places with neighbours, and the blur again.
  ///
  /// Published code that means to swap two pixels copies the second over the first, since both are views
  /// of one array; the published images are made so, and so are these.
  func withGlassBlur(
    deviation: Double, reach: Int, rounds: Int, _ stream: inout RandomStream
  ) -> RGBImage {
    var result = withGaussianBlur(deviation)
    for _ in 0..<rounds {
      for y in stride(from: height - reach, to: reach, by: -1) {
        for x in stride(from: width - reach, to: reach, by: -1) {
          let from = x + stream.below(2 * reach) - reach
          let row = y + stream.below(2 * reach) - reach
          for channel in 0..<3 {
            result.pixels[(y * width + x) * 3 + channel] =
              result.pixels[(row * width + from) * 3 + channel]
          }
        }
      }
    }
    return result.withGaussianBlur(deviation)
  }

  /// A blur along a line.
  ///
  /// - Parameter degrees: The line's direction.
  func withMotionBlur(radius: Int, deviation: Double, degrees: Double) -> RGBImage {
    var result = self
    for (channel, plane) in realPlanes.enumerated() {
      let blurred = plane.movedBy(radius: radius, deviation: deviation, degrees: degrees)
      for (at, value) in blurred.values.enumerated() {
        result.pixels[3 * at + channel] = UInt8(
          max(0, min(255, (value * 255 + 0.5).rounded(.down))))
      }
    }
    return result
  }

  /// The mean of the image and of itself ever larger.
  ///
  /// - Parameters:
  ///   - last: Where the factors from 1 on end, itself left out.
  ///   - step: How far one is from the next.
  func withZoomBlur(to last: Double, by step: Double) -> RGBImage {
    // As NumPy's arange has them: how many by one rounding, how far apart by another.
    let count = Int(((last - 1) / step).rounded(.up))
    let apart = 1 + step - 1
    var result = self
    for (channel, plane) in realPlanes.enumerated() {
      var plane = plane
      plane.roundToSingle()
      var sum = [Float](repeating: 0, count: width * height)
      for number in 0..<count {
        let layer = plane.zoomed(by: 1 + Double(number) * apart)
        for at in sum.indices { sum[at] += Float(layer.values[at]) }
      }
      for at in sum.indices {
        let mean = (Float(plane.values[at]) + sum[at]) / Float(count + 1)
        result.pixels[3 * at + channel] = UInt8(max(0, min(1, mean)) * 255)
      }
    }
    return result
  }
}

extension RealPlane {
  /// A blur along a line that starts at each pixel, of half a Gaussian's weights; places outside are
  /// the nearest inside.
  ///
  /// Source: ImageMagick's motion blur, as imagecorruptions restates it.
  func movedBy(radius: Int, deviation: Double, degrees: Double) -> RealPlane {
    let length = 2 * radius + 1
    let raw = (0..<length).map {
      exp(-Double($0 * $0) / (2 * deviation * deviation)) / ((2 * .pi).squareRoot() * deviation)
    }
    let sum = Self.pairwiseSum(raw[...])
    let angle = degrees * (.pi / 180)
    let (down, across) = (Double(length) * sin(angle), Double(length) * cos(angle))
    let far = hypot(down, across)
    let taps = raw.enumerated().map { at, weight in
      Tap(
        dx: Int((Double(at) * across / far - 0.5).rounded(.up)),
        dy: Int((Double(at) * down / far - 0.5).rounded(.up)), weight: weight / sum)
    }
    return weighed(taps, edge: .nearest)
  }

  /// The middle of the plane enlarged to its size, linearly.
  ///
  /// Source: SciPy's `zoom` of order 1, which maps first and last places onto each other.
  func zoomed(by factor: Double) -> RealPlane {
    let down = ZoomAxis(height, by: factor)
    let across = ZoomAxis(width, by: factor)
    var result = self
    for (y, row) in down.places.enumerated() {
      for (x, column) in across.places.enumerated() {
        guard let row, let column else {
          result.values[y * width + x] = 0
          continue
        }
        result.values[y * width + x] = Self.blended(row, column) { values[$0 * width + $1] }
      }
    }
    return result
  }
}

/// Where the positions of one enlarged axis lie in the axis itself.
private struct ZoomAxis {
  /// A last position that rounding puts behind the end is nil and counts as black, as it does in the
  /// source.
  var places: [RealPlane.Between?] = []

  init(_ count: Int, by factor: Double) {
    let cut = Int((Double(count) / factor).rounded(.up))
    let start = (count - cut) / 2
    let enlarged = max(count, Int((Double(cut) * factor).rounded(.toNearestOrEven)))
    let skipped = (enlarged - count) / 2
    let scale = enlarged > 1 ? Double(cut - 1) / Double(enlarged - 1) : 1
    for position in skipped..<skipped + count {
      let place = Double(position) * scale
      let whole = Int(place.rounded(.down))
      places.append(
        place > Double(cut - 1)
          ? nil
          : .init(
            first: start + min(whole, cut - 1), second: start + min(whole + 1, cut - 1),
            part: place - place.rounded(.down)))
    }
  }
}
