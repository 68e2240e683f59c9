import Foundation
import Layers
import TensorCore

/// The numbers that define a plain vision transformer.
public struct VisionTransformerConfiguration: Sendable, Hashable {
  /// Side of a patch, in pixels.
  public var patchSize: Int
  /// Channels.
  public var embeddingSize: Int
  /// Blocks.
  public var depth: Int
  /// Attention heads.
  public var headCount: Int
  /// Whether the position embedding is a constant (MoCo v3).
  public var hasFixedPositions = false
  /// What is added to a variance before its root is taken.
  public var epsilon: Float = 1e-6
  /// Whether a distillation token follows the class token.
  public var hasDistillationToken = false

  /// Sets the numbers.
  public init(patchSize: Int, embeddingSize: Int, depth: Int, headCount: Int) {
    self.patchSize = patchSize
    self.embeddingSize = embeddingSize
    self.depth = depth
    self.headCount = headCount
  }

  /// DeiT-Ti: 5,524,416 parameters without a head.
  public static let deitTiny = VisionTransformerConfiguration(
    patchSize: 16, embeddingSize: 192, depth: 12, headCount: 3)

  /// DeiT-B, which is ViT-B/16: 85,798,656 parameters without a head.
  public static let deitBase = VisionTransformerConfiguration(
    patchSize: 16, embeddingSize: 768, depth: 12, headCount: 12)

  /// DeiT-S, which is ViT-S/16: 21,665,664 parameters without a head.
  public static let deitSmall = VisionTransformerConfiguration(
    patchSize: 16, embeddingSize: 384, depth: 12, headCount: 6)

  /// MoCo v3's ViT-S: twelve heads and sine-cosine positions that are not trained.
  public static let mocoV3Small = {
    var configuration = deitSmall
    configuration.headCount = 12
    configuration.hasFixedPositions = true
    return configuration
  }()

  /// MoCo v3's ViT-B: ViT-B/16 with sine-cosine positions that are not trained.
  public static let mocoV3Base = {
    var configuration = deitBase
    configuration.hasFixedPositions = true
    return configuration
  }()

  /// The same network with a distillation token.
  public var distilled: VisionTransformerConfiguration {
    var other = self
    other.hasDistillationToken = true
    return other
  }

  /// The same network on patches of another size, as DINO's with 8 pixels.
  public func patches(of size: Int) -> VisionTransformerConfiguration {
    var other = self
    other.patchSize = size
    return other
  }
}

/// One pre-norm transformer block with global attention.
///
/// State keys: `norm1.*`, `attn.qkv.*`, `attn.proj.*`, `norm2.*`, `mlp.fc1.*`, `mlp.fc2.*`.
final class TransformerBlock: Module {
  let headCount: Int
  let norm1, norm2: LayerNorm
  let qkv, projection, hidden, output: Linear

  init(_ configuration: VisionTransformerConfiguration, key: String, initializer: Initializer) {
    let channels = configuration.embeddingSize
    headCount = configuration.headCount
    norm1 = LayerNorm(channels, epsilon: configuration.epsilon)
    norm2 = LayerNorm(channels, epsilon: configuration.epsilon)
    qkv = Linear(truncatedNormal: channels, 3 * channels, key: key + "attn.qkv.", initializer)
    projection = Linear(truncatedNormal: channels, channels, key: key + "attn.proj.", initializer)
    hidden = Linear(truncatedNormal: channels, 4 * channels, key: key + "mlp.fc1.", initializer)
    output = Linear(truncatedNormal: 4 * channels, channels, key: key + "mlp.fc2.", initializer)
  }

  var attentionWeights: AttentionWeights {
    AttentionWeights(
      normWeight: norm1.weight, normBias: norm1.bias, epsilon: norm1.epsilon,
      qkvWeight: qkv.weight, qkvBias: qkv.bias ?? Tensor(zeros: [qkv.weight.shape[0]]),
      projectionWeight: projection.weight,
      projectionBias: projection.bias ?? Tensor(zeros: [projection.weight.shape[0]]),
      biasTable: nil, biasIndex: [], headCount: headCount)
  }

  func callAsFunction(_ x: Tensor, factors: ([Float]?, [Float]?)) -> Tensor {
    let attended = attentionBlock(
      x, weights: attentionWeights, geometry: .global(tokenCount: x.shape[1]), factors: factors.0)
    return mlpBlock(
      attended, weights: MLPWeights(norm: norm2, hidden: hidden, output: output),
      factors: factors.1)
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm1.visitParameters(prefix + "norm1.", visit)
    qkv.visitParameters(prefix + "attn.qkv.", visit)
    projection.visitParameters(prefix + "attn.proj.", visit)
    norm2.visitParameters(prefix + "norm2.", visit)
    hidden.visitParameters(prefix + "mlp.fc1.", visit)
    output.visitParameters(prefix + "mlp.fc2.", visit)
  }
}

