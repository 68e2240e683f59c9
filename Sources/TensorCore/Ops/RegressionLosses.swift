import Foundation

/// An elementwise loss summed with weights over a normaliser.
///
/// - Parameters:
///   - value: Loss and derivative at one prediction and target.
private func weightedLoss(
  _ x: Tensor, targets: Tensor, weights: Tensor?, normalizer: Float, name: String,
  _ value: @escaping (Float, Float) -> (loss: Float, slope: Float)
) -> Tensor {
  precondition(
    x.elementCount == targets.elementCount
      && (weights == nil || weights?.elementCount == x.elementCount),
    "\(name): predictions \(x.shape), targets \(targets.shape), weights \(weights?.shape ?? [])")
  var total = 0.0
  for i in 0..<x.elementCount {
    let weight = weights?.pointer[i] ?? 1
    guard weight != 0 else { continue }
    total += Double(weight * value(x.pointer[i], targets.pointer[i]).loss)
  }
  let out = Tensor([Float(total / Double(normalizer))], shape: [1])
  return record(out, inputs: [x]) { gradient in
    let factor = gradient.item / normalizer
    let dx = Tensor(uninitialized: x.shape)
    RowBlocks.forEach(rows: x.elementCount, columns: 1) { range in
      for i in range {
        let weight = weights?.pointer[i] ?? 1
        dx.pointer[i] =
          weight == 0 ? 0 : factor * weight * value(x.pointer[i], targets.pointer[i]).slope
      }
    }
    return [dx]
  }
}

/// Σ weight · (−t·log σ(x) − (1 − t)·log(1 − σ(x))) / normalizer.
///
/// Elements of weight 0 are not looked at.
///
/// - in: logits, targets in 0...1 and weights (or nil for 1) of one shape
/// - out: `[1]`
public func binaryCrossEntropyWithLogits(
  _ logits: Tensor, targets: Tensor, weights: Tensor? = nil, normalizer: Float
) -> Tensor {
  weightedLoss(
    logits, targets: targets, weights: weights, normalizer: normalizer,
    name: "binaryCrossEntropyWithLogits"
  ) { x, target in
    // With e = e^−|x|, σ(x) is 1 / (1 + e) or e / (1 + e), and nothing overflows.
    let e = exp(-abs(x))
    let probability = (x >= 0 ? 1 : e) / (1 + e)
    return (max(x, 0) - x * target + log1p(e), probability - target)
  }
}

/// Σ weight · |x − t| / normalizer.
///
/// - in: predictions, targets and weights (or nil for 1) of one shape
/// - out: `[1]`
public func l1Loss(
  _ x: Tensor, targets: Tensor, weights: Tensor? = nil, normalizer: Float
) -> Tensor {
  weightedLoss(
    x, targets: targets, weights: weights, normalizer: normalizer, name: "l1Loss"
  ) { x, target in
    let d = x - target
    return (abs(d), d > 0 ? 1 : d < 0 ? -1 : 0)
  }
}

/// Σ weight · s(x − t) / normalizer, with s quadratic below β: ½d² / β, else |d| − ½β.
///
/// - in: predictions, targets and weights (or nil for 1) of one shape
/// - out: `[1]`
///
/// Source: Girshick, Fast R-CNN, 2015, equation 3, with β for its 1.
public func smoothL1Loss(
  _ x: Tensor, targets: Tensor, weights: Tensor? = nil, beta: Float, normalizer: Float
) -> Tensor {
  precondition(beta > 0, "smoothL1Loss needs a positive beta, got \(beta)")
  return weightedLoss(
    x, targets: targets, weights: weights, normalizer: normalizer, name: "smoothL1Loss"
  ) { x, target in
    let d = x - target
    if abs(d) < beta { return (0.5 * d * d / beta, d / beta) }
    return (abs(d) - 0.5 * beta, d > 0 ? 1 : -1)
  }
}
