/// What networks are known to have that leave no trace in the shapes of their weights.
enum PublishedShapes {
  /// Channels and blocks of the Swin Transformers that have a name, and of one more that is met.
  static let swin: [(channels: Int, depths: [Int])] =
    NetworkTable.rows.compactMap { row in
      guard case .swin(let swin) = row.architecture else { return nil }
      return (swin.embeddingSize, swin.depths)
    } + [(96, [2, 2, 30, 2])]

  /// Channels, blocks and heads of the plain transformers that have a name, and of larger ones.
  static let plain: [(channels: Int, depth: Int, heads: Int, name: String)] =
    NetworkTable.rows.compactMap { row in
      guard case .visionTransformer(let vit) = row.architecture, !vit.hasFixedPositions else {
        return nil
      }
      return (vit.embeddingSize, vit.depth, vit.headCount, row.title)
    } + [(1024, 24, 16, "ViT-L"), (1280, 32, 16, "ViT-H")]

  /// The heads of published networks of these shapes, and whether others differ; nil where
  /// published networks of these shapes do not agree at all.
  static func headCount(
    like vit: VisionTransformerConfiguration
  ) -> (count: Int, source: String, isAssumed: Bool)? {
    // MoCo v3's positions are its trace: its ViT-S has twelve heads like its ViT-B.
    if vit.hasFixedPositions, [384, 768].contains(vit.embeddingSize) {
      return (12, "MoCo v3, whose positions these are,", false)
    }
    guard
      let known = plain.first(where: {
        $0.channels == vit.embeddingSize && $0.depth == vit.depth
      }),
      // MAE-Lite's has twelve, DeiT-Ti three; of the two only DeiT-Ti is distilled.
      known.channels != 192 || vit.hasDistillationToken
    else { return nil }
    return (known.heads, known.name, known.channels == 384)
  }

  /// The heads of a network by its name, where the name goes with the channels.
  static func headCount(named name: String, like vit: VisionTransformerConfiguration) -> Int? {
    if let row = NetworkTable.rows.first(where: { $0.title == name || $0.name == name }) {
      guard case .visionTransformer(let known) = row.architecture,
        known.embeddingSize == vit.embeddingSize
      else { return nil }
      return known.headCount
    }
    let plain = name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" }
    let text = String(plain)
    let known: [(part: String, channels: Int, heads: Int)] = [
      ("mae_vit_tiny", 192, 12), ("mocov3_small", 384, 12), ("moco_vit_s", 384, 12),
      ("vit_tiny", 192, 3), ("deit_tiny", 192, 3), ("vit_t", 192, 3), ("vit_small", 384, 6),
      ("deit_small", 384, 6), ("vit_s", 384, 6), ("vits", 384, 6), ("dinov2_small", 384, 6),
      ("vit_base", 768, 12), ("deit_base", 768, 12), ("vit_b", 768, 12), ("vitb", 768, 12),
      ("vit_large", 1024, 16), ("vit_l", 1024, 16), ("vitl", 1024, 16), ("vit_huge", 1280, 16),
      ("vit_h", 1280, 16),
    ]
    return known.first { text.contains($0.part) && $0.channels == vit.embeddingSize }?.heads
  }
}

extension Architecture {
  /// Whether this is a plain transformer.
  var isPlain: Bool {
    if case .visionTransformer = self { true } else { false }
  }

  /// Numbers in the weights, positions and bias tables aside: they may be resized.
  public var weightCount: Double {
    switch self {
    case .swin(let swin):
      swin.depths.enumerated().reduce(0) { sum, entry in
        let channels = Double(swin.embeddingSize) * Double(1 << entry.offset)
        return sum + Double(entry.element) * (4 + 2 * Double(swin.mlpRatio)) * channels * channels
      }
    case .visionTransformer(let vit):
      12 * Double(vit.depth) * Double(vit.embeddingSize) * Double(vit.embeddingSize)
    }
  }
}
