/// Layer normalisation of the last axis, the variance biased.
///
/// - in: x `[..., C]`, weight and bias `[C]`
/// - out: `[..., C]`
///
/// Source: Ba et al., Layer Normalization, 2016.
public func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
  let columns = x.shape.last ?? 1
  precondition(
    weight.elementCount == columns && bias.elementCount == columns,
    "layerNorm: weight \(weight.shape) and bias \(bias.shape) do not fit \(x.shape)")
  let rowCount = x.elementCount / columns
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    for row in range {
      Kernels.layerNorm(
        x.pointer + row * columns, weight: weight.pointer, bias: bias.pointer, epsilon: epsilon,
        into: out.pointer + row * columns, count: columns)
    }
  }
  return record(out, inputs: [x, weight, bias]) { gradient in
    let dx = Tensor(uninitialized: x.shape)
    let sums = RowBlocks.accumulate(rows: rowCount, columns: columns, width: 2 * columns) {
      range, sums in
      for row in range {
        let at = row * columns
        let (mean, reciprocal) = Kernels.moments(
          x.pointer + at, epsilon: epsilon, count: columns)
        Kernels.layerNormBackward(
          x.pointer + at, gradient: gradient.pointer + at, weight: weight.pointer, mean: mean,
          reciprocal: reciprocal, addend: nil, into: dx.pointer + at, weightGradient: sums,
          biasGradient: sums + columns, count: columns)
      }
    }
    return [dx] + split(sums, shape: weight.shape)
  }
}

/// Cuts `[2·C]` sums into two tensors of one shape.
func split(_ sums: Tensor, shape: [Int]) -> [Tensor?] {
  let half = sums.elementCount / 2
  return [0, half].map { at in
    let part = Tensor(uninitialized: shape)
    part.pointer.update(from: sums.pointer + at, count: half)
    return part
  }
}

/// The running mean and variance of a batch normalisation.
public final class RunningStatistics {
  /// Running mean, `[C]`; starts at 0.
  public let mean: Tensor
  /// Running variance (unbiased), `[C]`; starts at 1.
  public let variance: Tensor
  /// How many training batches were seen.
  public var batchCount = 0

  /// Statistics of `channelCount` channels.
  public init(channelCount: Int) {
    mean = Tensor(zeros: [channelCount])
    variance = Tensor(repeating: 1, shape: [channelCount])
  }
}

/// Batch normalisation over the rows of `[N, C]`.
///
/// Training uses the batch's mean and biased variance, and moves the running mean and the
/// running unbiased variance towards them by `momentum`. Evaluation uses the running ones.
///
/// - Precondition: in training, `N > 1`.
///
/// Source: Ioffe and Szegedy, Batch Normalization, 2015.
public func batchNorm(
  _ x: Tensor, weight: Tensor?, bias: Tensor?, statistics: RunningStatistics, training: Bool,
  epsilon: Float, momentum: Float
) -> Tensor {
  let (count, columns) = (x.shape[0], x.shape[1])
  precondition(!training || count > 1, "batchNorm in training needs more than one row")
  let mean: Tensor
  let reciprocal = Tensor(uninitialized: [columns])
  if training {
    mean = scaled(
      RowBlocks.columnSums(x.pointer, rows: count, columns: columns), by: 1 / Float(count))
    let squares = RowBlocks.accumulate(rows: count, columns: columns, width: columns) {
      range, sums in
      for row in range {
        for c in 0..<columns {
          let d = x.pointer[row * columns + c] - mean.pointer[c]
          sums[c] += d * d
        }
      }
    }
    for c in 0..<columns {
      let variance = squares.pointer[c] / Float(count)
      reciprocal.pointer[c] = 1 / (variance + epsilon).squareRoot()
      let unbiased = squares.pointer[c] / Float(count - 1)
      statistics.mean.pointer[c] += momentum * (mean.pointer[c] - statistics.mean.pointer[c])
      statistics.variance.pointer[c] += momentum * (unbiased - statistics.variance.pointer[c])
    }
    statistics.batchCount += 1
  } else {
    mean = statistics.mean.copied()
    for c in 0..<columns {
      reciprocal.pointer[c] = 1 / (statistics.variance.pointer[c] + epsilon).squareRoot()
    }
  }
  let normalized = Tensor(uninitialized: x.shape)
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: count, columns: columns) { range in
    for row in range {
      for c in 0..<columns {
        let at = row * columns + c
        let value = (x.pointer[at] - mean.pointer[c]) * reciprocal.pointer[c]
        normalized.pointer[at] = value
        out.pointer[at] = value * (weight?.pointer[c] ?? 1) + (bias?.pointer[c] ?? 0)
      }
    }
  }
  let affine = [weight, bias].compactMap { $0 }
  return record(out, inputs: [x] + affine) { gradient in
    // With ĝ = w·g: dx = r·(ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)); in evaluation the means drop out.
    let sums = RowBlocks.accumulate(rows: count, columns: columns, width: 2 * columns) {
      range, sums in
      for row in range {
        for c in 0..<columns {
          let g = gradient.pointer[row * columns + c]
          sums[c] += g * normalized.pointer[row * columns + c]
          sums[columns + c] += g
        }
      }
    }
    let dx = Tensor(uninitialized: x.shape)
    let share: Float = training ? 1 / Float(count) : 0
    RowBlocks.forEach(rows: count, columns: columns) { range in
      for row in range {
        for c in 0..<columns {
          let at = row * columns + c
          let centered =
            gradient.pointer[at] - share * sums.pointer[columns + c]
            - normalized.pointer[at] * share * sums.pointer[c]
          dx.pointer[at] = centered * reciprocal.pointer[c] * (weight?.pointer[c] ?? 1)
        }
      }
    }
    let parts = split(sums, shape: [columns])
    return [dx] + (weight == nil ? [] : [parts[0]]) + (bias == nil ? [] : [parts[1]])
  }
}

/// Rows of the last axis divided by max(‖row‖₂, ε).
public func l2Normalized(_ x: Tensor, epsilon: Float = 1e-12) -> Tensor {
  let columns = x.shape.last ?? 1
  let rowCount = x.elementCount / max(1, columns)
  let out = Tensor(uninitialized: x.shape)
  let norms = Tensor(uninitialized: [rowCount])
  for row in 0..<rowCount {
    let at = x.pointer + row * columns
    norms.pointer[row] = max(Kernels.dot(at, at, count: columns).squareRoot(), epsilon)
    Kernels.scale(at, by: 1 / norms.pointer[row], into: out.pointer + row * columns, count: columns)
  }
  return record(out, inputs: [x]) { [unit = out.detached()] gradient in
    // dx = (g − u·Σ u·g) / ‖x‖; below ε the norm is a constant and only g / ε remains.
    let dx = Tensor(uninitialized: x.shape)
    for row in 0..<rowCount {
      let u = unit.pointer + row * columns
      let g = gradient.pointer + row * columns
      let inner = norms.pointer[row] > epsilon ? Kernels.dot(u, g, count: columns) : 0
      for c in 0..<columns {
        dx.pointer[row * columns + c] = (g[c] - u[c] * inner) / norms.pointer[row]
      }
    }
    return [dx]
  }
}
