/// Multiply-adds of one image.
public struct MultiplyAdds: Sendable, Equatable {
  /// Convolutions, linear layers, norms of the backbone, rectifiers and poolings.
  public var layers: Int
  /// The two matrix products of every attention, which the usual counters miss.
  public var attention: Int

  /// Both.
  public var total: Int { layers + attention }

  /// Billions with one decimal, as papers give them.
  public var text: String {
    let tenths = (total + 50_000_000) / 100_000_000
    return "\(tenths / 10).\(tenths % 10) G"
  }
}

extension Architecture {
  /// Multiply-adds of one image's features, as the papers count them (no head).
  ///
  /// Swin's count includes its norms, ViT's does not, as in the figures published for each:
  /// 4.49 G and 4.60 G at 224 with a classifier of 1000.
  public func multiplyAdds(inputSize: Int) -> Int {
    multiplyAdds(height: inputSize, width: inputSize, form: .classification).total
  }

  /// Multiply-adds of one image, up to the stages' maps in the dense form.
  ///
  /// The forms are counted as their sources count them: classification has a norm at one a number
  /// and no padding; the dense form at two, with the convolution's bias and the padded windows.
  func multiplyAdds(height: Int, width: Int, form: SwinForm) -> MultiplyAdds {
    switch self {
    case .swin(let configuration):
      configuration.multiplyAdds(height: height, width: width, form: form)
    case .visionTransformer(let configuration):
      configuration.multiplyAdds(height: height, width: width)
    }
  }

  /// Height and width of every stage's map of an image.
  func stageSizes(height: Int, width: Int) -> [(height: Int, width: Int)] {
    switch self {
    case .swin(let configuration): configuration.stageSizes(height: height, width: width)
    case .visionTransformer(let configuration):
      [
        (
          (height + configuration.patchSize - 1) / configuration.patchSize,
          (width + configuration.patchSize - 1) / configuration.patchSize
        )
      ]
    }
  }
}

extension SwinConfiguration {
  fileprivate func stageSizes(height: Int, width: Int) -> [(height: Int, width: Int)] {
    var size = ((height + patchSize - 1) / patchSize, (width + patchSize - 1) / patchSize)
    return depths.map { _ in
      defer { size = ((size.0 + 1) / 2, (size.1 + 1) / 2) }
      return size
    }
  }

  fileprivate func multiplyAdds(height: Int, width: Int, form: SwinForm) -> MultiplyAdds {
    let isDense = form == .dense
    let norm = isDense ? 2 : 1
    let sizes = stageSizes(height: height, width: width)
    let patch = 3 * patchSize * patchSize + (isDense ? 1 : 0)
    var result = MultiplyAdds(
      layers: sizes[0].height * sizes[0].width * embeddingSize * (patch + norm), attention: 0)
    for (stage, (depth, size)) in zip(depths, sizes).enumerated() {
      let channels = channels(stage)
      let tokens = size.height * size.width
      let own = windowSizes[stage]
      let window = isDense ? own : min(own, size.height, size.width)
      func covered(_ side: Int) -> Int { (side + window - 1) / window * window }
      let padded = isDense ? covered(size.height) * covered(size.width) : tokens
      let linear = 4 * padded + 2 * mlpRatio * tokens
      result.layers += depth * (linear * channels * channels + 2 * norm * tokens * channels)
      result.attention += depth * 2 * padded * window * window * channels
      let isLast = stage + 1 == depths.count
      // The norm of the stage's output.
      if isDense || isLast { result.layers += norm * tokens * channels }
      guard !isLast else { continue }
      let merged = sizes[stage + 1].height * sizes[stage + 1].width
      result.layers +=
        merged * 8 * channels * channels + norm * channels * (isDense ? 4 * merged : tokens)
    }
    return result
  }
}

extension VisionTransformerConfiguration {
  fileprivate func multiplyAdds(height: Int, width: Int) -> MultiplyAdds {
    let patches = (height + patchSize - 1) / patchSize * ((width + patchSize - 1) / patchSize)
    let tokens = patches + (hasDistillationToken ? 2 : 1)
    return MultiplyAdds(
      layers: patches * 3 * patchSize * patchSize * embeddingSize
        + depth * 12 * tokens * embeddingSize * embeddingSize,
      attention: depth * 2 * tokens * tokens * embeddingSize)
  }
}

extension Architecture {
  /// A rough lower bound of the bytes that an image's forward pass holds at once: the image, and
  /// the first map with its queries, keys and values.
  public func passBytes(inputSize: Int) -> Int {
    let map: Int
    switch self {
    case .swin(let configuration):
      let side = (inputSize + configuration.patchSize - 1) / configuration.patchSize
      map = side * side * configuration.embeddingSize
    case .visionTransformer(let configuration):
      let grid = inputSize / configuration.patchSize
      map = (grid * grid + 1) * configuration.embeddingSize
    }
    return 4 * (3 * inputSize * inputSize + 4 * map)
  }

  /// A rough lower bound of the bytes that an image's forward pass keeps for its gradients: input
  /// and output of both halves of each block.
  public func activationBytes(inputSize: Int) -> Int {
    switch self {
    case .swin(let configuration):
      var side = (inputSize + configuration.patchSize - 1) / configuration.patchSize
      var numbers = 0
      // What a batch norm leaves is kept, too.
      let maps = configuration.hasBatchNormBeforeMLP ? 3 : 2
      for (stage, depth) in configuration.depths.enumerated() {
        numbers += side * side * configuration.channels(stage) * (maps * depth + 1)
        side = (side + 1) / 2
      }
      return 4 * numbers
    case .visionTransformer(let configuration):
      let grid = inputSize / configuration.patchSize
      return 4 * (grid * grid + 1) * configuration.embeddingSize * (2 * configuration.depth + 1)
    }
  }
}
