import TensorCore

/// Stochastic gradient descent with momentum, as PyTorch orders it.
///
///     g ← g + wd·p;  v ← μ·v + g (v ← g at the first step);  p ← p − lr·(g + μ·v)   (Nesterov)
///                                                             p ← p − lr·v           (plain)
public final class SGD: Optimizer {
  public var parameters: [OptimizedParameter]
  public var learningRate: Float
  public var stepCount = 0
  private let momentum: Float
  private let isNesterov: Bool
  private var velocities: [Tensor]

  /// Optimises `parameters`; each brings its own weight decay.
  public init(
    _ parameters: [OptimizedParameter], learningRate: Float, momentum: Float = 0.9,
    isNesterov: Bool = false
  ) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.momentum = momentum
    self.isNesterov = isNesterov
    velocities = parameters.map { Tensor(zeros: $0.tensor.shape) }
  }

  public var state: [(key: String, tensor: Tensor)] {
    zip(parameters, velocities).map { (key: $0.key + ".velocity", tensor: $1) }
  }

  public func step() {
    for (parameter, velocity) in zip(parameters, velocities) {
      guard let gradient = parameter.tensor.gradient else { continue }
      let p = parameter.tensor.pointer
      let g = gradient.pointer
      let v = velocity.pointer
      let (decay, momentum, rate) = (parameter.weightDecay, momentum, learningRate)
      let nesterov = isNesterov
      forEachBlock(parameter.tensor.elementCount) { range in
        for i in range {
          let slope = g[i] + decay * p[i]
          v[i] = momentum * v[i] + slope
          p[i] -= rate * (nesterov ? slope + momentum * v[i] : v[i])
        }
      }
    }
    stepCount += 1
  }
}
