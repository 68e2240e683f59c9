import Foundation
import Threads

/// Cross-entropy of class indices, the mean over the rows.
///
/// With smoothing ε over K classes the target is (1 − ε) on the label plus ε / K everywhere:
///
///     loss = −(1 − ε)·log p[label] − (ε / K)·Σ log p
///
/// - in: logits `[B, K]`, `B` labels in 0..<K
/// - out: `[1]`
public func crossEntropy(
  _ logits: Tensor, targets: [Int], labelSmoothing: Float = 0
) -> Tensor {
  let (count, classes) = (logits.shape[0], logits.shape[1])
  precondition(targets.count == count, "\(count) rows of logits, \(targets.count) targets")
  precondition(
    targets.allSatisfy { 0 <= $0 && $0 < classes }, "targets must lie in 0..<\(classes)")
  let soft = Tensor(repeating: labelSmoothing / Float(classes), shape: [count, classes])
  for (row, target) in targets.enumerated() {
    soft.pointer[row * classes + target] += 1 - labelSmoothing
  }
  return softCrossEntropy(logits, targets: soft)
}

/// Cross-entropy −Σ t·log softmax(x) of target distributions, the mean over the rows.
///
/// - in: logits `[B, K]`, targets `[B, K]` (constants; rows need not sum to 1)
/// - out: `[1]`
public func softCrossEntropy(_ logits: Tensor, targets: Tensor) -> Tensor {
  precondition(
    logits.shape == targets.shape, "logits \(logits.shape) and targets \(targets.shape) differ")
  let (count, classes) = (logits.shape[0], logits.shape[1])
  let probabilities = logits.copied()
  let total = threadMap(count) { row -> Double in
    let x = logits.pointer + row * classes
    let t = targets.pointer + row * classes
    let p = probabilities.pointer + row * classes
    let top = Kernels.maximum(x, count: classes)
    Kernels.softmax(p, count: classes)
    var sum = 0.0
    for c in 0..<classes { sum += exp(Double(x[c] - top)) }
    let logarithm = Double(top) + log(sum)
    var loss = 0.0
    for c in 0..<classes where t[c] != 0 { loss += Double(t[c]) * (logarithm - Double(x[c])) }
    return loss
  }.reduce(0, +)
  let out = Tensor([Float(total / Double(count))], shape: [1])
  return record(out, inputs: [logits]) { gradient in
    // dx = (p·Σt − t) / B
    let factor = gradient.item / Float(count)
    let dx = Tensor(uninitialized: logits.shape)
    RowBlocks.forEach(rows: count, columns: classes) { range in
      for row in range {
        let t = targets.pointer + row * classes
        let weight = Kernels.sum(t, count: classes)
        for c in 0..<classes {
          let p = probabilities.pointer[row * classes + c]
          dx.pointer[row * classes + c] = factor * (p * weight - t[c])
        }
      }
    }
    return [dx]
  }
}
