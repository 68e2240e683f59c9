/// A network with a name: one row of the table that every program reads.
public struct NamedNetwork: Sendable, Equatable {
  /// The name on the command line.
  public let name: String
  /// The name in tables and records.
  public let title: String
  /// The numbers of the network; a checkpoint's network is found by comparing them.
  public let architecture: Architecture
  /// How papers and files write the network; a spelling may be that of several.
  public let spellings: [String]

  init(_ name: String, _ title: String, _ architecture: Architecture, spellings: [String] = []) {
    self.name = name
    self.title = title
    self.architecture = architecture
    self.spellings = spellings
  }
}

/// The networks that programs know by name.
public enum NetworkTable {
  /// One a row; a new one is a new row.
  public static let rows: [NamedNetwork] = [
    NamedNetwork("swin-t", "Swin-T", .swin(.tiny), spellings: ["Swin-T", "swin_t", "swin_tiny"]),
    NamedNetwork(
      "swin-t-bn", "Swin-T (batch norm before MLP)", .swin(.tiny.batchNormBeforeMLP),
      spellings: ["Swin-T (batch norm before MLP)", "moby_swin_tiny_bn"]),
    NamedNetwork("swin-s", "Swin-S", .swin(.small), spellings: ["Swin-S", "swin_s", "swin_small"]),
    NamedNetwork("swin-b", "Swin-B", .swin(.base), spellings: ["Swin-B", "swin_b", "swin_base"]),
    NamedNetwork("swin-l", "Swin-L", .swin(.large), spellings: ["Swin-L", "swin_l", "swin_large"]),
    NamedNetwork("swin-b-384", "Swin-B (window 12)", .swin(.base.windows(of: 12))),
    NamedNetwork("swin-l-384", "Swin-L (window 12)", .swin(.large.windows(of: 12))),
    NamedNetwork(
      "deit-ti", "DeiT-Ti", .visionTransformer(.deitTiny),
      spellings: ["DeiT-Ti", "DeiT-T", "DeiT-Ti/16", "ViT-Ti/16", "deit_ti", "deit_t"]),
    NamedNetwork(
      "deit-s", "DeiT-S", .visionTransformer(.deitSmall),
      spellings: ["DeiT-S", "DeiT-S/16", "ViT-S/16", "ViT-S", "deit_s"]),
    NamedNetwork(
      "deit-b", "DeiT-B", .visionTransformer(.deitBase),
      spellings: ["DeiT-B", "DeiT-B/16", "ViT-B/16", "ViT-B", "deit_b"]),
    NamedNetwork(
      "deit-ti-distilled", "DeiT-Ti distilled", .visionTransformer(.deitTiny.distilled)),
    NamedNetwork("deit-s-distilled", "DeiT-S distilled", .visionTransformer(.deitSmall.distilled)),
    NamedNetwork("deit-b-distilled", "DeiT-B distilled", .visionTransformer(.deitBase.distilled)),
    NamedNetwork("vit-s-8", "ViT-S/8", .visionTransformer(.deitSmall.patches(of: 8))),
    NamedNetwork("vit-b-8", "ViT-B/8", .visionTransformer(.deitBase.patches(of: 8))),
    NamedNetwork("swin-mini", "Swin-mini", .swin(.mini)),
    NamedNetwork(
      "swin-mini-bn", "Swin-mini (batch norm before MLP)", .swin(.mini.batchNormBeforeMLP)),
    NamedNetwork(
      "moco-vit-s", "ViT-S (12 heads)", .visionTransformer(.mocoV3Small), spellings: ["ViT-S"]),
    NamedNetwork(
      "moco-vit-b", "ViT-B (fixed positions)", .visionTransformer(.mocoV3Base),
      spellings: ["ViT-B"]),
  ]

  /// The names of each network, its title first, without those that several networks have.
  public static var synonyms: [[String]] {
    rows.map { row in
      let own = row.spellings.filter { spelling in
        spelling != row.title && !rows.contains { $0 != row && $0.spellings.contains(spelling) }
      }
      return [row.title] + own
    }
  }

  /// The name of a network in tables: its row's title, or its numbers.
  static func title(of architecture: Architecture) -> String {
    if let row = rows.first(where: { $0.architecture == architecture }) { return row.title }
    switch architecture {
    case .swin(let own):
      for row in rows {
        guard case .swin(let known) = row.architecture,
          known.windows(of: own.windowSize) == own.windows(of: own.windowSize)
        else { continue }
        return "\(row.title) (\(own.windowText))"
      }
      let stages = own.depths.map(String.init).joined(separator: "-")
      return "Swin (\(own.embeddingSize) channels, depths \(stages), \(own.windowText)"
        + (own.hasBatchNormBeforeMLP ? ", batch norm before MLP)" : ")")
    case .visionTransformer(let own):
      let suffix = own.hasDistillationToken ? " distilled" : ""
      let alike = rows.compactMap { row -> (title: String, hasFixedPositions: Bool)? in
        guard case .visionTransformer(let known) = row.architecture, known.hasSameBlocks(as: own),
          !known.hasDistillationToken
        else { return nil }
        return (row.title, known.hasFixedPositions)
      }
      let title =
        alike.first { $0.hasFixedPositions == own.hasFixedPositions }?.title ?? alike.first?.title
      return
        (title
        ?? "ViT (\(own.embeddingSize) channels, depth \(own.depth), \(own.headCount) heads, "
        + "patch \(own.patchSize))") + suffix
    }
  }
}

extension Architecture {
  /// Channels of every stage's map in the dense form.
  var stageChannels: [Int] {
    switch self {
    case .swin(let configuration): configuration.depths.indices.map(configuration.channels)
    case .visionTransformer(let configuration): [configuration.embeddingSize]
    }
  }
}

extension Architecture {
  /// Pixels of the image a side of a cell, of every stage's map.
  var stageStrides: [Int] {
    switch self {
    case .swin(let configuration):
      configuration.depths.indices.map { configuration.patchSize << $0 }
    case .visionTransformer(let configuration): [configuration.patchSize]
    }
  }
}

extension VisionTransformerConfiguration {
  /// Whether all but positions and extra tokens agree.
  fileprivate func hasSameBlocks(as other: VisionTransformerConfiguration) -> Bool {
    patchSize == other.patchSize && embeddingSize == other.embeddingSize && depth == other.depth
      && headCount == other.headCount
  }
}
