import Layers
import TensorCore

/// Classifies regions and refines their boxes, one refinement a class.
///
/// Shapes: `N` regions, `K` classes.
/// - in: `[N, 7, 7, C]`
/// - out: logits `[N, K + 1]`, the background last; deltas `[N, 4K]`, class k at 4k…4k + 3
///
/// State keys: `shared_convs.i.conv.weight`, `shared_convs.i.bn.*` (with convolutions),
/// `shared_fcs.i.*`, `fc_cls.*`, `fc_reg.*`.
/// Initialisation: convolutions He normal, hidden layers Xavier uniform, classifier normal 0.01,
/// regression normal 0.001, biases 0.
///
/// Source: Lin et al., Feature Pyramid Networks, 2017; Wu and He, Group Normalization, 2018 (four
/// convolutions).
final class BoxHead: Module {
  /// Cells a side of the pooled features.
  static let inputSize = 7
  private let convolutions: [Convolution3x3]
  private let norms: [BatchNorm]
  private let hidden: [Linear]
  private let classifier: Linear
  private let regression: Linear

  init(_ configuration: DetectorConfiguration, key: String, initializer: Initializer) {
    let (channels, hiddenSize) = (configuration.channels, configuration.hiddenSize)
    let classCount = configuration.classCount
    let usesConvolutions = configuration.boxHead == .fourConvolutions
    convolutions = (0..<(usesConvolutions ? 4 : 0)).map { index in
      Convolution3x3(
        weight: initializer.heNormal(
          [channels, channels, 3, 3], key: key + "shared_convs.\(index).conv.weight",
          fanOut: 9 * channels), hasBias: false)
    }
    norms = convolutions.map { _ in BatchNorm(channels) }
    let flattened = channels * Self.inputSize * Self.inputSize
    let widths = usesConvolutions ? [flattened] : [flattened, hiddenSize]
    hidden = widths.enumerated().map { index, width in
      Linear(
        weight: initializer.xavierUniform(
          [hiddenSize, width], key: key + "shared_fcs.\(index).weight", fanIn: width,
          fanOut: hiddenSize), bias: Tensor(zeros: [hiddenSize]))
    }
    func output(_ count: Int, _ name: String, _ deviation: Double) -> Linear {
      Linear(
        weight: initializer.normal(
          [count, hiddenSize], key: key + name + ".weight", deviation: deviation),
        bias: Tensor(zeros: [count]))
    }
    classifier = output(classCount + 1, "fc_cls", 0.01)
    regression = output(4 * classCount, "fc_reg", 0.001)
  }

  /// Batch statistics in training, running ones at test.
  func setTraining(_ isTraining: Bool) {
    for norm in norms { norm.isTraining = isTraining }
  }

  func callAsFunction(_ features: Tensor) -> (logits: Tensor, deltas: Tensor) {
    var x = features
    for (convolution, norm) in zip(convolutions, norms) {
      let shape = x.shape
      let rows = convolution(x).reshaped(to: [shape[0] * shape[1] * shape[2], shape[3]])
      x = relu(norm(rows)).reshaped(to: shape)
    }
    x = channelFirstRows(x)
    for layer in hidden { x = relu(layer(x)) }
    return (classifier(x), regression(x))
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, convolution) in convolutions.enumerated() {
      convolution.visitParameters(prefix + "shared_convs.\(index).conv.", visit)
      norms[index].visitParameters(prefix + "shared_convs.\(index).bn.", visit)
    }
    for (index, layer) in hidden.enumerated() {
      layer.visitParameters(prefix + "shared_fcs.\(index).", visit)
    }
    classifier.visitParameters(prefix + "fc_cls.", visit)
    regression.visitParameters(prefix + "fc_reg.", visit)
  }

  func visitBuffers(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, norm) in norms.enumerated() {
      norm.visitBuffers(prefix + "shared_convs.\(index).bn.", visit)
    }
  }
}
