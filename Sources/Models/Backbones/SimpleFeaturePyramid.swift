import Layers
import TensorCore

/// A feature pyramid from the only map of a plain vision transformer.
///
/// The map at stride `s` becomes four at strides `s/4`, `s/2`, `s` and `2s`: enlarged by transposed
/// convolutions, left alone, or halved by its maxima. Each then passes a 1x1 and a 3x3 convolution
/// with a layer norm over the channels after both.
///
/// Shapes: `B` images, a map of `D` channels, a pyramid of `C`.
/// - in: `[B, H, W, D]`
/// - out: `[B, 4H, 4W, C]`, `[B, 2H, 2W, C]`, `[B, H, W, C]`, `[B, ⌈H/2⌉, ⌈W/2⌉, C]`
///
/// State keys: as detectron2 names them, the norm between two enlargements by its kind:
/// `simfp_2.0.*`, `simfp_2.norm.*`, `simfp_2.3.*`, `simfp_2.4.weight`, `simfp_2.4.norm.*`, `simfp_2.5.*`;
/// `simfp_3.0.*`, `simfp_3.1.*`, `simfp_3.2.*`; `simfp_4.0.*`, `simfp_4.1.*`; `simfp_5.1.*`,
/// `simfp_5.2.*`.
/// Initialisation: uniform over the fan, as PyTorch's convolutions.
///
/// Source: Li et al., Exploring Plain Vision Transformer Backbones for Object Detection, 2022.
final class SimpleFeaturePyramid: Neck {
  /// A transposed convolution that doubles both sides.
  private struct Enlargement {
    let weight, bias: Tensor

    func callAsFunction(_ x: Tensor) -> Tensor {
      convolutionTransposed2x2(x, weight: weight, bias: bias)
    }
  }

  /// A convolution without bias, and the norm after it.
  private struct NormedConvolution {
    let weight: Tensor
    let norm: LayerNorm

    func callAsFunction(_ x: Tensor) -> Tensor {
      let isWide = weight.shape[2] == 3
      return norm(
        isWide
          ? convolution3x3(x, weight: weight, bias: nil)
          : linear(x, weight: weight.reshaped(to: Array(weight.shape.prefix(2))), bias: nil))
    }
  }

  /// One level: how the map gets its size, and the two convolutions.
  private struct Level {
    var enlargements: [(name: String, layer: Enlargement)] = []
    /// Between two enlargements.
    var norm: (name: String, layer: LayerNorm)?
    var isHalved = false
    let convolutions: [(name: String, layer: NormedConvolution)]

    func callAsFunction(_ x: Tensor) -> Tensor {
      var map = isHalved ? maxPooled2x2(x) : x
      for (index, (_, enlargement)) in enlargements.enumerated() {
        map = enlargement(map)
        if index == 0, let norm { map = gelu(norm.layer(map)) }
      }
      return convolutions.reduce(map) { $1.layer($0) }
    }
  }

  /// What is added to a variance in every norm.
  private static let epsilon: Float = 1e-6

  private let levels: [Level]

  init(inputs: Int, channels: Int, key: String, initializer: Initializer) {
    func enlargement(_ name: String, _ inputs: Int) -> (String, Enlargement) {
      let outputs = inputs / 2
      // PyTorch takes the fan of a transposed convolution from its outputs.
      let fan = 4 * outputs
      let layer = Enlargement(
        weight: initializer.uniformFan(
          [inputs, outputs, 2, 2], key: key + name + ".weight", fanIn: fan),
        bias: initializer.uniformFan([outputs], key: key + name + ".bias", fanIn: fan))
      layer.weight.requiresGradient = true
      layer.bias.requiresGradient = true
      return (name, layer)
    }
    func convolutions(_ level: Int, from first: Int, _ inputs: Int) -> [(String, NormedConvolution)]
    {
      [(inputs, 1), (channels, 3)].enumerated().map { index, form in
        let name = "simfp_\(level).\(first + index)"
        let weight = initializer.uniformFan(
          [channels, form.0, form.1, form.1], key: key + name + ".weight",
          fanIn: form.0 * form.1 * form.1)
        weight.requiresGradient = true
        return (
          name,
          NormedConvolution(weight: weight, norm: LayerNorm(channels, epsilon: Self.epsilon))
        )
      }
    }
    levels = [
      Level(
        enlargements: [enlargement("simfp_2.0", inputs), enlargement("simfp_2.3", inputs / 2)],
        norm: ("simfp_2.norm", LayerNorm(inputs / 2, epsilon: Self.epsilon)),
        convolutions: convolutions(2, from: 4, inputs / 4)),
      Level(
        enlargements: [enlargement("simfp_3.0", inputs)],
        convolutions: convolutions(3, from: 1, inputs / 2)),
      Level(convolutions: convolutions(4, from: 0, inputs)),
      Level(isHalved: true, convolutions: convolutions(5, from: 1, inputs)),
    ]
  }

  /// - Parameter stages: The one map.
  func callAsFunction(_ stages: [Tensor]) -> [Tensor] {
    precondition(stages.count == 1, "a simple feature pyramid needs one map, got \(stages.count)")
    return levels.map { $0(stages[0]) }
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for level in levels {
      for (name, layer) in level.enlargements {
        visit(prefix + name + ".weight", layer.weight)
        visit(prefix + name + ".bias", layer.bias)
      }
      if let (name, norm) = level.norm { norm.visitParameters(prefix + name + ".", visit) }
      for (name, layer) in level.convolutions {
        visit(prefix + name + ".weight", layer.weight)
        layer.norm.visitParameters(prefix + name + ".norm.", visit)
      }
    }
  }

  /// Multiply-adds of one image; norms count as two a number, as in the dense backbones.
  ///
  /// - Parameter pixels: Cells of the four levels.
  static func multiplyAdds(inputs: Int, channels: Int, pixels: [Int]) -> Int {
    let enlargements =
      pixels[1] * inputs * (inputs / 2) + pixels[0] * (inputs / 2) * (inputs / 4)
      + pixels[1] * 2 * (inputs / 2) + pixels[1] * inputs * (inputs / 2)
    let inner = [inputs / 4, inputs / 2, inputs, inputs]
    return zip(pixels, inner).reduce(enlargements) { sum, level in
      sum + level.0 * channels * (level.1 + 9 * channels + 4)
    }
  }
}
