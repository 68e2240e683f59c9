import Layers
import TensorCore

extension SwinTransformer {
  /// Takes over the weights of a backbone for classification; the output norms stay as they are.
  ///
  /// Bias tables of another window size are resized. Other keys must agree.
  ///
  /// - Returns: The keys that found no counterpart.
  /// - Throws: `CheckpointError` when the backbone is another network.
  @discardableResult
  public func takeWeights(of loaded: LoadedBackbone) throws(CheckpointError) -> [String] {
    let source = Dictionary(
      loaded.backbone.parameters.map { ($0.key, $0.tensor) },
      uniquingKeysWith: { first, _ in first })
    var missing: [String] = []
    for (key, tensor) in parameters {
      guard let values = source[key] else {
        missing.append(key)
        continue
      }
      if values.shape == tensor.shape {
        tensor.assign(values)
        continue
      }
      let (from, to) = (side(values.shape[0]), side(tensor.shape[0]))
      guard key.hasSuffix("relative_position_bias_table"), values.shape.count == 2,
        values.shape[1] == tensor.shape[1], from * from == values.shape[0],
        to * to == tensor.shape[0]
      else {
        throw CheckpointError(
          path: loaded.report.path,
          problem: "has '\(key)' of shape \(values.shape) where \(configuration.name) needs "
            + "\(tensor.shape)",
          remedy: "give a backbone of that network")
      }
      tensor.assign(
        BicubicMaps.resized(
          values.values, rows: from, columns: from, channels: tensor.shape[1], toRows: to,
          toColumns: to))
    }
    return missing
  }

  private func side(_ count: Int) -> Int { Int(Double(count).squareRoot().rounded()) }
}

extension SwinConfiguration {
  /// The numbers of a dense backbone whose weights these are; nil when they are none.
  init?(dense tensors: [String: StoredTensor], prefix: String) {
    guard let patch = tensors[prefix + "patch_embed.proj.weight"]?.shape, patch.count == 4,
      patch[0] > 0
    else { return nil }
    var depths: [Int] = []
    var heads: [Int] = []
    var window = 0
    func table(_ stage: Int, _ block: Int) -> [Int]? {
      tensors["\(prefix)layers.\(stage).blocks.\(block).attn.relative_position_bias_table"]?.shape
    }
    while let shape = table(depths.count, 0) {
      let side = Int(Double(shape[0]).squareRoot().rounded())
      guard shape.count == 2, side * side == shape[0], shape[1] > 0,
        (patch[0] << depths.count) % shape[1] == 0
      else { return nil }
      var depth = 1
      while table(depths.count, depth) != nil { depth += 1 }
      window = (side + 1) / 2
      depths.append(depth)
      heads.append(shape[1])
    }
    guard depths.count == 4 else { return nil }
    self.init(
      embeddingSize: patch[0], depths: depths, headCounts: heads, windowSize: window)
  }
}
