import Layers
import TensorCore

/// A convolution without bias, batch normalisation and a rectifier.
///
/// - in: `[B, H, W, I]`; out: `[B, H, W, O]`; 3x3 kernels are padded by one
///
/// State keys: `conv.weight [O, I, k, k]`, `bn.*`.
/// Initialisation: He normal over the outputs, 1 and 0 for the norm.
final class ConvolutionBlock: Module {
  private let weight: Tensor
  private let norm: BatchNorm
  private let kernelSize: Int

  init(
    inputs: Int, outputs: Int, kernelSize: Int, key: String, initializer: Initializer
  ) {
    self.kernelSize = kernelSize
    weight = initializer.heNormal(
      [outputs, inputs, kernelSize, kernelSize], key: key + "conv.weight",
      fanOut: outputs * kernelSize * kernelSize)
    weight.requiresGradient = true
    norm = BatchNorm(outputs)
  }

  /// Batch statistics in training, running ones at test.
  func setTraining(_ isTraining: Bool) { norm.isTraining = isTraining }

  func callAsFunction(_ x: Tensor) -> Tensor {
    guard norm.isTraining else { return folded(x) }
    return batchNorm(
      convolved(x, weight: weight, bias: nil), weight: norm.weight, bias: norm.bias,
      statistics: norm.statistics, training: true, epsilon: 1e-5, momentum: 0.1, rectified: true)
  }

  private func convolved(_ x: Tensor, weight: Tensor, bias: Tensor?) -> Tensor {
    kernelSize == 3
      ? convolution3x3(x, weight: weight, bias: bias)
      : linear(x, weight: weight.reshaped(to: [weight.shape[0], weight.shape[1]]), bias: bias)
  }

  /// At test the normalisation is a factor and an offset, which go into the convolution.
  private func folded(_ x: Tensor) -> Tensor {
    let folded = foldedBatchNorm(
      weight, normWeight: norm.weight, normBias: norm.bias, statistics: norm.statistics,
      epsilon: 1e-5)
    return kernelSize == 3
      ? convolution3x3(x, weight: folded.weight, bias: folded.bias, rectified: true)
      : relu(convolved(x, weight: folded.weight, bias: folded.bias))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    visit(prefix + "conv.weight", weight)
    norm.visitParameters(prefix + "bn.", visit)
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    norm.visitBuffers(prefix + "bn.", visit)
  }
}
