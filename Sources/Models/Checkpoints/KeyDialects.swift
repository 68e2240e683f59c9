import Foundation

/// Weights brought from other programs' names and orders to the official ones.
enum KeyDialects {
  typealias Tensors = [String: StoredTensor]

  /// The official names for a backbone's keys, whatever dialect they are in.
  ///
  /// - Throws: `KeyClash` when two keys name the same tensor.
  static func official(
    _ tensors: Tensors, from dialect: KeyDialect
  ) throws(CanonicalWeights.KeyClash) -> Tensors {
    switch dialect {
    case .official: try withFlatBlocks(tensors)
    case .openMMLab: try fromOpenMMLab(tensors)
    case .huggingFace: try fromHuggingFace(tensors)
    case .torchvision: try fromTorchvision(tensors)
    }
  }

  private static func renamed(_ key: String, _ pairs: [(from: String, to: String)]) -> String {
    pairs.reduce(key) { key, pair in
      // A name at the key's beginning, or one anywhere behind a dot.
      guard !pair.from.hasPrefix(".") else {
        return key.range(of: pair.from).map { key.replacingCharacters(in: $0, with: pair.to) }
          ?? key
      }
      return key.hasPrefix(pair.from) ? pair.to + key.dropFirst(pair.from.count) : key
    }
  }

  private static func mapped(
    _ tensors: Tensors, _ name: (String) -> String
  ) throws(CanonicalWeights.KeyClash) -> Tensors {
    var result: Tensors = [:]
    var sources: [String: String] = [:]
    for (key, tensor) in tensors.sorted(by: { $0.key < $1.key }) {
      let own = name(key)
      if let other = sources.updateValue(key, forKey: own),
        result[own].map({ !$0.holdsSame(as: tensor) }) ?? true
      {
        throw CanonicalWeights.KeyClash(wrapped: other, bare: key)
      }
      result[own] = tensor
    }
    return result
  }

  // MARK: timm and DINOv2

  /// DINOv2 keeps its blocks in chunks, `blocks.C.B`, where B counts through all of them.
  private static func withFlatBlocks(
    _ tensors: Tensors
  ) throws(CanonicalWeights.KeyClash) -> Tensors {
    try mapped(tensors) { key in
      let parts = key.split(separator: ".")
      guard parts.count > 3, parts[0] == "blocks", Int(parts[1]) != nil, Int(parts[2]) != nil else {
        return key
      }
      return (["blocks"] + parts.dropFirst(2)).joined(separator: ".")
    }
  }

  /// Whether the merge stands at the start of the next stage, as in timm since 2023: stage 0 has
  /// none.
  static func isTimm(_ tensors: Tensors) -> Bool {
    tensors["layers.0.downsample.reduction.weight"] == nil
      && tensors.keys.contains {
        $0.hasPrefix("layers.") && $0.hasSuffix(".downsample.reduction.weight")
      }
  }

  static func fromTimm(_ tensors: Tensors) throws(CanonicalWeights.KeyClash) -> Tensors {
    try mapped(tensors) { key in
      let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count > 3, parts[0] == "layers", parts[2] == "downsample",
        let stage = Int(parts[1]), stage > 0
      else { return key }
      return (["layers", String(stage - 1)] + parts.dropFirst(2)).joined(separator: ".")
    }
  }

  // MARK: OpenMMLab

  /// Keys and order of the Swin authors for a backbone in OpenMMLab's dialect.
  static func fromOpenMMLab(_ tensors: Tensors) throws(CanonicalWeights.KeyClash) -> Tensors {
    let isSwin = tensors.keys.contains { $0.hasPrefix("stages.") }
    let isClassifier = tensors["norm3.weight"] != nil && tensors["norm0.weight"] == nil
    var pairs = [
      ("patch_embed.projection.", "patch_embed.proj."), (".attn.w_msa.", ".attn."),
      (".ffn.layers.0.0.", ".mlp.fc1."), (".ffn.layers.1.", ".mlp.fc2."),
    ]
    if isSwin {
      pairs.append(("stages.", "layers."))
      if isClassifier { pairs.append(("norm3.", "norm.")) }
    } else {
      pairs += [
        ("layers.", "blocks."), (".ln1.", ".norm1."), (".ln2.", ".norm2."), ("ln1.", "norm."),
        (".attn.gamma1.weight", ".ls1.gamma"), (".ffn.gamma2.weight", ".ls2.gamma"),
      ]
    }
    return try mapped(
      Dictionary(
        uniqueKeysWithValues: tensors.map { key, tensor in
          (key, key.contains(".downsample.") ? unfoldReordered(tensor) : tensor)
        })
    ) { renamed($0, pairs) }
  }

