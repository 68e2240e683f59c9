import CVector
import VectorMath

/// The running mean and variance of a batch normalisation.
public final class RunningStatistics {
  /// Running mean, `[C]`; starts at 0.
  public let mean: Tensor
  /// Running variance (unbiased), `[C]`; starts at 1.
  public let variance: Tensor
  /// How many training batches were seen, one number: what fills a network's tensors fills it, too.
  public let tracked = Tensor(zeros: [])

  /// How many training batches were seen.
  public var batchCount: Int {
    get { Int(exactly: tracked.item) ?? 0 }
    set { tracked.assign([Float(newValue)]) }
  }

  /// Statistics of `channelCount` channels.
  public init(channelCount: Int) {
    mean = Tensor(zeros: [channelCount])
    variance = Tensor(repeating: 1, shape: [channelCount])
  }
}

/// Batch normalisation over all leading axes of `[..., C]`, optionally followed by a rectifier.
///
/// Training uses the batch's mean and biased variance, and moves the running mean and the
/// running unbiased variance towards them by `momentum`. Evaluation uses the running ones. Inside of
/// a `Lockstep` the batch is that of all groups: count, statistics and gradients.
///
/// - Parameter rectified: Whether negative outputs become 0.
/// - Precondition: in training, more than one row.
/// - Complexity: keeps no copy for the gradient beside its input (and output, when rectified).
///
/// Source: Ioffe and Szegedy, Batch Normalization, 2015.
public func batchNorm(
  _ x: Tensor, weight: Tensor?, bias: Tensor?, statistics: RunningStatistics, training: Bool,
  epsilon: Float, momentum: Float, rectified: Bool = false
) -> Tensor {
  let columns = x.shape.last ?? 1
  let rowCount = x.elementCount / max(1, columns)
  precondition(
    statistics.mean.elementCount == columns,
    "batchNorm: statistics of \(statistics.mean.elementCount) channels for \(x.shape)")
  let meeting = training ? Lockstep.current : nil
  var batchRows = rowCount
  let moments = BatchMoments(columns: columns)
  if training {
    batchRows = moments.measure(
      x, rowCount: rowCount, epsilon: epsilon, moving: statistics, by: momentum, with: meeting)
  } else {
    moments.mean.pointer.update(from: statistics.mean.pointer, count: columns)
    for c in 0..<columns {
      moments.reciprocal.pointer[c] = 1 / (statistics.variance.pointer[c] + epsilon).squareRoot()
    }
  }
  let scale = Tensor(uninitialized: [columns])
  let shift = Tensor(zeros: [columns])
  for c in 0..<columns {
    scale.pointer[c] = moments.reciprocal.pointer[c] * (weight?.pointer[c] ?? 1)
    if let bias { shift.pointer[c] = bias.pointer[c] }
  }
  let out = Tensor(uninitialized: x.shape)
  RowBlocks.forEach(rows: rowCount, columns: columns) { range in
    let at = range.lowerBound * columns
    normalizeRows(
      x.pointer + at, mean: moments.mean.pointer, scale: scale.pointer, shift: shift.pointer,
      floor: rectified ? 0 : -.infinity, into: out.pointer + at, rows: range.count,
      columns: columns)
  }
  let affine = [weight, bias].compactMap { $0 }
  return record(out, inputs: [x] + affine) {
    [kept = rectified ? out.detached() : nil, batchRows] gradient in
    let dy = kept.map { rectifierGradient(gradient, output: $0) } ?? gradient
    // With x̂ = r·(x − mean): dx = w·r·(g − mean(g) − x̂·mean(g·x̂)); in evaluation the means drop
    // out.
    let sums = RowBlocks.accumulate(rows: rowCount, columns: columns, width: 2 * columns) {
      range, sums in
      let at = range.lowerBound * columns
      accumulateGradients(
        x.pointer + at, dy.pointer + at, mean: moments.mean.pointer, sums: sums,
        rows: range.count, columns: columns)
    }
    for c in 0..<columns { sums.pointer[c] *= moments.reciprocal.pointer[c] }
    // Gain and offset get this group's part; the input's gradient depends on all of them.
    let whole = meeting.map { Tensor($0.sum(sums.values), shape: sums.shape) } ?? sums
    let meanGradient = Tensor(zeros: [columns])
    let slope = Tensor(zeros: [columns])
    if training {
      for c in 0..<columns {
        meanGradient.pointer[c] = whole.pointer[columns + c] / Float(batchRows)
        slope.pointer[c] = -moments.reciprocal.pointer[c] * whole.pointer[c] / Float(batchRows)
      }
    }
    var dx: Tensor?
    if x.wantsGradient {
      let target = Tensor(uninitialized: x.shape)
      RowBlocks.forEach(rows: rowCount, columns: columns) { range in
        let at = range.lowerBound * columns
        inputGradients(
          x.pointer + at, dy.pointer + at, mean: moments.mean.pointer, slope: slope.pointer,
          meanGradient: meanGradient.pointer, scale: scale.pointer, into: target.pointer + at,
          rows: range.count, columns: columns)
      }
      dx = target
    }
    let parts = split(sums, shape: [columns])
    return [dx] + (weight == nil ? [] : [parts[0]]) + (bias == nil ? [] : [parts[1]])
  }
}

