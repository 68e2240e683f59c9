import TensorCore

/// A parameter under optimisation, with the settings that may differ from its neighbours'.
public struct OptimizedParameter {
  /// The parameter's key.
  public let key: String
  /// The parameter.
  public let tensor: Tensor
  /// Decay of this parameter; 0 for norms and biases in most recipes.
  public var weightDecay: Float
  /// The part of the rate that this parameter has; AdamW heeds it, as layer decay needs.
  public var rateShare: Float = 1
  /// Whether LARS adapts the step of this parameter.
  public let isAdapted: Bool

  /// Lists a parameter.
  public init(key: String, tensor: Tensor, weightDecay: Float = 0, isAdapted: Bool = true) {
    self.key = key
    self.tensor = tensor
    self.weightDecay = weightDecay
    self.isAdapted = isAdapted
  }
}

/// Changes parameters by their gradients.
public protocol Optimizer: AnyObject {
  /// What is optimised, in order.
  var parameters: [OptimizedParameter] { get set }
  /// The step size of the next update; schedules write it.
  var learningRate: Float { get set }
  /// One update. Parameters without a gradient stay as they are.
  func step()
  /// The optimiser's memory by key, for exact resume.
  var state: [(key: String, tensor: Tensor)] { get }
  /// Updates made so far.
  var stepCount: Int { get set }
}

extension Optimizer {
  /// Changes the decay of the parameters that decay at all, for schedules of the decay.
  public func setWeightDecay(_ value: Float) {
    for index in parameters.indices where parameters[index].weightDecay != 0 {
      parameters[index].weightDecay = value
    }
  }

  /// Forgets the gradients.
  public func clearGradients() {
    for parameter in parameters { parameter.tensor.gradient = nil }
  }
}

/// How gradients are kept from growing.
public enum GradientClipping: Sendable, Equatable {
  /// By the norm of all together.
  case global(Float)
  /// By each tensor's own norm.
  case perTensor(Float)
}

extension Optimizer {
  /// Clips, makes one update at a rate, and forgets the gradients.
  public func update(rate: Double, clipping: GradientClipping? = nil) {
    switch clipping {
    case .global(let limit): clipGradientNorm(parameters, limit: limit)
    case .perTensor(let limit): clipEachGradientNorm(parameters, limit: limit)
    case nil: break
    }
    learningRate = Float(rate)
    step()
    clearGradients()
  }
}

/// Scales all gradients so that their joint L2 norm is at most `limit`.
///
/// The factor is min(1, limit / (norm + 1e-6)).
///
/// - Returns: The norm before clipping; not finite when a gradient is not.
@discardableResult
public func clipGradientNorm(_ parameters: [OptimizedParameter], limit: Float) -> Float {
  var squares = 0.0
  for parameter in parameters {
    guard let gradient = parameter.tensor.gradient else { continue }
    squares += Double(sumOfSquares(gradient))
  }
  let norm = Float(squares.squareRoot())
  let factor = limit / (norm + 1e-6)
  if factor < 1 {
    for parameter in parameters {
      if let gradient = parameter.tensor.gradient { scaleInPlace(gradient, by: factor) }
    }
  }
  return norm
}

/// Scales the gradient of each parameter so that its own L2 norm is at most `limit`.
///
/// The factor is limit / (norm + 1e-6) where that is below 1.
///
/// - Returns: The joint norm before clipping; not finite when a gradient is not.
///
/// Source: DINO's training code, which clips tensor by tensor.
@discardableResult
public func clipEachGradientNorm(_ parameters: [OptimizedParameter], limit: Float) -> Float {
  var squares = 0.0
  for parameter in parameters {
    guard let gradient = parameter.tensor.gradient else { continue }
    let own = Double(sumOfSquares(gradient))
    squares += own
    let factor = limit / (Float(own.squareRoot()) + 1e-6)
    if factor < 1 { scaleInPlace(gradient, by: factor) }
  }
  return Float(squares.squareRoot())
}
