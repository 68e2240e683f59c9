import CVector
import VectorMath

// The one-dimensional transforms of F(4, 3): four outputs of a filter of three taps from six
// inputs with six products. The interpolation points are 0, ±√½, ±√2 and ∞. Against the usual
// 0, ±1, ±2, ∞ they cut the largest error of a 512-channel convolution to a third: 2.5·10⁻⁶ of the
// largest output, where summing the nine taps directly gives 3.5·10⁻⁷.
//
//     y = Aᵀ [(G w) ⊙ (Bᵀ x)],   two dimensions: along the columns, then along the rows
//
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016; points after
// Alam et al., Winograd Convolution for Deep Neural Networks: Efficient Point Selection, 2022.

private let rootHalf: Float = 0.707_106_781
private let rootTwo: Float = 1.414_213_56

/// Six vectors, one a interpolation point: 0, √½, −√½, √2, −√2, ∞.
typealias WinogradPoints = (
  SIMD16<Float>, SIMD16<Float>, SIMD16<Float>, SIMD16<Float>, SIMD16<Float>, SIMD16<Float>
)

/// Bᵀ x: six inputs to six points.
@inline(__always)
private func inputPoints(_ d: WinogradPoints) -> WinogradPoints {
  let evenA = cv_fma(splat(-2), d.2, d.4)
  let oddA = cv_fma(splat(-2), d.1, d.3) * splat(rootHalf)
  let evenB = cv_fma(splat(-0.5), d.2, d.4)
  let oddB = cv_fma(splat(-0.5), d.1, d.3) * splat(rootTwo)
  return (
    cv_fma(splat(-2.5), d.2, d.0) + d.4, evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB,
    cv_fma(splat(-2.5), d.3, d.1) + d.5
  )
}

/// Aᵀ m: six points to four outputs.
@inline(__always)
private func outputs(
  _ m: WinogradPoints
) -> (SIMD16<Float>, SIMD16<Float>, SIMD16<Float>, SIMD16<Float>) {
  let evenA = m.1 + m.2
  let oddA = (m.1 - m.2) * splat(rootHalf)
  let evenB = m.3 + m.4
  let oddB = (m.3 - m.4) * splat(rootTwo)
  return (
    m.0 + evenA + evenB, oddA + oddB, cv_fma(splat(2), evenB, splat(0.5) * evenA),
    cv_fma(splat(2), oddB, cv_fma(splat(0.5), oddA, m.5))
  )
}

/// A y: the gradients of four outputs to those of six points.
@inline(__always)
private func gradientPoints(
  _ y0: SIMD16<Float>, _ y1: SIMD16<Float>, _ y2: SIMD16<Float>, _ y3: SIMD16<Float>
) -> WinogradPoints {
  let evenA = cv_fma(splat(0.5), y2, y0)
  let oddA = cv_fma(splat(0.5), y3, y1) * splat(rootHalf)
  let evenB = cv_fma(splat(2), y2, y0)
  let oddB = cv_fma(splat(2), y3, y1) * splat(rootTwo)
  return (y0, evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, y3)
}

/// G w: three taps to six points.
@inline(__always)
private func weightPoints(
  _ w0: SIMD16<Float>, _ w1: SIMD16<Float>, _ w2: SIMD16<Float>
) -> WinogradPoints {
  let evenA = cv_fma(splat(0.5), w2, w0) * splat(-2 / 3)
  let oddA = w1 * splat(-2 / 3 * rootHalf)
  let evenB = cv_fma(splat(2), w2, w0) * splat(1 / 6)
  let oddB = w1 * splat(rootTwo / 6)
  return (w0, evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, w2)
}

/// Gᵀ s: the gradients of six points to those of three taps.
@inline(__always)
private func weightGradients(
  _ s: WinogradPoints
) -> (SIMD16<Float>, SIMD16<Float>, SIMD16<Float>) {
  let evenA = (s.1 + s.2) * splat(-2 / 3)
  let oddA = (s.1 - s.2) * splat(-2 / 3 * rootHalf)
  let evenB = (s.3 + s.4) * splat(1 / 6)
  let oddB = (s.3 - s.4) * splat(rootTwo / 6)
  return (
    s.0 + evenA + evenB, oddA + oddB, cv_fma(splat(2), evenB, cv_fma(splat(0.5), evenA, s.5))
  )
}