  /// Reorders the last axis from unfold's order (channel, then position by rows) to the official
  /// one (position by columns: top left, bottom left, top right, bottom right; then channel).
  private static func unfoldReordered(_ tensor: StoredTensor) -> StoredTensor {
    guard let length = tensor.shape.last, length % 4 == 0, length > 0 else { return tensor }
    let channels = length / 4
    let values = tensor.floats()
    var result = values
    let position = [0, 2, 1, 3]
    for row in 0..<values.count / length {
      for slice in 0..<4 {
        for channel in 0..<channels {
          result[row * length + slice * channels + channel] =
            values[row * length + channel * 4 + position[slice]]
        }
      }
    }
    return StoredTensor(shape: tensor.shape, values: result)
  }

  // MARK: Hugging Face

  /// Swin and ViT of transformers, as files have them and as its version 5 calls them.
  private static func fromHuggingFace(
    _ tensors: Tensors
  ) throws(CanonicalWeights.KeyClash) -> Tensors {
    let isSwin = tensors.keys.contains { $0.contains(".blocks.") }
    let pairs: [(String, String)] = [
      ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
      ("embeddings.norm.", "patch_embed.norm."),
      ("embeddings.position_embeddings", isSwin ? "absolute_pos_embed" : "pos_embed"),
      ("embeddings.distillation_token", "dist_token"), ("embeddings.", ""),
      ("encoder.layers.", "layers."), ("encoder.layer.", "blocks."),
      ("layers.", isSwin ? "layers." : "blocks."), ("layernorm.", "norm."),
      (".attention.self.", ".attn."), (".attention.attention.", ".attn."),
      (".attention.relative_position_bias.", ".attn."), (".attention.output.dense.", ".attn.proj."),
      (".attention.o_proj.", ".attn.proj."), (".attention.", ".attn."),
      (".attn.q_proj.", ".attn.query."), (".attn.k_proj.", ".attn.key."),
      (".attn.v_proj.", ".attn.value."), (".layernorm_before.", ".norm1."),
      (".layernorm_after.", ".norm2."), (".intermediate.dense.", ".mlp.fc1."),
      (".output.dense.", ".mlp.fc2."), (".layer_scale1.lambda1", ".ls1.gamma"),
      (".layer_scale2.lambda1", ".ls2.gamma"),
    ]
    return joiningQueries(try mapped(tensors) { renamed($0, pairs) })
  }

  /// Queries, keys and values of one layer as one matrix; what lacks its siblings stays as it is.
  private static func joiningQueries(_ tensors: Tensors) -> Tensors {
    var result = tensors
    for (key, query) in tensors where key.contains(".attn.query.") {
      func sibling(_ name: String) -> String {
        key.replacingOccurrences(of: ".attn.query.", with: ".attn.\(name).")
      }
      let names = [key, sibling("key"), sibling("value")]
      let parts = names.compactMap { tensors[$0] }
      guard parts.count == 3, tensors[sibling("qkv")] == nil, let rows = query.shape.first,
        parts.allSatisfy({ $0.shape == query.shape }),
        checkedCount([3 * rows] + query.shape.dropFirst()) != nil
      else { continue }
      for name in names { result[name] = nil }
      result[sibling("qkv")] = StoredTensor(
        shape: [3 * rows] + query.shape.dropFirst(), values: parts.flatMap { $0.floats() })
    }
    return result
  }

  // MARK: torchvision

