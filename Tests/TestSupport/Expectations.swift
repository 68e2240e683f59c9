import TensorCore
import Testing

/// Expects two lists of numbers to agree and names the worst: |a − e| ≤ absolute + relative·|e|.
public func expectClose(
  _ actual: [Float], _ expected: [Double], relative: Double, absolute: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record(
      "\(what): \(actual.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  var worst = (index: -1, excess: 0.0)
  for (index, (a, e)) in zip(actual, expected).enumerated() {
    let excess = abs(Double(a) - e) - absolute - relative * abs(e)
    if excess > worst.excess || !excess.isFinite { worst = (index, excess) }
    if !excess.isFinite { break }
  }
  if worst.index >= 0 {
    Issue.record(
      "\(what)[\(worst.index)] is \(actual[worst.index]), expected \(expected[worst.index])",
      sourceLocation: sourceLocation)
  }
}

/// Expects a tensor to have the norm and the samples that a reference kept of it.
///
/// Single values may be tiny beside their tensor; they are held to the tensor's own scale.
public func expectSampled(
  _ tensor: Tensor, norm: Double, values expected: [Double], relative: Double,
  absoluteNorm: Double = 1e-12, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let values = tensor.values
  let at = expected.indices.map { ($0 * 7919 + 13) % values.count }
  let scale = norm / Double(values.count).squareRoot()
  expectClose(
    at.map { values[$0] }, expected, relative: relative, absolute: relative * scale, what,
    sourceLocation: sourceLocation)
  let own = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  expectClose(
    [Float(own)], [norm], relative: relative, absolute: absoluteNorm, what + " norm",
    sourceLocation: sourceLocation)
}

/// Expects the gradients of `body` to match central differences.
///
/// The output is weighed with fixed random numbers into one loss. The step and the tolerance
/// follow from single precision: the difference of two losses of size L carries an error of about
/// L·2⁻²² / h, and the truncation h².
public func expectGradientsMatch(
  _ inputs: [Tensor], step: Float = 1e-2, tolerance: Double = 2e-3, samples: Int = 12,
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> Tensor
) {
  for input in inputs {
    input.requiresGradient = true
    input.gradient = nil
  }
  let output = body()
  let weights = DeterministicFill.tensor("cotangent", output.shape)
  output.backward(weights)
  func loss() -> Double {
    let values = withoutGradients { body().values }
    return zip(values, weights.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
  }
  for (number, input) in inputs.enumerated() {
    guard let gradient = input.gradient?.values else {
      Issue.record("input \(number) has no gradient", sourceLocation: sourceLocation)
      continue
    }
    let scale = max(1e-2, gradient.reduce(0) { max($0, abs($1)) })
    for sample in 0..<min(samples, input.elementCount) {
      let at = (sample * 7919 + 3) % input.elementCount
      let value = input.pointer[at]
      input.mutablePointer[at] = value + step
      let above = loss()
      input.mutablePointer[at] = value - step
      let below = loss()
      input.mutablePointer[at] = value
      let expected = (above - below) / Double(2 * step)
      let allowed = tolerance * (Double(scale) + abs(expected))
      if !(abs(expected - Double(gradient[at])) <= allowed) {
        Issue.record(
          "input \(number)[\(at)]: gradient \(gradient[at]), differences give \(expected)",
          sourceLocation: sourceLocation)
      }
    }
  }
}

/// The pairs of two lists that must be equally long and not empty: a loop over `zip` would pass
/// where one of them is cut off.
public func paired<First: Collection, Second: Collection>(
  _ first: First, _ second: Second, sourceLocation: SourceLocation = #_sourceLocation
) -> Zip2Sequence<First, Second> {
  if first.isEmpty || first.count != second.count {
    Issue.record(
      "\(first.count) values stand against \(second.count)", sourceLocation: sourceLocation)
  }
  return zip(first, second)
}
