import Foundation

/// Σ of the binary cross-entropy of logits and 0/1 targets, times a factor.
///
/// - in: logits of `N` elements, `N` targets
/// - out: `[1]`
func summedBinaryCrossEntropy(_ logits: Tensor, targets: [Float], factor: Float) -> Tensor {
  precondition(
    targets.count == logits.elementCount, "\(logits.shape) with \(targets.count) targets")
  var total = 0.0
  for (index, target) in targets.enumerated() {
    let x = logits.pointer[index]
    total += Double(max(x, 0) - x * target + log1p(exp(-abs(x))))
  }
  return recorded(Tensor([Float(total) * factor], shape: [1]), inputs: [logits]) { gradient in
    let scale = gradient.item * factor
    let dx = Tensor(uninitialized: logits.shape)
    for (index, target) in targets.enumerated() {
      dx.pointer[index] = scale * (1 / (1 + exp(-logits.pointer[index])) - target)
    }
    return [dx]
  }
}

/// Σ of the distance of numbers to their targets, times a factor: |d|, or below `beta` its smooth
/// form d² / (2·beta), with beta / 2 taken off above.
///
/// - in: x of `N` elements, `N` targets
/// - out: `[1]`
func summedDistance(_ x: Tensor, targets: [Float], beta: Float, factor: Float) -> Tensor {
  precondition(targets.count == x.elementCount, "\(x.shape) with \(targets.count) targets")
  var total = 0.0
  for (index, target) in targets.enumerated() {
    let distance = abs(x.pointer[index] - target)
    total += Double(distance < beta ? 0.5 * distance * distance / beta : distance - 0.5 * beta)
  }
  return recorded(Tensor([Float(total) * factor], shape: [1]), inputs: [x]) { gradient in
    let scale = gradient.item * factor
    let dx = Tensor(uninitialized: x.shape)
    for (index, target) in targets.enumerated() {
      let difference = x.pointer[index] - target
      let slope: Float =
        abs(difference) < beta ? difference / beta : difference > 0 ? 1 : difference < 0 ? -1 : 0
      dx.pointer[index] = scale * slope
    }
    return [dx]
  }
}
