import Layers
import TensorCore

/// A projector or predictor: hidden layers of Linear – BatchNorm – ReLU, then a Linear.
///
/// - in: `[N, D]`; out: `[N, outputs]`
///
/// State keys: hidden layer i has `linear_hidden.{3i+1}.*` (linear) and `linear_hidden.{3i+2}.*`
/// (norm); then `linear_out.*` and, when the output is normalised, `norm_out.*`. The numbering
/// starts at 1 because the source puts an identity first.
/// Initialisation: PyTorch's default for linear layers, 1 and 0 for norms.
public final class ProjectionHead: Module {
  /// The layers of a head.
  public struct Shape: Sendable, Equatable {
    /// Hidden sizes in order.
    public var hidden: [Int]
    /// Length of the output.
    public var outputs: Int
    /// Whether hidden layers are normalised.
    public var hasNorms = true
    /// Whether hidden linear layers and the last one have a bias.
    public var hiddenBias = true, outputBias = true
    /// Whether the output is normalised, without gain and offset.
    public var normalizesOutput = false
    /// Groups of the batch that are normalised by themselves, as processes would.
    public var normGroups = 1

    /// A head of hidden sizes and an output.
    public init(hidden: [Int], outputs: Int) {
      self.hidden = hidden
      self.outputs = outputs
    }
  }

  private let linears: [Linear]
  private let norms: [BatchNorm]
  private let output: Linear
  private let outputNorm: BatchNorm?
  private let shape: Shape

  /// Builds a head with fresh weights.
  public init(inputs: Int, shape: Shape, key: String, initializer: Initializer) {
    self.shape = shape
    var width = inputs
    linears = shape.hidden.enumerated().map { index, size in
      defer { width = size }
      return Linear(
        uniform: width, size, usesBias: shape.hiddenBias,
        key: key + "linear_hidden.\(3 * index + 1).", initializer)
    }
    norms = shape.hasNorms ? shape.hidden.map { BatchNorm($0) } : []
    output = Linear(
      uniform: width, shape.outputs, usesBias: shape.outputBias, key: key + "linear_out.",
      initializer)
    outputNorm = shape.normalizesOutput ? BatchNorm(shape.outputs, isAffine: false) : nil
    for norm in norms + (outputNorm.map { [$0] } ?? []) { norm.groupCount = shape.normGroups }
  }

  /// Applies the head; norms always use the batch's own statistics.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var x = x
    for (index, linear) in linears.enumerated() {
      x = linear(x)
      x = relu(shape.hasNorms ? norms[index](x) : x)
    }
    x = output(x)
    return outputNorm.map { $0(x) } ?? x
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, linear) in linears.enumerated() {
      linear.visitParameters(prefix + "linear_hidden.\(3 * index + 1).", visit)
      if shape.hasNorms {
        norms[index].visitParameters(prefix + "linear_hidden.\(3 * index + 2).", visit)
      }
    }
    output.visitParameters(prefix + "linear_out.", visit)
    outputNorm?.visitParameters(prefix + "norm_out.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, norm) in norms.enumerated() {
      norm.visitBuffers(prefix + "linear_hidden.\(3 * index + 2).", visit)
    }
    outputNorm?.visitBuffers(prefix + "norm_out.", visit)
  }
}
