import CounterRandom
import Threads

/// One factor an image for a residual branch: 0 with probability `rate`, else 1 / (1 − rate).
///
/// Returns nil where nothing is dropped.
///
/// Source: Huang et al., Deep Networks with Stochastic Depth, 2016.
public func dropPathFactors(
  batchSize: Int, rate: Float, stream: inout RandomStream
) -> [Float]? {
  guard rate > 0 else { return nil }
  let keep = 1 - rate
  return (0..<batchSize).map { _ in (keep + stream.uniform()) >= 1 ? 1 / keep : 0 }
}

/// The rows of the first axis times one factor each; nil leaves them as they are.
public func scaledRows(_ x: Tensor, by factors: [Float]?) -> Tensor {
  guard let factors else { return x }
  precondition(factors.count == x.shape[0], "\(factors.count) factors for \(x.shape)")
  let width = x.elementCount / max(1, x.shape[0])
  func times(_ x: Tensor) -> Tensor {
    let out = Tensor(uninitialized: x.shape)
    ThreadPool.shared.forEach(factors.count) { row in
      Kernels.scale(
        x.pointer + row * width, by: factors[row], into: out.pointer + row * width, count: width)
    }
    return out
  }
  return record(times(x), inputs: [x]) { [times($0)] }
}

/// Drops whole residual branches, one draw an image.
public func dropPath(_ x: Tensor, rate: Float, stream: inout RandomStream) -> Tensor {
  scaledRows(x, by: dropPathFactors(batchSize: x.shape[0], rate: rate, stream: &stream))
}

/// Sets elements to 0 with probability `rate` and divides the others by 1 − rate.
///
/// Source: Srivastava et al., Dropout, 2014.
public func dropout(_ x: Tensor, rate: Float, stream: inout RandomStream) -> Tensor {
  guard rate > 0 else { return x }
  let mask = Tensor(uninitialized: x.shape)
  let kept = 1 / (1 - rate)
  for i in 0..<mask.elementCount { mask.pointer[i] = stream.uniform() < rate ? 0 : kept }
  return multiply(x, mask)
}
