import Layers
import TensorCore

/// Where a network looks: the attention that each place of an image receives in one block, head by
/// head.
///
/// - Of a ViT the class token's in the last block, which is what its features are made of.
/// - Of a Swin, which has no class token, the mean over the tokens of each window, in the last block of
///   each of the last two stages. Its features are a mean of tokens, and in a window that covers the map
///   these are the weights of that mean.
///
/// A head's numbers add up to 1 less what leading tokens receive; a Swin's in each of its windows.
///
/// Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, 2021, figure 1, and
/// its visualize_attention.py; for Swin EsViT's analyze_models.py (Li et al., 2022), which shows the rows
/// of single tokens of the last window, not their mean.
public struct AttentionMaps {
  /// Whose attention it is, and in which block.
  public let title: String
  /// `[B, heads, rows, columns]`.
  public let values: Tensor
}

extension TransformerBlock {
  /// The class token's attention to the patches, `[B, heads, rows, columns]`.
  ///
  /// - Parameters:
  ///   - x: What the block sees, `[B, T + rows·columns, C]`.
  ///   - leading: Tokens before the patches, `T`; the class token is the first.
  func classAttention(_ x: Tensor, leading: Int, rows: Int, columns: Int) -> Tensor {
    let all = attentionReceived(
      x, weights: attentionWeights, geometry: .global(tokenCount: x.shape[1]), from: .token(0))
    let (batch, heads, tokens) = (all.shape[0], all.shape[1], all.shape[2])
    return withoutLeadingTokens(all.reshaped(to: [batch * heads, tokens, 1]), count: leading)
      .reshaped(to: [batch, heads, rows, columns])
  }
}

extension SwinBlock {
  /// The attention that each token receives from its window, `[B, heads, height, width]`.
  func windowAttention(_ x: Tensor, height: Int, width: Int, form: SwinForm) -> Tensor {
    attentionReceived(
      x, weights: attentionWeights,
      geometry: geometry(height: height, width: width, form: form), from: .window
    ).reshaped(to: [x.shape[0], headCount, height, width])
  }
}
