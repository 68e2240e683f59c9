extension Architecture {
  /// Multiply-adds of one image's features, as the papers count them (no head).
  ///
  /// Swin's count includes its norms, ViT's does not, as in the figures published for each:
  /// 4.49 G and 4.60 G at 224 with a classifier of 1000.
  public func multiplyAdds(inputSize: Int) -> Int {
    switch self {
    case .swin(let configuration):
      var side = (inputSize + configuration.patchSize - 1) / configuration.patchSize
      let patch = 3 * configuration.patchSize * configuration.patchSize
      var total = side * side * configuration.embeddingSize * (patch + 1)
      for (stage, depth) in configuration.depths.enumerated() {
        let channels = configuration.channels(stage)
        let tokens = side * side
        let window = min(configuration.windowSize, side)
        let linear = (4 + 2 * configuration.mlpRatio) * tokens * channels * channels
        total += depth * (linear + 2 * window * window * tokens * channels + 2 * tokens * channels)
        if stage + 1 < configuration.depths.count {
          side = (side + 1) / 2
          total += side * side * 8 * channels * channels + tokens * channels
        } else {
          total += tokens * channels
        }
      }
      return total
    case .visionTransformer(let configuration):
      let grid = inputSize / configuration.patchSize
      let channels = configuration.embeddingSize
      let tokens = grid * grid + (configuration.hasDistillationToken ? 2 : 1)
      let patch = 3 * configuration.patchSize * configuration.patchSize
      let block = 12 * tokens * channels * channels + 2 * tokens * tokens * channels
      return grid * grid * patch * channels + configuration.depth * block
    }
  }
}

extension Architecture {
  /// A rough lower bound of the bytes that an image's forward pass keeps for its gradients: input
  /// and output of both halves of each block.
  public func activationBytes(inputSize: Int) -> Int {
    switch self {
    case .swin(let configuration):
      var side = (inputSize + configuration.patchSize - 1) / configuration.patchSize
      var numbers = 0
      for (stage, depth) in configuration.depths.enumerated() {
        numbers += side * side * configuration.channels(stage) * (2 * depth + 1)
        side = (side + 1) / 2
      }
      return 4 * numbers
    case .visionTransformer(let configuration):
      let grid = inputSize / configuration.patchSize
      return 4 * (grid * grid + 1) * configuration.embeddingSize * (2 * configuration.depth + 1)
    }
  }
}

/// Floating-point operations of a training step, two for a multiply-add.
public struct TrainingCost: Sendable, Equatable {
  /// Operations an image, all of its views forwards and (online) backwards.
  public let operationsPerImage: Double

  /// Counts a method's passes: an online view costs a forward pass and a backward pass of twice
  /// that, a target view a forward pass.
  ///
  /// - Parameters:
  ///   - inputSize: Side of the (global) views.
  ///   - recomputes: Whether features are computed a second time for their gradients.
  public init(
    _ settings: any MethodSettings, architecture: Architecture, inputSize: Int,
    recomputes: Bool = false
  ) {
    let views = settings.views(inputSize: inputSize).map {
      Double(architecture.multiplyAdds(inputSize: $0.size))
    }
    func sum(_ seen: [Int]) -> Double { seen.reduce(0) { $0 + views[$1] } }
    operationsPerImage =
      2 * ((recomputes ? 4 : 3) * sum(settings.onlineViews) + sum(settings.targetViews))
  }
}
