import FileSupport
import TensorCore

/// What a user says of the network in a file.
public struct NetworkClaim: Sendable, Equatable {
  /// The network that it must be.
  public var architecture: Architecture?
  /// The attention heads of a plain transformer.
  public var headCount: Int?
  /// Whether it must have the maps of several sizes that detectors and segmentors need.
  public var isDense: Bool

  /// Says nothing, or something, of the network.
  public init(
    architecture: Architecture? = nil, headCount: Int? = nil, isDense: Bool = false
  ) {
    self.architecture = architecture
    self.headCount = headCount
    self.isDense = isDense
  }
}

/// Completes a network that shapes alone do not tell, and notes where each number comes from.
///
/// In this order: what the user says, what arguments and names in the file say, what published
/// networks of these shapes have. What none of them tells is refused.
struct ArchitectureResolver {
  let path: String
  let hints: NetworkHints
  let claim: NetworkClaim
  /// Where each number comes from, for records.
  private(set) var origins: [String] = ["patch, channels, blocks and MLP from keys and shapes"]
  /// What could not be read, and what was taken to be usual, for the log.
  private(set) var assumptions: [String]

  init(path: String, hints: NetworkHints, claim: NetworkClaim) {
    self.path = path
    self.hints = hints
    self.claim = claim
    assumptions = hints.notes
  }

  /// The whole network.
  ///
  /// - Throws: `CheckpointError` for what cannot be known, is not built here, or contradicts the
  ///   user or the file.
  mutating func resolve(
    _ read: Architecture, tensors: [String: StoredTensor], layout: CheckpointLayout
  ) throws(CheckpointError) -> Architecture {
    if let activation = hints.activation, activation.value != "gelu" {
      throw CheckpointError(
        path: path,
        problem: "uses the activation '\(activation.value)' (\(activation.place)), which is not "
          + "built here", remedy: "give a network with exact GELU")
    }
    if let wanted = claim.architecture, wanted.isPlain != read.isPlain {
      throw CheckpointError(
        path: path,
        problem:
          "holds a \(read.isPlain ? "ViT" : "Swin Transformer") where \(wanted.name) is needed",
        remedy: "give a file of that network, or its --architecture")
    }
    guard !claim.isDense || read.isDense else {
      let kind =
        read.isPlain
        ? "ViT of other patches than 16 pixels" : "Swin Transformer of other than four stages"
      throw CheckpointError(
        path: path,
        problem: "holds a \(kind), which does not give the feature maps of four sizes that "
          + "detectors and segmentors need",
        remedy: "give a Swin Transformer, or a ViT with patches of 16 pixels")
    }
    var result = read
    switch read {
    case .swin(var swin):
      if claim.headCount != nil {
        throw CheckpointError(
          path: path, problem: "is a Swin Transformer, whose heads its own tables tell",
          remedy: "leave --heads out", exitCode: .usage)
      }
      if let epsilon = hints.epsilon, epsilon.value != 1e-5 {
        throw CheckpointError(
          path: path,
          problem: "has norms with ε of \(epsilon.value) (\(epsilon.place)), where those of Swin "
            + "Transformers here have 1e-5",
          remedy: "give a checkpoint that was trained with 1e-5")
      }
      noteWindows(of: swin, tensors)
      swin.depths = depths(of: swin)
      result = .swin(swin)
    case .visionTransformer(var vit):
      vit.depth = depth(of: vit)
      vit.headCount = try headCount(of: vit, layout: layout)
      if let epsilon = hints.epsilon, epsilon.value > 0, epsilon.value < 1 {
        vit.epsilon = epsilon.value
        origins.append("epsilon \(epsilon.value) from \(epsilon.place)")
      } else {
        origins.append("epsilon \(vit.epsilon) as usual for \(layout.rawValue)")
      }
      result = .visionTransformer(vit)
    }
    guard let wanted = claim.architecture else { return result }
    if let mismatch = result.mismatch(with: Self.aligned(wanted, to: result)) {
      throw CheckpointError(
        path: path, problem: mismatch, remedy: "give a file of that network, or its --architecture")
    }
    return result
  }

  /// A named network with what its name leaves open taken from a file's.
  private static func aligned(_ wanted: Architecture, to read: Architecture) -> Architecture {
    guard case .visionTransformer(var named) = wanted, case .visionTransformer(let own) = read
    else { return wanted }
    named.hasDistillationToken = own.hasDistillationToken
    named.epsilon = own.epsilon
    named.hasFixedPositions = own.hasFixedPositions
    return .visionTransformer(named)
  }

  // MARK: Swin

  private mutating func noteWindows(
    of swin: SwinConfiguration, _ tensors: [String: StoredTensor]
  ) {
    let sides = swin.depths.indices.map { stage -> Int in
      let shapes = (0..<swin.depths[stage]).lazy.compactMap {
        tensors["layers.\(stage).blocks.\($0).attn.relative_position_bias_table"]?.shape
      }
      return shapes.first.flatMap { squareRoot($0[0]) }.map { ($0 + 1) / 2 } ?? 0
    }
    let text = sides.map(String.init).joined(separator: "-")
    guard sides != swin.windowSizes else {
      return origins.append("heads and \(swin.windowText) from the bias tables")
    }
    origins.append(
      "heads from the bias tables; window \(swin.windowSize) from tables of \(text), which maps "
        + "smaller than it leave")
    assumptions.append(
      "windows \(text) are those of window \(swin.windowSize) on maps that halve")
  }

