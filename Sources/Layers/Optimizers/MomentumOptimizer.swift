import TensorCore

/// What optimisers with one velocity a parameter share; each brings its own rule.
public class MomentumOptimizer: Optimizer {
  public var parameters: [OptimizedParameter]
  public var learningRate: Float
  public var stepCount = 0
  let momentum: Float
  private let velocities: [Tensor]

  init(_ parameters: [OptimizedParameter], learningRate: Float, momentum: Float) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.momentum = momentum
    velocities = parameters.map { Tensor(zeros: $0.tensor.shape) }
  }

  public final var state: [(key: String, tensor: Tensor)] {
    zip(parameters, velocities).map { (key: $0.key + ".velocity", tensor: $1) }
  }

  public final func step() {
    for (parameter, velocity) in zip(parameters, velocities) {
      if let gradient = parameter.tensor.gradient {
        update(parameter, gradient: gradient, velocity: velocity)
      }
    }
    stepCount += 1
  }

  /// Moves one parameter and its velocity.
  func update(_ parameter: OptimizedParameter, gradient: Tensor, velocity: Tensor) {
    preconditionFailure("a momentum optimiser without a rule")
  }
}