@inline(__always)
private func load6(_ p: UnsafePointer<Float>, _ stride: Int) -> WinogradPoints {
  (
    cv_load(p), cv_load(p + stride), cv_load(p + 2 * stride), cv_load(p + 3 * stride),
    cv_load(p + 4 * stride), cv_load(p + 5 * stride)
  )
}

@inline(__always)
private func store6(_ p: UnsafeMutablePointer<Float>, _ stride: Int, _ v: WinogradPoints) {
  cv_store(p, v.0)
  cv_store(p + stride, v.1)
  cv_store(p + 2 * stride, v.2)
  cv_store(p + 3 * stride, v.3)
  cv_store(p + 4 * stride, v.4)
  cv_store(p + 5 * stride, v.5)
}

@inline(__always)
private func store4(
  _ p: UnsafeMutablePointer<Float>, _ stride: Int,
  _ v: (SIMD16<Float>, SIMD16<Float>, SIMD16<Float>, SIMD16<Float>)
) {
  cv_store(p, v.0)
  cv_store(p + stride, v.1)
  cv_store(p + 2 * stride, v.2)
  cv_store(p + 3 * stride, v.3)
}

@inline(__always)
private func store3(
  _ p: UnsafeMutablePointer<Float>, _ stride: Int,
  _ v: (SIMD16<Float>, SIMD16<Float>, SIMD16<Float>)
) {
  cv_store(p, v.0)
  cv_store(p + stride, v.1)
  cv_store(p + 2 * stride, v.2)
}

