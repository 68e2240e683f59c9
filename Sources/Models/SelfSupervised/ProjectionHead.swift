/// A projector or predictor: Linear – BatchNorm – ReLU – Linear.
///
/// - in: `[N, D]`; out: `[N, outputs]`
///
/// State keys: `linear_hidden.1.*` (linear), `linear_hidden.2.*` (norm), `linear_out.*`; the
/// numbering starts at 1 because the source puts an identity first.
/// Initialisation: PyTorch's default for linear layers, 1 and 0 for the norm.
public final class ProjectionHead: Module {
  private let hidden: Linear
  private let norm: BatchNorm
  private let output: Linear

  /// Builds a head with fresh weights.
  public init(
    inputs: Int, hidden hiddenSize: Int, outputs: Int, key: String, initializer: Initializer
  ) {
    hidden = Linear(uniform: inputs, hiddenSize, key: key + "linear_hidden.1.", initializer)
    norm = BatchNorm(hiddenSize)
    output = Linear(uniform: hiddenSize, outputs, key: key + "linear_out.", initializer)
  }

  /// Applies the head; the norm always uses the batch's own statistics.
  public func callAsFunction(_ x: Tensor) -> Tensor { output(relu(norm(hidden(x)))) }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    hidden.visitParameters(prefix + "linear_hidden.1.", visit)
    norm.visitParameters(prefix + "linear_hidden.2.", visit)
    output.visitParameters(prefix + "linear_out.", visit)
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm.visitBuffers(prefix + "linear_hidden.2.", visit)
  }
}
