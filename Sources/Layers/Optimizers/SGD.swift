import TensorCore

/// Stochastic gradient descent with momentum, as PyTorch orders it.
///
///     g ← g + wd·p;  v ← μ·v + g (v ← g at the first step);  p ← p − lr·(g + μ·v)   (Nesterov)
///                                                             p ← p − lr·v           (plain)
public final class SGD: MomentumOptimizer {
  private let isNesterov: Bool

  /// Optimises `parameters`; each brings its own weight decay.
  public init(
    _ parameters: [OptimizedParameter], learningRate: Float, momentum: Float = 0.9,
    isNesterov: Bool = false
  ) {
    self.isNesterov = isNesterov
    super.init(parameters, learningRate: learningRate, momentum: momentum)
  }

  override func update(_ parameter: OptimizedParameter, gradient: Tensor, velocity: Tensor) {
    let (p, g, v) = (parameter.tensor.mutablePointer, gradient.pointer, velocity.mutablePointer)
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
}