  /// `swin_t` and its like, and `vit_b_16` and its like.
  private static func fromTorchvision(
    _ tensors: Tensors
  ) throws(CanonicalWeights.KeyClash) -> Tensors {
    let pairs: [(String, String)] = [
      ("class_token", "cls_token"), ("conv_proj.", "patch_embed.proj."),
      ("encoder.pos_embedding", "pos_embed"), ("encoder.ln.", "norm."),
      ("encoder.layers.encoder_layer_", "blocks."), (".ln_1.", ".norm1."), (".ln_2.", ".norm2."),
      (".self_attention.in_proj_", ".attn.qkv."), (".self_attention.out_proj.", ".attn.proj."),
      (".mlp.linear_1.", ".mlp.fc1."), (".mlp.linear_2.", ".mlp.fc2."), (".mlp.0.", ".mlp.fc1."),
      (".mlp.3.", ".mlp.fc2."), ("features.0.0.", "patch_embed.proj."),
      ("features.0.2.", "patch_embed.norm."),
    ]
    return try mapped(tensors) { key in
      let name = renamed(key, pairs)
      let parts = name.split(separator: ".", maxSplits: 2)
      // Stages and merges alternate: 1, 3, 5, 7 and 2, 4, 6.
      guard parts.count == 3, parts[0] == "features", let place = Int(parts[1]), place > 0 else {
        return name
      }
      return place % 2 == 1
        ? "layers.\((place - 1) / 2).blocks.\(parts[2])"
        : "layers.\(place / 2 - 1).downsample.\(parts[2])"
    }
  }

  // MARK: DeiT III

  /// A ViT whose positions are of patches alone (DeiT III, timm's `no_embed_class`): its leading tokens
  /// get positions of 0, which is the same network.
  static func givingPositions(toLeadingTokens tensors: Tensors) -> Tensors {
    guard let positions = tensors["pos_embed"], positions.shape.count == 3, positions.shape[0] == 1,
      tensors["cls_token"] != nil
    else { return tensors }
    let leading = tensors["dist_token"] == nil ? 1 : 2
    let (count, channels) = (positions.shape[1], positions.shape[2])
    guard count > 1, squareRoot(count) != nil, squareRoot(count - leading) == nil else {
      return tensors
    }
    var result = tensors
    result["pos_embed"] = StoredTensor(
      shape: [1, leading + count, channels],
      values: [Float](repeating: 0, count: leading * channels) + positions.floats())
    return result
  }

  /// A network whose queries, keys and values have no biases gets those of 0, which is the same
  /// network; of one that lacks some of them nothing is known.
  static func givingBiases(toQueries tensors: Tensors) -> Tensors {
    let end = ".attn.qkv."
    let hasSome = tensors.keys.contains {
      $0.hasSuffix(end + "bias") || $0.hasSuffix(".attn.q_bias")
    }
    guard !hasSome else { return tensors }
    var result = tensors
    for (key, weight) in tensors where key.hasSuffix(end + "weight") {
      guard weight.shape.count == 2, let rows = weight.shape.first else { continue }
      let name = key.dropLast("weight".count) + "bias"
      result[String(name)] = StoredTensor(
        shape: [rows], values: [Float](repeating: 0, count: rows))
    }
    return result
  }

  // MARK: Layer scale

  /// The factors of layer scale taken into the layers whose outputs they scale: g·(Wx + b) is
  /// (g·W)x + g·b.
  static func foldingLayerScale(_ tensors: Tensors) -> Tensors {
    var result = tensors
    for (key, scale) in tensors {
      let targets = [
        (".ls1.gamma", ".attn.proj."), (".ls2.gamma", ".mlp.fc2."), (".gamma_1", ".attn.proj."),
        (".gamma_2", ".mlp.fc2."),
      ]
      guard let (suffix, layer) = targets.first(where: { key.hasSuffix($0.0) }) else { continue }
      let stem = String(key.dropLast(suffix.count)) + layer
      guard let weight = tensors[stem + "weight"], let bias = tensors[stem + "bias"],
        scale.shape == bias.shape, weight.shape.count == 2, weight.shape.first == scale.shape.first
      else { continue }
      let factors = scale.floats()
      let (rows, columns) = (weight.floats(), weight.shape[1])
      result[key] = nil
      result[stem + "weight"] = StoredTensor(
        shape: weight.shape, values: rows.indices.map { rows[$0] * factors[$0 / columns] })
      result[stem + "bias"] = StoredTensor(
        shape: bias.shape, values: zip(bias.floats(), factors).map { $0 * $1 })
    }
    return result
  }
}
