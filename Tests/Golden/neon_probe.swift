// The kernels on made-up numbers, each answer as a hash of its bits. Compiled by neon.sh without the
// package, for a processor that this machine may not have: nothing here may need Foundation.

import CProduct
import CVector
import VectorMath

/// A 64-bit FNV-1a hash of the bits of numbers.
private func hash(_ values: [Float]) -> UInt64 {
  var hash: UInt64 = 0xCBF2_9CE4_8422_2325
  for value in values {
    for shift in stride(from: UInt32(0), to: 32, by: 8) {
      hash = (hash ^ UInt64(value.bitPattern >> shift & 0xFF)) &* 0x100_0000_01B3
    }
  }
  return hash
}

/// Numbers between −scale and scale, most of them with all bits of their fraction in use.
private func numbers(_ count: Int, seed: UInt64, scale: Float = 3) -> [Float] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return scale * (Float(state >> 40) / 8_388_608 - 1)
  }
}

private func withPointer(_ values: [Float], _ body: (UnsafePointer<Float>) -> Void) {
  values.withUnsafeBufferPointer { $0.baseAddress.map(body) }
}

/// Prints a line without Foundation.
private func report(_ name: StaticString, _ values: [Float]) {
  var finite = 0
  for value in values where value.isFinite { finite += 1 }
  // A kernel that gives nothing but NaN would agree everywhere.
  precondition(finite == values.count, "numbers that are not finite")
  print("\(name) \(values.count) \(hash(values))")
}

private func vectorFunctions() {
  let count = 1 << 16
  let x = numbers(count, seed: 1, scale: 40)
  func all(_ body: (SIMD16<Float>) -> SIMD16<Float>) -> [Float] {
    var out = [Float](repeating: 0, count: count)
    withPointer(x) { x in
      out.withUnsafeMutableBufferPointer { buffer in
        guard let out = buffer.baseAddress else { return }
        for at in stride(from: 0, to: count, by: 16) { cv_store(out + at, body(cv_load(x + at))) }
      }
    }
    return out
  }
  report("exponential", all(exponential))
  report("errorFunction", all { errorFunction($0 * splat(0.1)) })
  report("gaussianErrorLinear", all { gaussianErrorLinear($0 * splat(0.1)) })
  report("gaussianErrorLinearDerivative", all { gaussianErrorLinearDerivative($0 * splat(0.1)) })
}

private func elementwise() {
  for count in [7, 96, 1003] {
    let (a, b) = (numbers(count, seed: 2), numbers(count, seed: 3))
    var out = [Float](repeating: 0, count: count)
    Kernels.add(a, b, into: &out, count: count)
    report("add", out)
    Kernels.multiply(a, b, into: &out, count: count)
    report("multiply", out)
    Kernels.addScaled(a, by: 0.3, into: &out, count: count)
    report("addScaled", out)
    Kernels.residual(a, b, bias: a, factor: 1.25, into: &out, count: count)
    report("residual", out)
    report(
      "reductions",
      [
        Kernels.dot(a, b, count: count), Kernels.sum(a, count: count),
        Kernels.maximum(a, count: count),
      ])
    Kernels.gelu(a, into: &out, count: count)
    report("gelu", out)
    Kernels.geluBackward(a, b, into: &out, count: count)
    report("geluBackward", out)
    var row = a
    Kernels.softmax(&row, count: count)
    report("softmax", row)
    var (weights, biases) = (
      [Float](repeating: 0, count: count), [Float](repeating: 0, count: count)
    )
    let (mean, reciprocal) = Kernels.layerNorm(
      a, weight: b, bias: a, epsilon: 1e-5, into: &out, count: count)
    report("layerNorm", out + [mean, reciprocal])
    Kernels.layerNormBackward(
      a, gradient: b, weight: a, mean: mean, reciprocal: reciprocal, addend: nil, into: &out,
      weightGradient: &weights, biasGradient: &biases, count: count)
    report("layerNormBackward", out + weights + biases)
  }
}

