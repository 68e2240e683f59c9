import Foundation
import Threads

/// Runs `body` on consecutive ranges of 0..<count, shared out to the pool.
public func forEachBlock(_ count: Int, _ body: (Range<Int>) -> Void) {
  RowBlocks.forEach(rows: count, columns: 1, body)
}

/// The sum of `body` over consecutive ranges of 0..<count, shared out to the pool and added up in
/// order.
public func blockSum(_ count: Int, _ body: (Range<Int>) -> Double) -> Double {
  let size = RowBlocks.size(columns: 1)
  return threadMap((count + size - 1) / size) { block in
    body(block * size..<min(count, (block + 1) * size))
  }.reduce(0, +)
}

/// Σ x² in a fixed order.
public func sumOfSquares(_ x: Tensor) -> Float {
  RowBlocks.accumulate(rows: x.elementCount, columns: 1, width: 1) { range, sums in
    let at = x.pointer + range.lowerBound
    sums[0] += Kernels.dot(at, at, count: range.count)
  }.item
}

/// x ← factor · x, in place; for gradients and optimisers, never for recorded tensors.
public func scaleInPlace(_ x: Tensor, by factor: Float) {
  let start = x.mutablePointer
  RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
    let at = start + range.lowerBound
    Kernels.scale(at, by: factor, into: at, count: range.count)
  }
}

/// total ← total + x, in place; for gradients, never for recorded tensors.
func addInPlace(_ x: Tensor, to total: Tensor) {
  precondition(x.elementCount == total.elementCount, "\(x.shape) and \(total.shape) differ")
  let start = total.mutablePointer
  RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
    let at = start + range.lowerBound
    Kernels.add(at, x.pointer + range.lowerBound, into: at, count: range.count)
  }
}

/// target ← momentum · target + (1 − momentum) · source, in place: a moving average of weights.
///
/// The share of the source is formed in double precision: near 1 a single-precision momentum
/// leaves it no digits.
public func moveAverage(_ target: Tensor, towards source: Tensor, momentum: Double) {
  precondition(target.shape == source.shape, "\(target.shape) and \(source.shape) differ")
  let share = Float(1 - momentum)
  let start = target.mutablePointer
  RowBlocks.forEach(rows: target.elementCount, columns: 1) { range in
    let at = start + range.lowerBound
    // t + (1−m)(s − t) keeps equal tensors equal to the last bit.
    let from = source.pointer + range.lowerBound
    for i in 0..<range.count { at[i] += share * (from[i] - at[i]) }
  }
}

/// total ← total + 1 / (1 + e⁻ˣ), in place, with the C library's exponential.
public func addSigmoid(_ x: Tensor, to total: Tensor) {
  precondition(total.elementCount == x.elementCount, "\(total.shape) and \(x.shape) differ")
  let sums = total.mutablePointer
  for i in 0..<x.elementCount { sums[i] += 1 / (1 + exp(-x.pointer[i])) }
}