/// The weights and biases of a convolution or linear layer that does what one without a bias and a
/// batch normalisation with running statistics do after each other.
///
///     g = γ / √(variance + ε),  weight′ = g · weight,  bias′ = β − mean · g
///
/// - in: weight `[O, …]`, γ and β `[O]` or nil for 1 and 0
/// - out: weight `[O, …]`, bias `[O]`; no gradient flows through them
public func foldedBatchNorm(
  _ weight: Tensor, normWeight: Tensor?, normBias: Tensor?, statistics: RunningStatistics,
  epsilon: Float
) -> (weight: Tensor, bias: Tensor) {
  let outputs = weight.shape[0]
  precondition(
    statistics.mean.elementCount == outputs,
    "weight \(weight.shape) before a norm of \(statistics.mean.elementCount) channels")
  let width = weight.elementCount / max(1, outputs)
  let scaledWeight = Tensor(uninitialized: weight.shape)
  let offset = Tensor(uninitialized: [outputs])
  for row in 0..<outputs {
    let gain =
      (normWeight?.pointer[row] ?? 1) / (statistics.variance.pointer[row] + epsilon).squareRoot()
    offset.pointer[row] = (normBias?.pointer[row] ?? 0) - statistics.mean.pointer[row] * gain
    Kernels.scale(
      weight.pointer + row * width, by: gain, into: scaledWeight.pointer + row * width,
      count: width)
  }
  return (scaledWeight, offset)
}

/// The mean and 1 / √(variance + ε) of every channel.
private struct BatchMoments {
  let mean: Tensor
  let reciprocal: Tensor

  init(columns: Int) {
    mean = Tensor(uninitialized: [columns])
    reciprocal = Tensor(uninitialized: [columns])
  }

  /// The moments of a batch in two passes; the running statistics move towards them, once.
  ///
  /// - Returns: The rows of the batch.
  func measure(
    _ x: Tensor, rowCount: Int, epsilon: Float, moving statistics: RunningStatistics,
    by momentum: Float, with meeting: Lockstep.Meeting?
  ) -> Int {
    let columns = mean.elementCount
    var sums = RowBlocks.columnSums(x.pointer, rows: rowCount, columns: columns)
    var batchRows = rowCount
    if let meeting {
      let whole = meeting.sum(sums.values + [Float(rowCount)])
      sums = Tensor(Array(whole.prefix(columns)), shape: [columns])
      batchRows = Int(whole[columns])
    }
    precondition(batchRows > 1, "batchNorm in training needs more than one row")
    Kernels.scale(sums.pointer, by: 1 / Float(batchRows), into: mean.pointer, count: columns)
    var squares = RowBlocks.accumulate(rows: rowCount, columns: columns, width: columns) {
      range, sums in
      accumulateSquares(
        x.pointer + range.lowerBound * columns, mean: mean.pointer, sums: sums, rows: range.count,
        columns: columns)
    }
    if let meeting { squares = Tensor(meeting.sum(squares.values), shape: [columns]) }
    let isMoving = meeting?.isFirst ?? true
    let runningMean = statistics.mean.mutablePointer
    let runningVariance = statistics.variance.mutablePointer
    for c in 0..<columns {
      let variance = squares.pointer[c] / Float(batchRows)
      reciprocal.pointer[c] = 1 / (variance + epsilon).squareRoot()
      guard isMoving else { continue }
      let unbiased = squares.pointer[c] / Float(batchRows - 1)
      runningMean[c] += momentum * (mean.pointer[c] - runningMean[c])
      runningVariance[c] += momentum * (unbiased - runningVariance[c])
    }
    if isMoving { statistics.batchCount += 1 }
    return batchRows
  }
}