private func attention() {
  // A window's 49 columns, and those that fill the last vector.
  let (rows, length) = (49, 64)
  var scores = numbers(rows * length, seed: 4)
  var (bias, other) = (numbers(rows * length, seed: 5), numbers(rows * length, seed: 6))
  for at in bias.indices where at % length >= 49 { (bias[at], other[at]) = (-.infinity, 0) }
  Kernels.maskedSoftmax(
    &scores, scale: 0.177, bias: bias, biasStride: length, mask: other, rows: rows,
    rowLength: length)
  report("maskedSoftmax", scores)
  var gradient = other
  var sums = [Float](repeating: 0, count: rows * length)
  Kernels.softmaxBackward(
    scores, &gradient, addingTo: &sums, scale: 0.177, rows: rows, rowLength: length)
  report("softmaxBackward", gradient + sums)
}

private func winograd() {
  let weights = numbers(16 * 9 * 32, seed: 7)
  var points = [Float](repeating: 0, count: 6 * 16 * 32)
  for row in 0..<6 {
    WinogradTransforms.weight(weights, row: row, count: 16, into: &points)
    report("winograd weight", points)
  }
  // Two tiles of 6 x 6 pixels of 32 channels.
  var grid = [Float](repeating: 0, count: 36 * 64)
  var pixels = numbers(72 * 32, seed: 15)
  withPointer(pixels) { pixels in
    let places = (0..<72).map { pixels + 32 * $0 }
    WinogradTransforms.input(places, tiles: 2, offset: 0, into: &grid, stride: 64)
    report("winograd input", grid)
    WinogradTransforms.gradient(places, tiles: 2, offset: 0, into: &grid, stride: 64)
    report("winograd gradient", grid)
  }
  pixels.withUnsafeMutableBufferPointer { pixels in
    guard let first = pixels.baseAddress else { return }
    let places = (0..<72).map { first + 32 * $0 }
    WinogradTransforms.output(
      grid, stride: 64, tiles: 2, bias: weights, floor: -1, into: places, offset: 0)
  }
  report("winograd output", pixels)
  var taps = [Float](repeating: 0, count: 9 * 32)
  WinogradTransforms.weightGradient(grid, stride: 64, into: &taps)
  report("winograd weight gradient", taps)
}

/// Products of every height of the tile, with sides that do not divide by anything.
private func products() {
  for (rows, columns, depth) in [(1, 1, 1), (13, 33, 7), (28, 64, 96), (97, 201, 385)] {
    let (a, b) = (numbers(rows * depth, seed: 9), numbers(columns * depth, seed: 10))
    let panelCount = (columns + 31) / 32
    var panels = [Float](repeating: 0, count: panelCount * depth * 32)
    var c = numbers(rows * columns, seed: 11)
    cp_pack_rows(columns, depth, b, depth, &panels)
    report("packed rows", panels)
    for accumulate in [Int32(0), 1] {
      cp_multiply(
        rows, columns, depth, a, depth, 1, panels, 32, depth * 32, &c, columns, accumulate)
      report("product", c)
    }
    cp_pack_columns(columns, depth, b, columns, &panels)
    cp_multiply(rows, columns, depth, a, 1, rows, panels, 32, depth * 32, &c, columns, 0)
    report("product of a transpose", c)
  }
  let (a, b) = (numbers(8 * 64, seed: 12), numbers(2 * 32 * 32, seed: 13))
  var c = numbers(8 * 32, seed: 14)
  // What the next tile would read and write is only asked for.
  let next = c
  cv_product_8x32(a, 64, 1, 32, b, 32 * 32, 32, 2, &c, 1, a, 1, next)
  report("product 8 x 32", c)
}

@main
struct NeonProbe {
  static func main() {
    vectorFunctions()
    elementwise()
    attention()
    winograd()
    products()
  }
}
