import TensorCore

/// The Swift twin of `Tests/References/fill.py`: values from a name, the same to the last bit.
public enum DeterministicFill {
  /// Uniform numbers in `centre ± bound`.
  public static func values(
    _ name: String, count: Int, bound: Float = 1, centre: Float = 0
  ) -> [Float] {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return (0..<count).map { index in
      var z = hash &+ UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      z ^= z >> 31
      let unit = Float(z >> 40) * 0x1p-24
      return (unit * 2 - 1) * bound + centre
    }
  }

  /// A tensor of such numbers.
  public static func tensor(
    _ name: String, _ shape: [Int], bound: Float = 1, centre: Float = 0
  ) -> Tensor {
    Tensor(
      values(name, count: shape.reduce(1, *), bound: bound, centre: centre), shape: shape)
  }

  /// A parameter by its official key, scaled so that a deep forward pass stays in range.
  public static func weight(_ name: String, _ shape: [Int]) -> Tensor {
    let parts = name.split(separator: ".")
    if name.hasSuffix("bias_table") { return tensor(name, shape, bound: 0.5) }
    if parts.count >= 2, parts[parts.count - 2].contains("norm") {
      return tensor(name, shape, bound: 0.1, centre: name.hasSuffix("weight") ? 1 : 0)
    }
    if name.hasSuffix("bias") || shape.count == 1 { return tensor(name, shape, bound: 0.1) }
    if ["pos_embed", "cls_token", "dist_token"].contains(name) {
      return tensor(name, shape, bound: 0.5)
    }
    let fanIn = shape.dropFirst().reduce(1, *)
    return tensor(name, shape, bound: Float((3 / Double(fanIn)).squareRoot()))
  }

  /// Fills a whole network by its keys: parameters, and running statistics where it has them.
  ///
  /// The gains of batch norms and the running variances lie around 1; `openmmlab.py` has the same
  /// rule.
  public static func fill(_ tensors: [(key: String, tensor: Tensor)]) {
    for (key, tensor) in tensors where !key.hasSuffix("num_batches_tracked") {
      let isPositive = key.hasSuffix("bn.weight") || key.hasSuffix("running_var")
      tensor.assign(weight(key, tensor.shape).values.map { isPositive ? $0 + 1 : $0 })
    }
  }
}
