import Layers
import TensorCore

/// A 3x3 convolution over a channel-last map, padded by one, with a bias or without.
///
/// State keys: `weight [O, I, 3, 3]`, `bias [O]`.
final class Convolution3x3: Module {
  let weight: Tensor
  let bias: Tensor?

  init(weight: Tensor, hasBias: Bool = true) {
    self.weight = weight
    bias = hasBias ? Tensor(zeros: [weight.shape[0]]) : nil
    weight.requiresGradient = true
    bias?.requiresGradient = true
  }

  /// `[B, H, W, I]` to `[B, H, W, O]`.
  func callAsFunction(_ x: Tensor) -> Tensor { convolution3x3(x, weight: weight, bias: bias) }

  /// max(0, convolution).
  func rectified(_ x: Tensor) -> Tensor {
    convolution3x3(x, weight: weight, bias: bias, rectified: true)
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "weight", weight)
    if let bias { visit(prefix + "bias", bias) }
  }
}

/// A 1x1 convolution over a channel-last map: a linear map of the channels.
///
/// State keys: `weight [O, I, 1, 1]`, `bias [O]`.
final class Convolution1x1: Module {
  let weight: Tensor
  let bias: Tensor?

  init(weight: Tensor, hasBias: Bool = true) {
    self.weight = weight
    bias = hasBias ? Tensor(zeros: [weight.shape[0]]) : nil
    weight.requiresGradient = true
    bias?.requiresGradient = true
  }

  /// `[…, I]` to `[…, O]`.
  func callAsFunction(_ x: Tensor) -> Tensor {
    linear(x, weight: weight.reshaped(to: Array(weight.shape.prefix(2))), bias: bias)
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "weight", weight)
    if let bias { visit(prefix + "bias", bias) }
  }
}