/// A vision transformer (ViT, DeiT): one sequence of patches with a class token in front.
///
/// - in: `[B, 3, H, W]`; sides that are no multiple of the patch size are padded, and other sizes
///   than the network was built for have interpolated positions
/// - out: `features` `[B, C]`, the class token after the final norm; `patchMap` `[B, h, w, C]`, the
///   patches after it
///
/// State keys: `cls_token`, `pos_embed`, `patch_embed.proj.*`, `blocks.i.*`, `norm.*`
/// (and `dist_token` when distilled).
///
/// Source: Touvron et al., Training data-efficient image transformers, 2021.
public final class VisionTransformer: Backbone, DenseBackbone {
  /// The numbers of this network.
  public let configuration: VisionTransformerConfiguration
  public var dropPath: DropPathContext?
  private let classToken: Tensor
  private let distillationToken: Tensor?
  private let positions: Tensor
  private let patchWeight, patchBias: Tensor
  private let blocks: [TransformerBlock]
  private let norm: LayerNorm

  /// Builds the network with fresh weights for square images of `inputSize` pixels.
  public init(
    _ configuration: VisionTransformerConfiguration, inputSize: Int = 224, initializer: Initializer
  ) {
    self.configuration = configuration
    let (channels, patch) = (configuration.embeddingSize, configuration.patchSize)
    let grid = inputSize / patch
    let leading = configuration.hasDistillationToken ? 2 : 1
    classToken = initializer.truncatedNormal([1, 1, channels], key: "cls_token")
    distillationToken =
      configuration.hasDistillationToken
      ? initializer.truncatedNormal([1, 1, channels], key: "dist_token") : nil
    positions =
      configuration.hasFixedPositions
      ? Self.sineCosinePositions(grid: grid, channels: channels, leading: leading)
      : initializer.truncatedNormal([1, leading + grid * grid, channels], key: "pos_embed")
    let fanIn = 3 * patch * patch
    patchWeight = initializer.uniformFan(
      [channels, 3, patch, patch], key: "patch_embed.proj.weight", fanIn: fanIn)
    patchBias = initializer.uniformFan([channels], key: "patch_embed.proj.bias", fanIn: fanIn)
    blocks = (0..<configuration.depth).map { block in
      TransformerBlock(configuration, key: "blocks.\(block).", initializer: initializer)
    }
    norm = LayerNorm(channels, epsilon: configuration.epsilon)
    for tensor in [classToken, patchWeight, patchBias] { tensor.requiresGradient = true }
    distillationToken?.requiresGradient = true
    positions.requiresGradient = !configuration.hasFixedPositions
    if configuration.hasFixedPositions { drawAsMoCoV3(initializer) }
  }

  /// MoCo v3's first weights: Xavier's uniform law, Q, K and V each by itself, biases 0.
  private func drawAsMoCoV3(_ initializer: Initializer) {
    let channels = configuration.embeddingSize
    func draw(_ tensor: Tensor, _ key: String, _ fans: Int) {
      let bound = (6 / Double(fans)).squareRoot()
      tensor.assign(initializer.uniform(tensor.shape, key: key, bound: bound))
    }
    let patch = 3 * configuration.patchSize * configuration.patchSize
    draw(patchWeight, "patch_embed.proj.weight", patch + channels)
    patchBias.withMutableValues { $0.update(repeating: 0) }
    classToken.assign(initializer.normal([1, 1, channels], key: "cls_token", deviation: 1e-6))
    for (index, block) in blocks.enumerated() {
      let key = "blocks.\(index)."
      draw(block.qkv.weight, key + "attn.qkv.weight", 2 * channels)
      draw(block.projection.weight, key + "attn.proj.weight", 2 * channels)
      draw(block.hidden.weight, key + "mlp.fc1.weight", 5 * channels)
      draw(block.output.weight, key + "mlp.fc2.weight", 5 * channels)
    }
  }

  /// Positions that are not trained: sines and cosines of row and column, zeros for the class
  /// token, `[1, leading + grid², channels]`.
  ///
  /// With ω_j = 10000^(−j/(C/4)), token (y, x) has sin(y·ω), cos(y·ω), sin(x·ω), cos(x·ω).
  ///
  /// Source: Chen et al., An Empirical Study of Training Self-Supervised Vision Transformers, 2021.
  static func sineCosinePositions(grid: Int, channels: Int, leading: Int) -> Tensor {
    var values = [Float](repeating: 0, count: (leading + grid * grid) * channels)
    let quarter = channels / 4
    for y in 0..<grid {
      for x in 0..<grid {
        let row = (leading + y * grid + x) * channels
        for j in 0..<quarter {
          let omega = pow(10000, -Double(j) / Double(quarter))
          values[row + j] = Float(sin(Double(y) * omega))
          values[row + quarter + j] = Float(cos(Double(y) * omega))
          values[row + 2 * quarter + j] = Float(sin(Double(x) * omega))
          values[row + 3 * quarter + j] = Float(cos(Double(x) * omega))
        }
      }
    }
    return Tensor(values, shape: [1, leading + grid * grid, channels])
  }

