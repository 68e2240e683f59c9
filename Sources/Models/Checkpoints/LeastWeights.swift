/// Lower bounds of how many numbers networks have: what a file claims by a few shapes is compared
/// with what it holds, before memory is taken for it.
extension Architecture {
  /// Numbers in the matrices of the blocks.
  var leastWeights: Double {
    switch self {
    case .swin(let own):
      own.depths.enumerated().reduce(0) { sum, stage in
        let width = Double(own.embeddingSize) * Double(1 << min(stage.offset, 40))
        return sum + Double(stage.element) * Double(4 + 2 * own.mlpRatio) * width * width
      }
    case .visionTransformer(let own):
      Double(own.depth) * 12 * Double(own.embeddingSize) * Double(own.embeddingSize)
    }
  }
}

extension DetectorConfiguration {
  /// Numbers in the matrices of backbone, pyramid and heads.
  var leastWeights: Double {
    let (width, hidden) = (Double(channels), Double(hiddenSize))
    let box =
      49 * width * hidden + 5 * hidden * Double(classCount)
      + (boxHead == .twoLinear ? hidden * hidden : 36 * width * width)
    return backbone.leastWeights + 36 * width * width
      + Double(stages.count) * (box + 36 * width * width)
  }
}

extension SegmentorConfiguration {
  /// Numbers in the matrices of backbone and heads.
  var leastWeights: Double {
    let (width, auxiliary) = (Double(channels), Double(auxiliaryChannels))
    return backbone.leastWeights + 99 * width * width
      + Double(classCount) * (width + auxiliary)
  }
}

extension [String: StoredTensor] {
  /// Whether tensors may be the weights of a network of at least `count` numbers.
  ///
  /// Some may be missing, and heads are small beside a backbone: a quarter is enough, and 33 million
  /// are taken for any file.
  func mayFill(_ count: Double) -> Bool {
    let held = values.reduce(0) { $0 + Double($1.elementCount) }
    return count <= 4 * held + 0x1p25
  }
}
