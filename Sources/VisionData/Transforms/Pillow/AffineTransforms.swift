import Foundation

/// Where the pixel at (x, y) of an output image comes from:
/// `(a · x + b · y + c, d · x + e · y + f)`, measured from the corner of the first pixel.
public struct AffineMap: Sendable, Equatable {
  /// The source column is `a · x + b · y + c`.
  public var a, b, c: Double
  /// The source row is `d · x + e · y + f`.
  public var d, e, f: Double

  /// A map by its six coefficients, row by row.
  public init(_ a: Double, _ b: Double, _ c: Double, _ d: Double, _ e: Double, _ f: Double) {
    (self.a, self.b, self.c) = (a, b, c)
    (self.d, self.e, self.f) = (d, e, f)
  }
}

/// Red, green and blue of the places that a transform leaves empty.
public typealias FillColor = SIMD3<UInt8>

extension RGBImage {
  /// Every pixel taken from where `map` says, by bicubic interpolation (a = −1) of its 4x4
  /// neighbours, edges repeated; places from outside the image get `fill`.
  ///
  /// Equal to the usual Python imaging library's to the last bit, which cuts values off instead of
  /// rounding them.
  public func transformed(by map: AffineMap, fill: FillColor) -> RGBImage {
    var result = RGBImage(
      width: width, height: height, red: fill.x, green: fill.y, blue: fill.z)
    result.pixels.withUnsafeMutableBufferPointer { out in
      pixels.withUnsafeBufferPointer { source in
        guard let out = out.baseAddress, let source = source.baseAddress else { return }
        warp(source, width: width, height: height, by: map, into: out)
      }
    }
    return result
  }

  /// Turned counterclockwise about the centre; the size stays.
  public func rotated(degrees: Double, fill: FillColor) -> RGBImage {
    let rest = degrees.truncatingRemainder(dividingBy: 360)
    let degrees = rest < 0 ? rest + 360 : rest
    // Quarter turns are exact in the reference too.
    if degrees == 0 { return self }
    if degrees == 180 { return turned { (width - 1 - $0, height - 1 - $1) } }
    if degrees == 90, width == height { return turned { (width - 1 - $1, $0) } }
    if degrees == 270, width == height { return turned { ($1, height - 1 - $0) } }
    let angle = -(degrees * (.pi / 180))
    let (cosine, sine) = (Self.rounded(cos(angle)), Self.rounded(sin(angle)))
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    return transformed(
      by: AffineMap(
        cosine, sine, (cosine * -x + sine * -y) + x, -sine, cosine, (-sine * -x + cosine * -y) + y),
      fill: fill)
  }

  /// Rows shifted by `factor` columns a row.
  public func shearedHorizontally(by factor: Double, fill: FillColor) -> RGBImage {
    transformed(by: AffineMap(1, factor, 0, 0, 1, 0), fill: fill)
  }

  /// Columns shifted by `factor` rows a column.
  public func shearedVertically(by factor: Double, fill: FillColor) -> RGBImage {
    transformed(by: AffineMap(1, 0, 0, factor, 1, 0), fill: fill)
  }

  /// Moved to the left by `x` and up by `y` pixels.
  public func translated(x: Double, y: Double, fill: FillColor) -> RGBImage {
    transformed(by: AffineMap(1, 0, x, 0, 1, y), fill: fill)
  }

  private func turned(_ source: (_ x: Int, _ y: Int) -> (x: Int, y: Int)) -> RGBImage {
    var result = self
    for y in 0..<height {
      for x in 0..<width {
        let from = source(x, y)
        for channel in 0..<3 {
          result.pixels[(y * width + x) * 3 + channel] =
            pixels[(from.y * width + from.x) * 3 + channel]
        }
      }
    }
    return result
  }

  /// To 15 decimals, correctly rounded: the reference does it so that right angles are exact.
  private static func rounded(_ value: Double) -> Double {
    Double(String(format: "%.15f", value)) ?? value
  }
}

/// One step of cubic interpolation, in the reference's order of operations.
@inline(__always)
private func cubic(
  _ v1: SIMD4<Double>, _ v2: SIMD4<Double>, _ v3: SIMD4<Double>, _ v4: SIMD4<Double>, _ d: Double
) -> SIMD4<Double> {
  let p2 = v3 - v1
  let p3 = 2 * (v1 - v2) + v3 - v4
  let p4 = v2 - v1 - v3 + v4
  return v2 + d * (p2 + d * (p3 + d * p4))
}

private func warp(
  _ source: UnsafePointer<UInt8>, width: Int, height: Int, by map: AffineMap,
  into out: UnsafeMutablePointer<UInt8>
) {
  @inline(__always)
  func pixel(_ at: UnsafePointer<UInt8>) -> SIMD4<Double> {
    SIMD4(Double(at[0]), Double(at[1]), Double(at[2]), 0)
  }
  let (lastX, lastY) = (width - 1, height - 1)
  let (wide, high) = (Double(width), Double(height))
  for row in 0..<height {
    for column in 0..<width {
      let (px, py) = (Double(column) + 0.5, Double(row) + 0.5)
      let x = map.a * px + map.b * py + map.c
      let y = map.d * px + map.e * py + map.f
      guard x >= 0, x < wide, y >= 0, y < high else { continue }
      let (left, top) = ((x - 0.5).rounded(.down), (y - 0.5).rounded(.down))
      let (dx, dy) = (x - 0.5 - left, y - 0.5 - top)
      let (x1, y1) = (Int(left), Int(top))
      let x0 = max(0, x1 &- 1) &* 3
      let xs = (x0, max(0, x1) &* 3, min(lastX, x1 &+ 1) &* 3, min(lastX, x1 &+ 2) &* 3)
      @inline(__always)
      func line(_ y: Int) -> SIMD4<Double> {
        let row = source + max(0, min(lastY, y)) &* width &* 3
        return cubic(pixel(row + xs.0), pixel(row + xs.1), pixel(row + xs.2), pixel(row + xs.3), dx)
      }
      let value = cubic(line(y1 &- 1), line(y1), line(y1 &+ 1), line(y1 &+ 2), dy)
      let target = out + (row &* width &+ column) &* 3
      target[0] = UInt8(max(0, min(255, value.x)))
      target[1] = UInt8(max(0, min(255, value.y)))
      target[2] = UInt8(max(0, min(255, value.z)))
    }
  }
}
