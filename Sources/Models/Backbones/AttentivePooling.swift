import Layers
import TensorCore

/// A classifier that gathers the tokens of a frozen network by one learned query.
///
///     y = query + attention(W_q query, W_kv LayerNorm(tokens));  z = y + MLP(LayerNorm(y));  W z + b
///
/// - in: tokens `[B, N, C]`
/// - out: `[B, classes]`
///
/// State keys as in the source: `pooler.query_tokens`, `pooler.cross_attention_block.{norm1, xattn.q,
/// xattn.kv, norm2, mlp.fc1, mlp.fc2}`, `linear`.
/// Initialisation: truncated normal 0.02, biases 0; the MLP's second weight divided by √2.
///
/// Source: Bardes et al., Revisiting Feature Prediction for Learning Visual Representations from Video,
/// 2024, and its code, facebookresearch/jepa, attentive_pooler.py.
public final class AttentiveClassifier: Module {
  private let headCount: Int
  private let query: Tensor
  private let norm1, norm2: LayerNorm
  private let queryMap, keyValueMap, hidden, output: Linear
  private let classifier: Linear

  /// A fresh classifier of tokens with `channels` channels.
  ///
  /// - Precondition: the heads divide the channels.
  public init(channels: Int, headCount: Int, classCount: Int, initializer: Initializer) {
    precondition(channels % headCount == 0, "\(headCount) heads of \(channels) channels")
    self.headCount = headCount
    func map(_ inputs: Int, _ outputs: Int, _ key: String) -> Linear {
      Linear(truncatedNormal: inputs, outputs, key: key, initializer)
    }
    query = initializer.truncatedNormal([1, 1, channels], key: "pooler.query_tokens")
    query.requiresGradient = true
    norm1 = LayerNorm(channels, epsilon: 1e-5)
    norm2 = LayerNorm(channels, epsilon: 1e-5)
    queryMap = map(channels, channels, "xattn.q.")
    keyValueMap = map(channels, 2 * channels, "xattn.kv.")
    hidden = map(channels, 4 * channels, "mlp.fc1.")
    output = map(4 * channels, channels, "mlp.fc2.")
    scaleInPlace(output.weight, by: 1 / Float(2).squareRoot())
    classifier = map(channels, classCount, "linear.")
  }

  /// A number for each class.
  public func callAsFunction(_ tokens: Tensor) -> Tensor {
    let (batch, channels) = (tokens.shape[0], tokens.shape[2])
    let own = query.reshaped(to: [1, channels])
    let gathered = queryAttention(
      queryMap(own).reshaped(to: [channels]), keyValueMap(norm1(tokens)), headCount: headCount)
    // The query once for every image: a map from one number, which is 1.
    let repeated = linear(
      Tensor(repeating: 1, shape: [batch, 1]), weight: own.reshaped(to: [channels, 1]), bias: nil)
    let pooled = mlpBlock(
      add(repeated, gathered).reshaped(to: [batch, 1, channels]),
      weights: MLPWeights(norm: norm2, hidden: hidden, output: output))
    return classifier(pooled.reshaped(to: [batch, channels]))
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "pooler.query_tokens", query)
    let block = prefix + "pooler.cross_attention_block."
    norm1.visitParameters(block + "norm1.", visit)
    queryMap.visitParameters(block + "xattn.q.", visit)
    keyValueMap.visitParameters(block + "xattn.kv.", visit)
    norm2.visitParameters(block + "norm2.", visit)
    hidden.visitParameters(block + "mlp.fc1.", visit)
    output.visitParameters(block + "mlp.fc2.", visit)
    classifier.visitParameters(prefix + "linear.", visit)
  }
}

extension Architecture {
  /// Attention heads of the last block.
  public var lastHeadCount: Int {
    switch self {
    case .swin(let own): own.headCounts.last ?? 1
    case .visionTransformer(let own): own.headCount
    }
  }
}
