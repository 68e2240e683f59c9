import Layers
import TensorCore

extension Architecture {
  /// The network whose weights these are, read from their shapes; nil when it is none that is
  /// known.
  ///
  /// Stages and blocks are counted by their highest number, so that one that lacks some of its keys
  /// still counts and the report can name them. A plain transformer's heads leave no trace: they
  /// are 0 where its positions do not tell them, and `ArchitectureResolver` asks further.
  ///
  /// - Parameters:
  ///   - tensors: A backbone's tensors under the official keys.
  ///   - layout: How the file named them, which tells MoCo v3's ViT.
  ///   - scalesLayers: Whether the file has factors of layer scale.
  init?(
    canonical tensors: [String: StoredTensor], layout: CheckpointLayout, scalesLayers: Bool = false
  ) {
    guard let patch = tensors["patch_embed.proj.weight"]?.shape, patch.count == 4,
      patch.allSatisfy({ $0 > 0 }), patch[3] < 1 << 16
    else { return nil }
    let blocks = BlockCounts(tensors.keys)
    if !blocks.depths.isEmpty {
      guard let swin = SwinConfiguration(tensors, patch: patch, depths: blocks.depths) else {
        return nil
      }
      self = .swin(swin)
    } else if tensors["cls_token"] != nil, blocks.depth > 0 {
      var vit = VisionTransformerConfiguration(
        patchSize: patch[3], embeddingSize: patch[0], depth: blocks.depth, headCount: 0)
      vit.hasFixedPositions =
        layout == .mocoV3
        || tensors["pos_embed"].map { $0.isSineCosine(channels: patch[0]) } == true
      vit.hasDistillationToken = tensors["dist_token"] != nil
      // Hugging Face's ViT and DeiT have 1e-12, their DINOv2, which alone scales its layers, 1e-6.
      if layout == .huggingFace, !scalesLayers { vit.epsilon = 1e-12 }
      self = .visionTransformer(vit)
    } else {
      return nil
    }
    guard tensors.mayFill(leastWeights) else { return nil }
  }

  /// What tells this network from another that its weights are meant for; nil when they fit it,
  /// windows aside.
  func mismatch(with wanted: Architecture) -> String? {
    guard case .swin(var own) = self, case .swin(let other) = wanted,
      own.embeddingSize == other.embeddingSize, own.headCounts == other.headCounts
    else { return self == wanted ? nil : "holds \(name) where \(wanted.name) is needed" }
    own.windowSizes = other.windowSizes
    guard own != other else { return nil }
    for (stage, (has, needs)) in zip(own.depths, other.depths).enumerated() where has != needs {
      return has < needs
        ? "lacks 'layers.\(stage).blocks.\(needs - 1)' of \(wanted.name): its stage \(stage) has "
          + "\(has) blocks, not \(needs)"
        : "has 'layers.\(stage).blocks.\(has - 1)', which \(wanted.name) has no place for: its "
          + "stage \(stage) has \(has) blocks, not \(needs)"
    }
    return "holds \(name) where \(wanted.name) is needed"
  }
}

/// Blocks by the numbers in their keys.
private struct BlockCounts {
  /// `layers.L.blocks.B.*`: blocks of every stage.
  var depths: [Int] = []
  /// `blocks.B.*`.
  var depth = 0

  init(_ keys: some Sequence<String>) {
    for key in keys {
      let parts = key.split(separator: ".", maxSplits: 4)
      if parts.count > 3, parts[0] == "layers", parts[2] == "blocks", let stage = Int(parts[1]),
        let block = Int(parts[3]), (0..<16).contains(stage), (0..<1000).contains(block)
      {
        while depths.count <= stage { depths.append(0) }
        depths[stage] = max(depths[stage], block + 1)
      } else if parts.count > 2, parts[0] == "blocks", let block = Int(parts[1]),
        (0..<1000).contains(block)
      {
        depth = max(depth, block + 1)
      }
    }
  }
}

extension SwinConfiguration {
  fileprivate init?(_ tensors: [String: StoredTensor], patch: [Int], depths: [Int]) {
    var headCounts: [Int] = []
    var windows: [Int] = []
    for (stage, depth) in depths.enumerated() {
      // Any block of a stage tells its heads and its window: one may be the one that is missing.
      let tables = Set(
        (0..<depth).compactMap {
          tensors["layers.\(stage).blocks.\($0).attn.relative_position_bias_table"]?.shape
        })
      guard tables.count == 1, let table = tables.first, table.count == 2,
        let side = squareRoot(table[0]), side % 2 == 1, side < 1 << 12, table[1] > 0,
        (patch[0] << stage) % table[1] == 0
      else { return nil }
      windows.append((side + 1) / 2)
      headCounts.append(table[1])
    }
    // The last stage does not merge; one that does has lost the stages after it.
    guard tensors["layers.\(depths.count - 1).downsample.reduction.weight"] == nil else {
      return nil
    }
    self.init(embeddingSize: patch[0], depths: depths, headCounts: headCounts, windowSize: 0)
    windowSizes =
      Self.clampedWindow(windows).map { [Int](repeating: $0, count: depths.count) }
      ?? windows
    patchSize = patch[3]
    if let hidden = tensors["layers.0.blocks.0.mlp.fc1.weight"]?.shape.first {
      mlpRatio = hidden / embeddingSize
    }
    hasBatchNormBeforeMLP = tensors.keys.contains { $0.hasSuffix(".norm2.running_mean") }
  }

  /// The one window of a network whose later stages had maps smaller than it; nil when windows
  /// differ for another reason.
  ///
  /// Where a map is smaller than a window, the reference makes the window, and its table, as small
  /// as the map; maps halve from stage to stage.
  static func clampedWindow(_ windows: [Int]) -> Int? {
    guard let window = windows.max() else { return nil }
    return (1...max(1, window << windows.count)).contains { first in
      var map = first
      return windows.allSatisfy { side in
        defer { map = (map + 1) / 2 }
        return side == min(window, map)
      }
    } ? window : nil
  }
}

extension StoredTensor {
  /// Whether these are MoCo v3's positions, which are not trained.
  fileprivate func isSineCosine(channels: Int) -> Bool {
    guard shape.count == 3, shape[0] == 1, channels % 4 == 0, shape[2] == channels,
      let grid = squareRoot(shape[1] - 1)
    else { return false }
    let fixed = VisionTransformer.sineCosinePositions(grid: grid, channels: channels, leading: 1)
    // Sines are at most 1; bfloat16 rounds them by half a unit of its last place, and may have been
    // widened since. Positions that are trained begin far from these.
    let tolerance: Float = [.float8E4M3, .float8E5M2].contains(type) ? 0x1p-3 : 0x1p-8
    return zip(floats(), fixed.values).allSatisfy { abs($0 - $1) <= tolerance }
  }
}