/// The two-dimensional transforms, one panel of 32 channels of several tiles a call.
///
/// Point (i, j) of tile t is the 32 floats at `(6·i + j) · stride + 32 · t`.
enum WinogradTransforms {
  /// Bᵀ x B of 6x6 patches.
  ///
  /// - Parameters:
  ///   - pixels: 36 pointers a tile, row by row.
  ///   - offset: Where in each pixel the panel starts.
  static func input(
    _ pixels: UnsafePointer<UnsafePointer<Float>>, tiles: Int, offset: Int,
    into points: UnsafeMutablePointer<Float>, stride: Int
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 36 * 16) { buffer in
      guard let half = buffer.baseAddress else { return }
      for vector in 0..<2 * tiles {
        let at = offset + 16 * (vector & 1)
        for row in 0..<6 {
          let p = pixels + 36 * (vector >> 1) + 6 * row
          let d = (
            cv_load(p[0] + at), cv_load(p[1] + at), cv_load(p[2] + at), cv_load(p[3] + at),
            cv_load(p[4] + at), cv_load(p[5] + at)
          )
          store6(half + 96 * row, 16, inputPoints(d))
        }
        let out = points + 16 * vector
        for column in 0..<6 {
          store6(out + column * stride, 6 * stride, inputPoints(load6(half + 16 * column, 96)))
        }
      }
    }
  }

  /// A y Aᵀ of the gradients of 4x4 outputs; arguments as for `input`, with 16 pointers a tile.
  static func gradient(
    _ pixels: UnsafePointer<UnsafePointer<Float>>, tiles: Int, offset: Int,
    into points: UnsafeMutablePointer<Float>, stride: Int
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 24 * 16) { buffer in
      guard let half = buffer.baseAddress else { return }
      for vector in 0..<2 * tiles {
        let at = offset + 16 * (vector & 1)
        for row in 0..<4 {
          let p = pixels + 16 * (vector >> 1) + 4 * row
          let rowPoints = gradientPoints(
            cv_load(p[0] + at), cv_load(p[1] + at), cv_load(p[2] + at), cv_load(p[3] + at))
          store6(half + 96 * row, 16, rowPoints)
        }
        let out = points + 16 * vector
        for column in 0..<6 {
          let p = half + 16 * column
          let columnPoints = gradientPoints(
            cv_load(p), cv_load(p + 96), cv_load(p + 192), cv_load(p + 288))
          store6(out + column * stride, 6 * stride, columnPoints)
        }
      }
    }
  }

  /// Aᵀ m A of tiles, plus a bias, cut at `floor` (−∞, or 0 for a rectifier).
  ///
  /// - Parameters:
  ///   - pixels: 16 pointers a tile to the outputs.
  ///   - bias: The panel's 32 numbers.
  static func output(
    _ points: UnsafePointer<Float>, stride: Int, tiles: Int, bias: UnsafePointer<Float>,
    floor: Float, into pixels: UnsafePointer<UnsafeMutablePointer<Float>>, offset: Int
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 24 * 16) { buffer in
      guard let half = buffer.baseAddress else { return }
      let least = splat(floor)
      for vector in 0..<2 * tiles {
        let shift = cv_load(bias + 16 * (vector & 1))
        for row in 0..<6 {
          let y = outputs(load6(points + 16 * vector + 6 * row * stride, stride))
          store4(half + 64 * row, 16, y)
        }
        let at = offset + 16 * (vector & 1)
        let p = pixels + 16 * (vector >> 1)
        for column in 0..<4 {
          let y = outputs(load6(half + 16 * column, 64))
          cv_store(p[column] + at, cv_max(y.0 + shift, least))
          cv_store(p[4 + column] + at, cv_max(y.1 + shift, least))
          cv_store(p[8 + column] + at, cv_max(y.2 + shift, least))
          cv_store(p[12 + column] + at, cv_max(y.3 + shift, least))
        }
      }
    }
  }

  /// Row `row` of G w Gᵀ for a panel of 32 output channels and consecutive input channels.
  ///
  /// - Parameters:
  ///   - weights: `[count, 9, 32]`.
  ///   - points: Receives `[6, count, 32]`.
  static func weight(
    _ weights: UnsafePointer<Float>, row: Int, count: Int,
    into points: UnsafeMutablePointer<Float>
  ) {
    let third: Float = -2 / 3
    let (c0, c1, c2): (Float, Float, Float)
    switch row {
    case 0: (c0, c1, c2) = (1, 0, 0)
    case 1: (c0, c1, c2) = (third, third * rootHalf, third / 2)
    case 2: (c0, c1, c2) = (third, -third * rootHalf, third / 2)
    case 3: (c0, c1, c2) = (1 / 6, rootTwo / 6, 1 / 3)
    case 4: (c0, c1, c2) = (1 / 6, -rootTwo / 6, 1 / 3)
    default: (c0, c1, c2) = (0, 0, 1)
    }
    let (v0, v1, v2) = (splat(c0), splat(c1), splat(c2))
    for k in 0..<count {
      for half in 0..<2 {
        let p = weights + k * 288 + 16 * half
        let h0 = cv_fma(v2, cv_load(p + 192), cv_fma(v1, cv_load(p + 96), v0 * cv_load(p)))
        let h1 = cv_fma(v2, cv_load(p + 224), cv_fma(v1, cv_load(p + 128), v0 * cv_load(p + 32)))
        let h2 = cv_fma(v2, cv_load(p + 256), cv_fma(v1, cv_load(p + 160), v0 * cv_load(p + 64)))
        store6(points + k * 32 + 16 * half, count * 32, weightPoints(h0, h1, h2))
      }
    }
  }

  /// Gᵀ s G of a panel of 32 input channels and one output channel.
  ///
  /// - Parameters:
  ///   - points: 32 floats at each of 36 multiples of `stride`.
  ///   - taps: Receives `[9, 32]`.
  static func weightGradient(
    _ points: UnsafePointer<Float>, stride: Int, into taps: UnsafeMutablePointer<Float>
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 18 * 16) { buffer in
      guard let half = buffer.baseAddress else { return }
      for vector in 0..<2 {
        for row in 0..<6 {
          let w = weightGradients(load6(points + 16 * vector + 6 * row * stride, stride))
          store3(half + 48 * row, 16, w)
        }
        for column in 0..<3 {
          let w = weightGradients(load6(half + 16 * column, 48))
          store3(taps + 32 * column + 16 * vector, 96, w)
        }
      }
    }
  }
}
