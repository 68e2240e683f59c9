import Foundation
import TensorCore

/// Adam with decoupled weight decay.
///
///     p ← p − lr·wd·p;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
///     p ← p − lr / (1−β₁ᵗ) · m / (√v / √(1−β₂ᵗ) + ε)
///
/// Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
public final class AdamW: Optimizer {
  public var parameters: [OptimizedParameter]
  public var learningRate: Float
  public var stepCount = 0
  private let beta1: Double
  private let beta2: Double
  private let epsilon: Float
  private let firstMoments: [Tensor]
  private let secondMoments: [Tensor]
  /// Updates of each parameter: one that had no gradient for a while is corrected by its own.
  private let updateCounts: Tensor

  /// Optimises `parameters`; each brings its own weight decay.
  public init(
    _ parameters: [OptimizedParameter], learningRate: Float, beta1: Double = 0.9,
    beta2: Double = 0.999, epsilon: Float = 1e-8
  ) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    firstMoments = parameters.map { Tensor(zeros: $0.tensor.shape) }
    secondMoments = parameters.map { Tensor(zeros: $0.tensor.shape) }
    updateCounts = Tensor(zeros: [parameters.count])
  }

  public var state: [(key: String, tensor: Tensor)] {
    zip(parameters, firstMoments).map { (key: $0.key + ".exp_avg", tensor: $1) }
      + zip(parameters, secondMoments).map { (key: $0.key + ".exp_avg_sq", tensor: $1) }
      + [(key: "update_counts", tensor: updateCounts)]
  }

  public func step() {
    stepCount += 1
    let (b1, b2) = (Float(beta1), Float(beta2))
    let (c1, c2) = (Float(1 - beta1), Float(1 - beta2))
    let epsilon = epsilon
    for (index, parameter) in parameters.enumerated() {
      guard let gradient = parameter.tensor.gradient else { continue }
      let rate = learningRate * parameter.rateShare
      updateCounts.mutablePointer[index] += 1
      let updates = Double(updateCounts.pointer[index])
      let stepSize = Float(Double(rate) / (1 - pow(beta1, updates)))
      let inverseCorrection2 = Float(1 / (1 - pow(beta2, updates)).squareRoot())
      let p = parameter.tensor.mutablePointer
      let g = gradient.pointer
      let m = firstMoments[index].mutablePointer
      let v = secondMoments[index].mutablePointer
      let keep = 1 - rate * parameter.weightDecay
      forEachBlock(parameter.tensor.elementCount) { range in
        for i in range {
          let slope = g[i]
          let first = b1 * m[i] + c1 * slope
          let second = b2 * v[i] + c2 * slope * slope
          m[i] = first
          v[i] = second
          let denominator = second.squareRoot() * inverseCorrection2 + epsilon
          p[i] = p[i] * keep - stepSize * first / denominator
        }
      }
    }
  }
}
