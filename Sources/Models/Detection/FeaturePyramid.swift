import Layers
import TensorCore

/// What makes maps of one channel count, each half as large as the last, of a backbone's.
protocol Neck: Module {
  /// `[B, Hᵢ, Wᵢ, Cᵢ]` a stage to `[B, Hⱼ, Wⱼ, C]` a level.
  func callAsFunction(_ stages: [Tensor]) -> [Tensor]
}

/// A feature pyramid: every stage of a backbone at one channel count, enriched from above.
///
/// 1x1 convolutions bring the stages to `C` channels; from the top each map is added, enlarged to
/// the nearest neighbour, to the one below; 3x3 convolutions follow.
///
/// Shapes: `B` images, stage `i` at stride `4·2ⁱ`.
/// - in: four maps `[B, Hᵢ, Wᵢ, Cᵢ]`
/// - out: four maps `[B, Hᵢ, Wᵢ, C]`
///
/// State keys: `lateral_convs.i.conv.*`, `fpn_convs.i.conv.*`.
/// Initialisation: Xavier uniform, biases 0.
///
/// Source: Lin et al., Feature Pyramid Networks, 2017.
final class FeaturePyramid: Neck {
  private let laterals: [Convolution1x1]
  private let outputs: [Convolution3x3]

  init(inputChannels: [Int], channels: Int, key: String, initializer: Initializer) {
    laterals = inputChannels.enumerated().map { index, count in
      Convolution1x1(
        weight: initializer.xavierUniform(
          [channels, count, 1, 1], key: key + "lateral_convs.\(index).conv.weight", fanIn: count,
          fanOut: channels))
    }
    outputs = inputChannels.indices.map { index in
      Convolution3x3(
        weight: initializer.xavierUniform(
          [channels, channels, 3, 3], key: key + "fpn_convs.\(index).conv.weight",
          fanIn: 9 * channels, fanOut: 9 * channels))
    }
  }

  func callAsFunction(_ stages: [Tensor]) -> [Tensor] {
    var merged = zip(laterals, stages).map { $0($1) }
    for level in stride(from: merged.count - 1, to: 0, by: -1) {
      let target = merged[level - 1].shape
      merged[level - 1] = add(
        merged[level - 1], nearestResized(merged[level], height: target[1], width: target[2]))
    }
    return zip(outputs, merged).map { $0($1) }
  }

  func visitParameters(_ prefix: String, _ visit: (String, Tensor) -> Void) {
    for (index, lateral) in laterals.enumerated() {
      lateral.visitParameters(prefix + "lateral_convs.\(index).conv.", visit)
    }
    for (index, output) in outputs.enumerated() {
      output.visitParameters(prefix + "fpn_convs.\(index).conv.", visit)
    }
  }
}
