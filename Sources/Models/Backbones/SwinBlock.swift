import Layers
import TensorCore

/// Which of the two published behaviours a Swin Transformer follows.
public enum SwinForm: Sendable {
  /// As for classification: maps no larger than a window are not shifted.
  case classification
  /// As for detection and segmentation: odd blocks always shift, and each stage has an output norm.
  case dense
}

/// One pre-norm Swin block: `x + DP(attention(x))`, then `x + DP(MLP(x))`.
///
/// The norm before the MLP is of each token, or of each channel over all tokens of all images, as MoBY
/// has tried it.
///
/// State keys: `norm1.*`, `attn.relative_position_bias_table [(2w−1)², h]`, `attn.qkv.*`,
/// `attn.proj.*`, `norm2.*` (with running statistics, where it is a batch norm), `mlp.fc1.*`,
/// `mlp.fc2.*`.
/// Initialisation: linear weights and bias table truncated normal 0.02, biases 0.
final class SwinBlock: Module {
  let windowSize: Int
  let isShifted: Bool
  let headCount: Int
  let norm1: LayerNorm
  /// The norm before the MLP: one of the two.
  private let norm2: LayerNorm?
  private let batchNorm: BatchNorm?
  let qkv, projection, hidden, output: Linear
  let biasTable: Tensor
  private let biasIndex: [Int32]

  init(
    channels: Int, headCount: Int, windowSize: Int, isShifted: Bool, mlpRatio: Int,
    hasBatchNorm: Bool, key: String, initializer: Initializer
  ) {
    self.windowSize = windowSize
    self.isShifted = isShifted
    self.headCount = headCount
    norm1 = LayerNorm(channels, epsilon: 1e-5)
    norm2 = hasBatchNorm ? nil : LayerNorm(channels, epsilon: 1e-5)
    batchNorm = hasBatchNorm ? BatchNorm(channels) : nil
    batchNorm?.isTraining = false
    qkv = Linear(truncatedNormal: channels, 3 * channels, key: key + "attn.qkv.", initializer)
    projection = Linear(truncatedNormal: channels, channels, key: key + "attn.proj.", initializer)
    hidden = Linear(
      truncatedNormal: channels, mlpRatio * channels, key: key + "mlp.fc1.", initializer)
    output = Linear(
      truncatedNormal: mlpRatio * channels, channels, key: key + "mlp.fc2.", initializer)
    let side = 2 * windowSize - 1
    biasTable = initializer.truncatedNormal(
      [side * side, headCount], key: key + "attn.relative_position_bias_table")
    biasTable.requiresGradient = true
    biasIndex = WindowGeometry.relativePositionIndex(window: windowSize)
  }

  /// - Parameters:
  ///   - x: `[B, H·W, C]`.
  ///   - factors: Drop-path factors of the attention and the MLP branch.
  func callAsFunction(
    _ x: Tensor, height: Int, width: Int, form: SwinForm, factors: ([Float]?, [Float]?)
  ) -> Tensor {
    let attended = attentionBlock(
      x, weights: attentionWeights, geometry: geometry(height: height, width: width, form: form),
      factors: factors.0)
    return mlpBlock(
      attended, weights: MLPWeights(norm: norm2, hidden: hidden, output: output),
      normalized: batchNorm?(attended), factors: factors.1)
  }

  /// Batch statistics in training, running ones otherwise.
  func setTraining(_ isTraining: Bool) { batchNorm?.isTraining = isTraining }

  /// The windows of a map.
  func geometry(height: Int, width: Int, form: SwinForm) -> WindowGeometry {
    let shifts = isShifted && (form == .dense || min(height, width) > windowSize)
    return WindowGeometry.windows(
      height: height, width: width, window: windowSize, shift: shifts ? windowSize / 2 : 0)
  }

  var attentionWeights: AttentionWeights {
    AttentionWeights(
      normWeight: norm1.weight, normBias: norm1.bias, epsilon: norm1.epsilon,
      qkvWeight: qkv.weight, qkvBias: qkv.bias ?? Tensor(zeros: [qkv.weight.shape[0]]),
      projectionWeight: projection.weight,
      projectionBias: projection.bias ?? Tensor(zeros: [projection.weight.shape[0]]),
      biasTable: biasTable, biasIndex: biasIndex, headCount: headCount)
  }

  /// The constants that published files store: the mask of a shifted block on a square map, and
  /// the position index.
  func visitConstants(_ prefix: String, side: Int, _ visit: (String, Tensor) -> Void) {
    let slots = windowSize * windowSize
    if isShifted, side > windowSize, side % windowSize == 0 {
      let geometry = WindowGeometry.windows(
        height: side, width: side, window: windowSize, shift: windowSize / 2)
      visit(prefix + "attn_mask", geometry.stackedMasks())
    }
    visit(
      prefix + "attn.relative_position_index",
      Tensor(biasIndex.map(Float.init), shape: [slots, slots]))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm1.visitParameters(prefix + "norm1.", visit)
    visit(prefix + "attn.relative_position_bias_table", biasTable)
    qkv.visitParameters(prefix + "attn.qkv.", visit)
    projection.visitParameters(prefix + "attn.proj.", visit)
    norm2?.visitParameters(prefix + "norm2.", visit)
    batchNorm?.visitParameters(prefix + "norm2.", visit)
    hidden.visitParameters(prefix + "mlp.fc1.", visit)
    output.visitParameters(prefix + "mlp.fc2.", visit)
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    batchNorm?.visitBuffers(prefix + "norm2.", visit)
  }
}

extension MLPWeights {
  /// The weights of a norm, where it is of each row alone, and of two linear layers with biases.
  init(norm: LayerNorm?, hidden: Linear, output: Linear) {
    self.init(
      normWeight: norm?.weight, normBias: norm?.bias, epsilon: norm?.epsilon ?? 0,
      hiddenWeight: hidden.weight,
      hiddenBias: hidden.bias ?? Tensor(zeros: [hidden.weight.shape[0]]),
      outputWeight: output.weight,
      outputBias: output.bias ?? Tensor(zeros: [output.weight.shape[0]]))
  }
}

/// Halves a map and doubles its channels: gather 2x2, LayerNorm, Linear(4C → 2C) without bias.
///
/// State keys: `reduction.weight [2C, 4C]`, `norm.weight [4C]`, `norm.bias [4C]`.
final class PatchMerging: Module {
  let reduction: Linear
  let norm: LayerNorm

  init(channels: Int, key: String, initializer: Initializer) {
    reduction = Linear(
      truncatedNormal: 4 * channels, 2 * channels, usesBias: false, key: key + "reduction.",
      initializer)
    norm = LayerNorm(4 * channels, epsilon: 1e-5)
  }

  /// `[B, H·W, C]` to `[B, ⌈H/2⌉·⌈W/2⌉, 2C]`.
  func callAsFunction(_ x: Tensor, height: Int, width: Int) -> Tensor {
    reduction(norm(patchMergingGather(x, height: height, width: width)))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    reduction.visitParameters(prefix + "reduction.", visit)
    norm.visitParameters(prefix + "norm.", visit)
  }
}