// MARK: Loops over rows

/// `out = max((x − mean)·scale + shift, floor)`.
private func normalizeRows(
  _ x: UnsafePointer<Float>, mean: UnsafePointer<Float>, scale: UnsafePointer<Float>,
  shift: UnsafePointer<Float>, floor: Float, into out: UnsafeMutablePointer<Float>, rows: Int,
  columns: Int
) {
  for row in 0..<rows {
    let (from, to) = (x + row * columns, out + row * columns)
    var c = 0
    while c + 16 <= columns {
      let v = cv_fma(cv_load(from + c) - cv_load(mean + c), cv_load(scale + c), cv_load(shift + c))
      cv_store(to + c, cv_max(v, splat(floor)))
      c += 16
    }
    while c < columns {
      to[c] = max((from[c] - mean[c]) * scale[c] + shift[c], floor)
      c += 1
    }
  }
}

/// `sums += (x − mean)²`.
private func accumulateSquares(
  _ x: UnsafePointer<Float>, mean: UnsafePointer<Float>, sums: UnsafeMutablePointer<Float>,
  rows: Int, columns: Int
) {
  for row in 0..<rows {
    let from = x + row * columns
    var c = 0
    while c + 16 <= columns {
      let d = cv_load(from + c) - cv_load(mean + c)
      cv_store(sums + c, cv_fma(d, d, cv_load(sums + c)))
      c += 16
    }
    while c < columns {
      let d = from[c] - mean[c]
      sums[c] += d * d
      c += 1
    }
  }
}

/// `sums[0 ..< C] += g·(x − mean)` and `sums[C ..< 2C] += g`.
private func accumulateGradients(
  _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, mean: UnsafePointer<Float>,
  sums: UnsafeMutablePointer<Float>, rows: Int, columns: Int
) {
  for row in 0..<rows {
    let (from, g) = (x + row * columns, gradient + row * columns)
    var c = 0
    while c + 16 <= columns {
      let (d, value) = (cv_load(from + c) - cv_load(mean + c), cv_load(g + c))
      cv_store(sums + c, cv_fma(value, d, cv_load(sums + c)))
      cv_store(sums + columns + c, cv_load(sums + columns + c) + value)
      c += 16
    }
    while c < columns {
      sums[c] += g[c] * (from[c] - mean[c])
      sums[columns + c] += g[c]
      c += 1
    }
  }
}

/// `out = scale·(g − meanGradient + slope·(x − mean))`.
private func inputGradients(
  _ x: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, mean: UnsafePointer<Float>,
  slope: UnsafePointer<Float>, meanGradient: UnsafePointer<Float>, scale: UnsafePointer<Float>,
  into out: UnsafeMutablePointer<Float>, rows: Int, columns: Int
) {
  for row in 0..<rows {
    let (from, g, to) = (x + row * columns, gradient + row * columns, out + row * columns)
    var c = 0
    while c + 16 <= columns {
      let d = cv_load(from + c) - cv_load(mean + c)
      let centered = cv_load(g + c) - cv_load(meanGradient + c)
      cv_store(to + c, cv_fma(d, cv_load(slope + c), centered) * cv_load(scale + c))
      c += 16
    }
    while c < columns {
      to[c] = ((from[c] - mean[c]) * slope[c] + (g[c] - meanGradient[c])) * scale[c]
      c += 1
    }
  }
}
