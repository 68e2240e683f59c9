import TensorCore

/// An affine map of the last axis, y = x Wᵀ + b.
///
/// - in: `[..., I]`; out: `[..., O]`
///
/// State keys: `weight [O, I]`, `bias [O]`.
public final class Linear: Module {
  /// `[O, I]`.
  public let weight: Tensor
  /// `[O]`, or nil.
  public let bias: Tensor?

  /// Wraps a weight and a bias; both become trainable.
  public init(weight: Tensor, bias: Tensor?) {
    self.weight = weight
    self.bias = bias
    weight.requiresGradient = true
    bias?.requiresGradient = true
  }

  /// Weight truncated normal 0.02, bias 0: how Swin and DeiT start.
  public convenience init(
    truncatedNormal inputs: Int, _ outputs: Int, usesBias: Bool = true, key: String,
    _ initializer: Initializer
  ) {
    self.init(
      weight: initializer.truncatedNormal([outputs, inputs], key: key + "weight"),
      bias: usesBias ? Tensor(zeros: [outputs]) : nil)
  }

  /// Weight and bias uniform in ±1/√inputs: PyTorch's default, how projection heads start.
  public convenience init(
    uniform inputs: Int, _ outputs: Int, usesBias: Bool = true, key: String,
    _ initializer: Initializer
  ) {
    self.init(
      weight: initializer.uniformFan([outputs, inputs], key: key + "weight", fanIn: inputs),
      bias: usesBias
        ? initializer.uniformFan([outputs], key: key + "bias", fanIn: inputs) : nil)
  }

  /// Applies the map.
  public func callAsFunction(_ x: Tensor) -> Tensor { linear(x, weight: weight, bias: bias) }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "weight", weight)
    if let bias { visit(prefix + "bias", bias) }
  }
}

/// Layer normalisation of the last axis.
///
/// State keys: `weight [C]`, `bias [C]`. Initialisation: 1 and 0.
public final class LayerNorm: Module {
  /// `[C]`.
  public let weight, bias: Tensor
  /// Added to the variance: 1e-5 in Swin, 1e-6 in DeiT.
  public let epsilon: Float

  /// A normalisation of `channelCount` channels that starts as weight 1 and bias 0.
  public init(_ channelCount: Int, epsilon: Float) {
    weight = Tensor(repeating: 1, shape: [channelCount])
    bias = Tensor(zeros: [channelCount])
    self.epsilon = epsilon
    weight.requiresGradient = true
    bias.requiresGradient = true
  }

  /// Normalises the last axis.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "weight", weight)
    visit(prefix + "bias", bias)
  }
}

/// Batch normalisation of `[N, C]`, ε 1e-5 and momentum 0.1.
///
/// State keys: `weight`, `bias` (when affine), `running_mean`, `running_var`, all `[C]`, and
/// `num_batches_tracked`, one number. Initialisation: 1 and 0.
public final class BatchNorm: Module {
  /// `[C]`, or nil when the normalisation is not affine.
  public let weight, bias: Tensor?
  /// Running mean and variance.
  public let statistics: RunningStatistics
  /// Batch statistics when true, running ones when false.
  public var isTraining = true
  /// Equal groups of consecutive rows that are normalised by themselves in training, as several
  /// processes without synchronised statistics would; the running ones see each group in turn.
  public var groupCount = 1

  /// A normalisation of `channelCount` channels.
  public init(_ channelCount: Int, isAffine: Bool = true) {
    weight = isAffine ? Tensor(repeating: 1, shape: [channelCount]) : nil
    bias = isAffine ? Tensor(zeros: [channelCount]) : nil
    statistics = RunningStatistics(channelCount: channelCount)
    weight?.requiresGradient = true
    bias?.requiresGradient = true
  }

  /// Normalises the columns.
  ///
  /// - Precondition: in training the groups divide the rows, two or more rows each.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard groupCount > 1, isTraining else { return normalized(x) }
    precondition(
      x.shape[0] % groupCount == 0, "\(groupCount) groups do not divide \(x.shape[0]) rows")
    let size = x.shape[0] / groupCount
    return concatenated(
      (0..<groupCount).map { normalized(rows(x, $0 * size..<($0 + 1) * size)) })
  }

  private func normalized(_ x: Tensor) -> Tensor {
    batchNorm(
      x, weight: weight, bias: bias, statistics: statistics, training: isTraining, epsilon: 1e-5,
      momentum: 0.1)
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    if let weight { visit(prefix + "weight", weight) }
    if let bias { visit(prefix + "bias", bias) }
  }

  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "running_mean", statistics.mean)
    visit(prefix + "running_var", statistics.variance)
    visit(prefix + "num_batches_tracked", statistics.tracked)
  }
}

extension Module {
  /// Takes over stored running statistics of every batch normalisation inside.
  ///
  /// - Parameter stored: The numbers under a key, or nil.
  public func restoreStatistics(_ stored: (String) -> [Float]?) {
    visitBuffers("") { key, tensor in
      let isCount = key.hasSuffix("num_batches_tracked")
      guard isCount || key.hasSuffix("running_mean") || key.hasSuffix("running_var"),
        let values = stored(key), values.count == tensor.elementCount,
        // A count that is none is not taken over, and so is noticed by who reads it back.
        !isCount || values.allSatisfy({ Int(exactly: $0).map { $0 >= 0 } == true })
      else { return }
      tensor.assign(values)
    }
  }
}
