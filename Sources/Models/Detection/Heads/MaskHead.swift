import Layers
import TensorCore

/// Predicts the pixels of each region's object on a grid of 28 by 28, one map a class.
///
/// Shapes: `N` regions, `K` classes.
/// - in: `[N, 14, 14, C]`
/// - out: logits `[N, 28, 28, K]`
///
/// State keys: `convs.i.conv.*`, `upsample.* [C, C, 2, 2]` (transposed: inputs first),
/// `conv_logits.*`. Initialisation: He normal by the outputs, biases 0.
///
/// Source: He et al., Mask R-CNN, 2017, figure 4.
final class MaskHead: Module {
  /// Cells a side of the pooled features, and of the prediction.
  static let inputSize = 14, outputSize = 28
  private let convolutions: [Convolution3x3]
  private let upsampleWeight, upsampleBias: Tensor
  private let logits: Convolution1x1

  init(_ configuration: DetectorConfiguration, key: String, initializer: Initializer) {
    let (channels, classCount) = (configuration.channels, configuration.classCount)
    convolutions = (0..<4).map { index in
      Convolution3x3(
        weight: initializer.heNormal(
          [channels, channels, 3, 3], key: key + "convs.\(index).conv.weight",
          fanOut: 9 * channels))
    }
    upsampleWeight = initializer.heNormal(
      [channels, channels, 2, 2], key: key + "upsample.weight", fanOut: 4 * channels)
    upsampleBias = Tensor(zeros: [channels])
    upsampleWeight.requiresGradient = true
    upsampleBias.requiresGradient = true
    logits = Convolution1x1(
      weight: initializer.heNormal(
        [classCount, channels, 1, 1], key: key + "conv_logits.weight", fanOut: classCount))
  }

  func callAsFunction(_ features: Tensor) -> Tensor {
    var x = features
    for convolution in convolutions { x = convolution.rectified(x) }
    return logits(relu(convolutionTransposed2x2(x, weight: upsampleWeight, bias: upsampleBias)))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, convolution) in convolutions.enumerated() {
      convolution.visitParameters(prefix + "convs.\(index).conv.", visit)
    }
    visit(prefix + "upsample.weight", upsampleWeight)
    visit(prefix + "upsample.bias", upsampleBias)
    logits.visitParameters(prefix + "conv_logits.", visit)
  }
}
