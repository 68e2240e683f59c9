import TensorCore

/// Layer-wise adaptive rate scaling with momentum, in BYOL's form.
///
///     g ← g + wd·p;  g ← g · η·‖p‖/‖g‖ (adapted parameters; 1 if a norm is 0)
///     v ← μ·v + g;   p ← p − lr·v
///
/// Source: You et al., Large Batch Training of Convolutional Networks, 2017.
/// Differs from the source: the learning rate stays outside the momentum buffer.
public final class LARS: MomentumOptimizer {
  private let trust: Float

  /// Optimises `parameters`; decay and adaptation are theirs to choose.
  public init(
    _ parameters: [OptimizedParameter], learningRate: Float, momentum: Float = 0.9,
    trust: Float = 1e-3
  ) {
    self.trust = trust
    super.init(parameters, learningRate: learningRate, momentum: momentum)
  }

  override func update(_ parameter: OptimizedParameter, gradient: Tensor, velocity: Tensor) {
    let (p, g, v) = (parameter.tensor.mutablePointer, gradient.pointer, velocity.mutablePointer)
    let count = parameter.tensor.elementCount
    let (decay, momentum, rate) = (parameter.weightDecay, momentum, learningRate)
    var adaptation: Float = 1
    if parameter.isAdapted {
      let squares = blockSum(count) { range in
        var sum = 0.0
        for i in range {
          let slope = g[i] + decay * p[i]
          sum += Double(slope) * Double(slope)
        }
        return sum
      }
      let slopeNorm = Float(squares.squareRoot())
      let weightNorm = sumOfSquares(parameter.tensor).squareRoot()
      if slopeNorm > 0, weightNorm > 0 { adaptation = trust * weightNorm / slopeNorm }
    }
    let factor = adaptation
    forEachBlock(count) { range in
      for i in range {
        v[i] = momentum * v[i] + factor * (g[i] + decay * p[i])
        p[i] -= rate * v[i]
      }
    }
  }
}
