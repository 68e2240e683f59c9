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
      "deit-s", "DeiT-S", .visionTransformer(.deitSmall),
      spellings: ["DeiT-S", "DeiT-S/16", "ViT-S/16", "ViT-S", "deit_s"]),
    NamedNetwork("swin-mini", "Swin-mini", .swin(.mini)),
    NamedNetwork(
      "moco-vit-s", "ViT-S (12 heads)", .visionTransformer(.mocoV3Small), spellings: ["ViT-S"]),
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
    switch architecture {
    case .swin(let own):
      if let row = rows.first(where: { $0.architecture == architecture }) { return row.title }
      for row in rows {
        guard case .swin(var known) = row.architecture else { continue }
        known.windowSizes = own.windowSizes
        if known == own { return "\(row.title) (\(own.windowText))" }
      }
      let stages = own.depths.map(String.init).joined(separator: "-")
      return "Swin (\(own.embeddingSize) channels, depths \(stages), \(own.windowText))"
    case .visionTransformer(let own):
      let suffix = own.hasDistillationToken ? " distilled" : ""
      let title = rows.first {
        guard case .visionTransformer(let known) = $0.architecture else { return false }
        return known.hasSameBlocks(as: own)
      }?.title
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
