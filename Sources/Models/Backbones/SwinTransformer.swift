import Layers
import TensorCore

/// A Swin Transformer: windows that shift from block to block, maps that halve from stage to stage.
///
/// Shapes: `B` images, stage `i` has `C·2ⁱ` channels at stride `4·2ⁱ`.
/// - in: `[B, 3, H, W]`
/// - out: `features` `[B, 8C]` (mean over the last stage's tokens after the final norm);
///   `stageOutputs` one map a stage
///
/// State keys: `patch_embed.proj.*`, `patch_embed.norm.*`, `layers.L.blocks.B.*`,
/// `layers.L.downsample.*`, and `norm.*` (classification) or `norm0.*`… (dense).
/// Differs from the source: maps that windows do not divide are padded in both forms; the
/// classification code refuses them.
///
/// Source: Liu et al., Swin Transformer, 2021; the dense form as in its detection code.
public final class SwinTransformer: Backbone, DenseBackbone {
  /// The numbers of this network.
  public let configuration: SwinConfiguration
  /// Classification or dense behaviour.
  public let form: SwinForm
  public var dropPath: DropPathContext?
  private let patchWeight, patchBias: Tensor
  private let patchNorm: LayerNorm
  private let stages: [[SwinBlock]]
  private let mergings: [PatchMerging]
  private let norms: [LayerNorm]
  private let inputSize: Int

  /// Builds the network with fresh weights.
  ///
  /// - Parameter inputSize: Side of the images in pixels. Stages whose map is smaller than a
  ///   window get a window of the map's size in the classification form.
  public init(
    _ configuration: SwinConfiguration, inputSize: Int = 224, form: SwinForm = .classification,
    initializer: Initializer
  ) {
    self.configuration = configuration
    self.form = form
    self.inputSize = inputSize
    let embedding = configuration.embeddingSize
    let patch = configuration.patchSize
    let fanIn = 3 * patch * patch
    patchWeight = initializer.uniformFan(
      [embedding, 3, patch, patch], key: "patch_embed.proj.weight", fanIn: fanIn)
    patchBias = initializer.uniformFan([embedding], key: "patch_embed.proj.bias", fanIn: fanIn)
    patchWeight.requiresGradient = true
    patchBias.requiresGradient = true
    patchNorm = LayerNorm(embedding, epsilon: 1e-5)
    let stageCount = configuration.depths.count
    stages = (0..<stageCount).map { stage in
      let map = (0..<stage).reduce((inputSize + patch - 1) / patch) { side, _ in (side + 1) / 2 }
      let window = configuration.windowSizes[stage]
      let clamped = form == .classification ? min(window, max(1, map)) : nil
      return (0..<configuration.depths[stage]).map { block in
        SwinBlock(
          channels: configuration.channels(stage), headCount: configuration.headCounts[stage],
          windowSize: clamped ?? window, isShifted: block % 2 == 1,
          mlpRatio: configuration.mlpRatio, hasBatchNorm: configuration.hasBatchNormBeforeMLP,
          key: "layers.\(stage).blocks.\(block).", initializer: initializer)
      }
    }
    mergings = (0..<stageCount - 1).map { stage in
      PatchMerging(
        channels: configuration.channels(stage), key: "layers.\(stage).downsample.",
        initializer: initializer)
    }
    norms =
      form == .dense
      ? (0..<stageCount).map { LayerNorm(configuration.channels($0), epsilon: 1e-5) }
      : [LayerNorm(configuration.channels(stageCount - 1), epsilon: 1e-5)]
  }

  public var featureCount: Int { configuration.channels(configuration.depths.count - 1) }

  public var architecture: Architecture { .swin(configuration) }

  public var stageChannels: [Int] { configuration.depths.indices.map(configuration.channels) }

  public var stageStrides: [Int] { architecture.stageStrides }

  /// The map that one stage hands to a dense head.
  public struct StageOutput {
    /// `[B, height·width, C]`, normalised.
    public let tokens: Tensor
    /// Rows and columns of the map.
    public let height, width: Int
  }

  public func features(_ images: Tensor) -> Tensor {
    precondition(form == .classification, "features need the classification form")
    var pooled: Tensor?
    walk(
      images,
      stageDidEnd: { stage, tokens, _, _ in
        if stage == stages.count - 1 { pooled = meanPooled(norms[0](tokens)) }
      })
    return pooled ?? images
  }

  public func lastTokens(_ images: Tensor, blockCount: Int) -> [Tensor] {
    precondition(form == .classification, "lastTokens need the classification form")
    let all = configuration.depths.reduce(0, +)
    precondition((1...all).contains(blockCount), "\(blockCount) of \(all) blocks")
    var kept: [Tensor] = []
    walk(
      images,
      blockDidEnd: { block, stage, tokens in
        guard all - block <= blockCount else { return }
        kept.append(stage == stages.count - 1 ? norms[0](tokens) : tokens)
      })
    return kept
  }