  /// Blocks of every stage: what the file's arguments say, else one that a published network of
  /// these channels has more, which is then missing.
  private mutating func depths(of swin: SwinConfiguration) -> [Int] {
    if let said = hints.depths, said.value.count == swin.depths.count,
      said.value.allSatisfy({ (1..<1000).contains($0) })
    {
      origins.append("depths as \(said.place) says")
      return zip(said.value, swin.depths).map { max($0, $1) }
    }
    let near = PublishedShapes.swin.first { known in
      known.channels == swin.embeddingSize && known.depths.count == swin.depths.count
        && zip(known.depths, swin.depths).allSatisfy { (0...1).contains($0 - $1) }
        && known.depths.reduce(0, +) == swin.depths.reduce(0, +) + 1
    }
    return near?.depths ?? swin.depths
  }

  // MARK: Plain transformers

  private var fileName: String { path.split(separator: "/").last.map(String.init) ?? path }

  private mutating func depth(of vit: VisionTransformerConfiguration) -> Int {
    if let said = hints.blockCount, (vit.depth..<1000).contains(said.value) {
      origins.append("depth as \(said.place) says")
      return said.value
    }
    let near = PublishedShapes.plain.first {
      $0.channels == vit.embeddingSize && $0.depth == vit.depth + 1
    }
    return near?.depth ?? vit.depth
  }

  private mutating func headCount(
    of vit: VisionTransformerConfiguration, layout: CheckpointLayout
  ) throws(CheckpointError) -> Int {
    let channels = vit.embeddingSize
    func divides(_ count: Int) -> Bool { count > 0 && channels % count == 0 }
    let said = hints.headCounts(channels: channels)
    let counts = said.map { NetworkHints.count($0.value) }
    if let own = claim.headCount {
      guard divides(own) else {
        throw CheckpointError(
          path: path, problem: "has \(channels) channels, which \(own) heads do not divide",
          remedy: "give --heads that do", exitCode: .usage)
      }
      // What cannot be, or contradicts itself, is no account.
      if let first = said.first, let count = counts[0], divides(count), count != own,
        counts.allSatisfy({ $0 == count })
      {
        throw CheckpointError(
          path: path, problem: "has \(count) heads by its own account (\(first.place))",
          remedy: "leave --heads out", exitCode: .usage)
      }
      origins.append("heads \(own) from --heads")
      return own
    }
    if let first = said.first {
      for (hint, count) in zip(said, counts) where count.map(divides) != true {
        throw CheckpointError(
          path: path,
          problem: "has \(channels) channels, which '\(hint.value)' heads (\(hint.place)) do not "
            + "divide", remedy: "name its heads with --heads")
      }
      for (hint, count) in zip(said, counts) where count != counts[0] {
        throw CheckpointError(
          path: path,
          problem:
            "has \(first.value) heads (\(first.place)) and \(hint.value) (\(hint.place)) by its "
            + "own account", remedy: "say with --heads which are those of its encoder")
      }
      if let count = counts[0] {
        origins.append("heads \(count) from \(first.place)")
        return count
      }
    }
    if case .visionTransformer(let named)? = claim.architecture,
      named.embeddingSize == vit.embeddingSize
    {
      origins.append("heads \(named.headCount) from --architecture")
      return named.headCount
    }
    // MoCo v3 calls its network vit_small, as others call one of six heads.
    for name in hints.names where !vit.hasFixedPositions {
      guard let count = PublishedShapes.headCount(named: name.value, like: vit) else { continue }
      origins.append("heads \(count) by the name '\(name.value)' (\(name.place))")
      return count
    }
    // Published files of these channels do not agree, and say nothing but by their own names.
    if vit.embeddingSize == 192, !vit.hasFixedPositions, !vit.hasDistillationToken,
      let count = PublishedShapes.headCount(named: fileName, like: vit)
    {
      origins.append("heads \(count) by the file's name")
      assumptions.append("\(count) heads are assumed by the file's name; --heads names others")
      return count
    }
    // What lies beside the file and cannot be read may say otherwise.
    if let known = PublishedShapes.headCount(like: vit), !known.isAssumed || hints.notes.isEmpty {
      origins.append("heads \(known.count) as \(known.source) has")
      if known.isAssumed {
        assumptions.append(
          "\(known.count) heads are assumed, as \(known.source) has; other networks of these shapes "
            + "have others, which --heads names")
      }
      return known.count
    }
    // One head of the usual 64 channels, or less: there is hardly another way.
    if vit.embeddingSize <= 64, hints.notes.isEmpty {
      origins.append("heads 1 assumed")
      assumptions.append("one head is assumed; the shapes do not tell, --heads does")
      return 1
    }
    let notes = hints.notes.map { "; \($0)" }.joined()
    throw CheckpointError(
      path: path,
      problem: "is a ViT of \(vit.embeddingSize) channels and \(vit.depth) blocks whose attention "
        + "heads cannot be known from its shapes, and nothing in the file names them\(notes)",
      remedy: "name them with --heads")
  }
}
