import TensorCore

/// Which parameters a recipe's weight decay reaches.
public enum WeightDecayRule: String, Sendable, CaseIterable {
  /// All of them.
  case all
  /// All but one-dimensional tensors and biases.
  case matrices
  /// As `matrices`, sparing bias tables, position embeddings and the class token, too.
  case matricesWithoutPositions = "matrices-without-positions"
  /// All but the backbone's norms, bias tables and position embeddings, by their names; biases
  /// decay. As the Swin recipes for detection and segmentation have it.
  case namedNorms = "named-norms"

  /// Whether a parameter decays.
  public func decays(key: String, shape: [Int]) -> Bool {
    if self == .all { return true }
    if self == .namedNorms {
      return !["norm", "relative_position_bias_table", "pos_embed"].contains {
        key.contains($0)
      }
    }
    if shape.count == 1 || key.hasSuffix(".bias") { return false }
    guard self == .matricesWithoutPositions else { return true }
    let spared = ["relative_position_bias_table", "pos_embed", "cls_token"]
    return !spared.contains { key.hasSuffix($0) }
  }

  /// What an optimiser trains, with the decay that the rule gives it.
  ///
  /// LARS adapts the steps of what `matrices` lets decay.
  public func applied(
    to parameters: [(key: String, tensor: Tensor)], weightDecay: Float
  ) -> [OptimizedParameter] {
    parameters.map { key, tensor in
      OptimizedParameter(
        key: key, tensor: tensor,
        weightDecay: decays(key: key, shape: tensor.shape) ? weightDecay : 0,
        isAdapted: Self.matrices.decays(key: key, shape: tensor.shape))
    }
  }
}