  public func patchMap(_ images: Tensor) -> Tensor {
    precondition(form == .classification, "patchMap needs the classification form")
    var map: Tensor?
    walk(
      images,
      stageDidEnd: { stage, tokens, height, width in
        guard stage == stages.count - 1 else { return }
        map = norms[0](tokens).reshaped(to: [images.shape[0], height, width, featureCount])
      })
    return map ?? images
  }

  public func attentionMaps(_ images: Tensor) -> [AttentionMaps] {
    precondition(form == .classification, "attentionMaps need the classification form")
    var maps: [AttentionMaps] = []
    walk(
      images,
      blockWillBegin: { stage, place, tokens, height, width in
        guard stage >= stages.count - 2, place == stages[stage].count - 1 else { return }
        maps.append(
          AttentionMaps(
            title: "received from the window, block \(place + 1) of stage \(stage + 1)",
            values: stages[stage][place].windowAttention(
              tokens, height: height, width: width, form: form)))
      })
    return maps
  }

  /// Every stage's map after its output norm, before it is merged.
  ///
  /// - Precondition: the network has the dense form.
  public func stageOutputs(_ images: Tensor) -> [StageOutput] {
    precondition(form == .dense, "stageOutputs need the dense form")
    var outputs: [StageOutput] = []
    walk(
      images,
      stageDidEnd: { stage, tokens, height, width in
        outputs.append(StageOutput(tokens: norms[stage](tokens), height: height, width: width))
      })
    return outputs
  }

  public func stageMaps(_ images: Tensor) -> [Tensor] {
    stageOutputs(images).map { output in
      output.tokens.reshaped(
        to: [output.tokens.shape[0], output.height, output.width, output.tokens.shape[2]])
    }
  }

  private func walk(
    _ images: Tensor,
    blockWillBegin: (_ stage: Int, _ place: Int, Tensor, _ height: Int, _ width: Int) -> Void = {
      _, _, _, _, _ in
    },
    blockDidEnd: (_ block: Int, _ stage: Int, Tensor) -> Void = { _, _, _ in },
    stageDidEnd: (Int, Tensor, Int, Int) -> Void = { _, _, _, _ in }
  ) {
    let batch = images.shape[0]
    let patch = configuration.patchSize
    // Where batch norms meet, another group's pass sets its own draws before this one is through.
    let dropPath = dropPath
    var height = (images.shape[2] + patch - 1) / patch
    var width = (images.shape[3] + patch - 1) / patch
    var x = patchNorm(patchEmbedding(images, weight: patchWeight, bias: patchBias))
    let blockCount = configuration.depths.reduce(0, +)
    var index = 0
    for (stage, blocks) in stages.enumerated() {
      for (place, block) in blocks.enumerated() {
        blockWillBegin(stage, place, x, height, width)
        func factors(_ branch: Int) -> [Float]? {
          dropPath?.factors(block: index, of: blockCount, branch: branch, batchSize: batch)
        }
        x = block(
          x, height: height, width: width, form: form, factors: (factors(0), factors(1)))
        blockDidEnd(index, stage, x)
        index += 1
      }
      stageDidEnd(stage, x, height, width)
      guard stage < mergings.count else { continue }
      x = mergings[stage](x, height: height, width: width)
      (height, width) = ((height + 1) / 2, (width + 1) / 2)
    }
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "patch_embed.proj.weight", patchWeight)
    visit(prefix + "patch_embed.proj.bias", patchBias)
    patchNorm.visitParameters(prefix + "patch_embed.norm.", visit)
    for (stage, blocks) in stages.enumerated() {
      for (index, block) in blocks.enumerated() {
        block.visitParameters(prefix + "layers.\(stage).blocks.\(index).", visit)
      }
      if stage < mergings.count {
        mergings[stage].visitParameters(prefix + "layers.\(stage).downsample.", visit)
      }
    }
    for (index, norm) in norms.enumerated() {
      norm.visitParameters(prefix + (form == .dense ? "norm\(index)." : "norm."), visit)
    }
  }

  /// Batch statistics of batch norms in training, running ones otherwise, as at first.
  public func setTraining(_ isTraining: Bool) {
    for block in stages.joined() { block.setTraining(isTraining) }
  }

  /// Running statistics of batch norms, and the position indices and masks that published
  /// classification files store beside the weights.
  public func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (stage, blocks) in stages.enumerated() {
      for (index, block) in blocks.enumerated() {
        block.visitBuffers(prefix + "layers.\(stage).blocks.\(index).", visit)
      }
    }
    guard form == .classification else { return }
    var side = (inputSize + configuration.patchSize - 1) / configuration.patchSize
    for (stage, blocks) in stages.enumerated() {
      for (index, block) in blocks.enumerated() {
        block.visitConstants(prefix + "layers.\(stage).blocks.\(index).", side: side, visit)
      }
      side = (side + 1) / 2
    }
  }
}
