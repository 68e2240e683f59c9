import Layers
import TensorCore

/// UPerNet's decode head: a pyramid of pooled maps over the last stage, a feature pyramid over all
/// stages, and a classifier of their union.
///
/// Shapes: `B` images, stage `i` at stride `4·2ⁱ`, `C` channels, `K` classes.
/// - in: four maps `[B, Hᵢ, Wᵢ, Cᵢ]`
/// - out: logits `[B, H₀, W₀, K]`
///
/// State keys: `psp_modules.j.1.*`, `bottleneck.*`, `lateral_convs.i.*`, `fpn_convs.i.*`,
/// `fpn_bottleneck.*`, `conv_seg.*`.
/// Initialisation: the classifier normal 0.01.
///
/// Source: Xiao et al., Unified Perceptual Parsing for Scene Understanding, 2018.
final class UPerHead: Module {
  private let poolSizes: [Int]
  private let pooled: [ConvolutionBlock]
  private let bottleneck, fusion: ConvolutionBlock
  private let laterals, outputs: [ConvolutionBlock]
  private let classifier: Convolution1x1

  init(
    _ configuration: SegmentorConfiguration, stageChannels: [Int], key: String,
    initializer: Initializer
  ) {
    let channels = configuration.channels
    let top = stageChannels[stageChannels.count - 1]
    func block(_ inputs: Int, _ kernelSize: Int, _ name: String) -> ConvolutionBlock {
      ConvolutionBlock(
        inputs: inputs, outputs: channels, kernelSize: kernelSize, key: key + name + ".",
        initializer: initializer)
    }
    poolSizes = configuration.poolSizes
    pooled = poolSizes.indices.map { block(top, 1, "psp_modules.\($0).1") }
    bottleneck = block(top + poolSizes.count * channels, 3, "bottleneck")
    let lower = stageChannels.dropLast()
    laterals = lower.enumerated().map { block($1, 1, "lateral_convs.\($0)") }
    outputs = lower.indices.map { block(channels, 3, "fpn_convs.\($0)") }
    fusion = block(stageChannels.count * channels, 3, "fpn_bottleneck")
    classifier = Convolution1x1(
      weight: initializer.normal(
        [configuration.classCount, channels, 1, 1], key: key + "conv_seg.weight", deviation: 0.01))
  }

  private var blocks: [(name: String, block: ConvolutionBlock)] {
    pooled.enumerated().map { ("psp_modules.\($0).1.", $1) } + [("bottleneck.", bottleneck)]
      + laterals.enumerated().map { ("lateral_convs.\($0).", $1) }
      + outputs.enumerated().map { ("fpn_convs.\($0).", $1) } + [("fpn_bottleneck.", fusion)]
  }

  /// Batch statistics in training, running ones at test.
  func setTraining(_ isTraining: Bool) {
    for (_, block) in blocks { block.setTraining(isTraining) }
  }

  /// - Parameter dropout: Drops channels before the classifier.
  func callAsFunction(_ stages: [Tensor], dropout: (Tensor) -> Tensor) -> Tensor {
    func resized(_ x: Tensor, like other: Tensor) -> Tensor {
      bilinearResized(x, height: other.shape[1], width: other.shape[2])
    }
    let top = stages[stages.count - 1]
    let levels = zip(poolSizes, pooled).map { size, block in
      resized(block(adaptiveAveragePooled(top, height: size, width: size)), like: top)
    }
    var merged = zip(laterals, stages).map { $0($1) }
    merged.append(bottleneck(concatenatedChannels([top] + levels)))
    for level in stride(from: merged.count - 1, to: 0, by: -1) {
      merged[level - 1] = add(merged[level - 1], resized(merged[level], like: merged[level - 1]))
    }
    var maps = zip(outputs, merged).map { $0($1) }
    maps.append(merged[merged.count - 1])
    let union = concatenatedChannels(
      [maps[0]] + maps.dropFirst().map { resized($0, like: maps[0]) })
    return classifier(dropout(fusion(union)))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    classifier.visitParameters(prefix + "conv_seg.", visit)
    for (name, block) in blocks { block.visitParameters(prefix + name, visit) }
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (name, block) in blocks { block.visitBuffers(prefix + name, visit) }
  }
}

/// The auxiliary head: one convolution and a classifier, for a second loss in training.
///
/// State keys: `convs.0.*`, `conv_seg.*`.
///
/// Source: Long et al., Fully Convolutional Networks, 2015.
final class AuxiliaryHead: Module {
  private let block: ConvolutionBlock
  private let classifier: Convolution1x1

  init(
    _ configuration: SegmentorConfiguration, inputs: Int, key: String, initializer: Initializer
  ) {
    block = ConvolutionBlock(
      inputs: inputs, outputs: configuration.auxiliaryChannels, kernelSize: 3,
      key: key + "convs.0.", initializer: initializer)
    classifier = Convolution1x1(
      weight: initializer.normal(
        [configuration.classCount, configuration.auxiliaryChannels, 1, 1],
        key: key + "conv_seg.weight", deviation: 0.01))
  }

  func setTraining(_ isTraining: Bool) { block.setTraining(isTraining) }

  func callAsFunction(_ x: Tensor, dropout: (Tensor) -> Tensor) -> Tensor {
    classifier(dropout(block(x)))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    classifier.visitParameters(prefix + "conv_seg.", visit)
    block.visitParameters(prefix + "convs.0.", visit)
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    block.visitBuffers(prefix + "convs.0.", visit)
  }
}