  public var featureCount: Int { configuration.embeddingSize }

  public var architecture: Architecture { .visionTransformer(configuration) }

  public var stageChannels: [Int] { [configuration.embeddingSize] }

  public var stageStrides: [Int] { architecture.stageStrides }

  public func features(_ images: Tensor) -> Tensor {
    // Only the class token is used, and the norm works token by token.
    norm(selectedToken(tokens(images), at: 0))
  }

  public func lastTokens(_ images: Tensor, blockCount: Int) -> [Tensor] {
    precondition(
      (1...blocks.count).contains(blockCount), "\(blockCount) of \(blocks.count) blocks")
    var kept: [Tensor] = []
    _ = tokens(
      images,
      blockDidEnd: { block, tokens in
        if blocks.count - block <= blockCount { kept.append(norm(tokens)) }
      })
    return kept
  }

  public func patchMap(_ images: Tensor) -> Tensor {
    let grid = grid(images)
    let leading = configuration.hasDistillationToken ? 2 : 1
    return norm(withoutLeadingTokens(tokens(images), count: leading)).reshaped(
      to: [images.shape[0], grid.height, grid.width, configuration.embeddingSize])
  }

  public func attentionMaps(_ images: Tensor) -> [AttentionMaps] {
    let (grid, last) = (grid(images), blocks.count - 1)
    var maps: [AttentionMaps] = []
    _ = tokens(
      images,
      blockWillBegin: { block, tokens in
        guard block == last else { return }
        maps.append(
          AttentionMaps(
            title: "of the class token, block \(last + 1) of \(blocks.count)",
            values: blocks[last].classAttention(
              tokens, leading: architecture.leadingTokenCount, rows: grid.height,
              columns: grid.width)))
      })
    return maps
  }

  /// The only map: the patches after the final norm.
  ///
  /// Differs from ViTDet, whose backbone ends without a norm.
  public func stageMaps(_ images: Tensor) -> [Tensor] { [patchMap(images)] }

  /// Rows and columns of patches.
  private func grid(_ images: Tensor) -> (height: Int, width: Int) {
    let patch = configuration.patchSize
    return ((images.shape[2] + patch - 1) / patch, (images.shape[3] + patch - 1) / patch)
  }

  /// All tokens after the last block, `[B, T + h·w, C]`.
  ///
  /// - Parameters:
  ///   - blockWillBegin: Called with each block's number and what it sees.
  ///   - blockDidEnd: Called with each block's number and tokens.
  private func tokens(
    _ images: Tensor, blockWillBegin: (Int, Tensor) -> Void = { _, _ in },
    blockDidEnd: (Int, Tensor) -> Void = { _, _ in }
  ) -> Tensor {
    let channels = configuration.embeddingSize
    let patches = patchEmbedding(images, weight: patchWeight, bias: patchBias)
    let leading = ([classToken] + (distillationToken.map { [$0] } ?? []))
      .map { $0.reshaped(to: [1, channels]) }
    let grid = grid(images)
    var x = withLeadingTokens(
      patches, tokens: concatenated(leading),
      positions: positions(rows: grid.height, columns: grid.width))
    for (index, block) in blocks.enumerated() {
      func factors(_ branch: Int) -> [Float]? {
        dropPath?.factors(
          block: index, of: blocks.count, branch: branch, batchSize: images.shape[0])
      }
      blockWillBegin(index, x)
      x = block(x, factors: (factors(0), factors(1)))
      blockDidEnd(index, x)
    }
    return x
  }

  /// The positions for a map of another size than the network was built for.
  ///
  /// Bicubic with DINO's sampling positions, which are scaled by (grid + 0.1) / built grid; the
  /// gradient goes back through it.
  ///
  /// Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, 2021.
  private func positions(rows: Int, columns: Int) -> Tensor {
    let leading = configuration.hasDistillationToken ? 2 : 1
    let count = positions.shape[1] - leading
    let built = Int(Double(count).squareRoot().rounded())
    guard rows != built || columns != built else { return positions }
    let channels = configuration.embeddingSize
    let table = positions.reshaped(to: [leading + count, channels])
    let weights = Tensor(
      BicubicMaps.matrix(from: built, rows: rows, columns: columns, shift: 0.1),
      shape: [rows * columns, count])
    let resized = matmul(weights, TensorCore.rows(table, leading..<leading + count))
    return concatenated([TensorCore.rows(table, 0..<leading), resized])
      .reshaped(to: [1, leading + rows * columns, channels])
  }

  public func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "cls_token", classToken)
    visit(prefix + "pos_embed", positions)
    if let distillationToken { visit(prefix + "dist_token", distillationToken) }
    visit(prefix + "patch_embed.proj.weight", patchWeight)
    visit(prefix + "patch_embed.proj.bias", patchBias)
    for (index, block) in blocks.enumerated() {
      block.visitParameters(prefix + "blocks.\(index).", visit)
    }
    norm.visitParameters(prefix + "norm.", visit)
  }
}
