import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("Layer decay")
struct LayerDecayTests {
  @Test("A ViT's layers are counted as BEiT counts them")
  func plain() {
    let vit = Architecture.visionTransformer(.deitSmall)
    let decay = LayerDecay(0.5)
    // 0.5 to the power of 13 less the layer's number.
    for (key, exponent) in [
      ("backbone.pos_embed", 13), ("backbone.cls_token", 13),
      ("backbone.patch_embed.proj.weight", 13), ("backbone.blocks.0.norm1.bias", 12),
      ("backbone.blocks.11.mlp.fc2.weight", 1), ("backbone.norm.weight", 0),
      ("neck.simfp_2.0.weight", 0), ("roi_head.bbox_head.fc_cls.weight", 0),
    ] {
      let expected = (0..<exponent).reduce(Float(1)) { share, _ in share * 0.5 }
      #expect(decay.share(of: key, in: vit) == expected, "\(key)")
      #expect(LayerDecay(1).share(of: key, in: vit) == 1)
    }
  }

  @Test("A Swin's layers are counted over its stages, as SimMIM counts them")
  func swin() {
    let decay = LayerDecay(0.5)
    for (key, exponent) in [
      ("backbone.patch_embed.norm.weight", 13), ("backbone.layers.0.blocks.0.attn.qkv.weight", 12),
      ("backbone.layers.0.blocks.1.norm1.weight", 11),
      ("backbone.layers.0.downsample.reduction.weight", 11),
      ("backbone.layers.2.blocks.5.mlp.fc1.bias", 3), ("backbone.layers.2.downsample.norm.bias", 3),
      ("backbone.layers.3.blocks.1.norm2.bias", 1), ("backbone.norm3.weight", 0),
      ("decode_head.conv_seg.weight", 0),
    ] {
      let expected = (0..<exponent).reduce(Float(1)) { share, _ in share * 0.5 }
      #expect(decay.share(of: key, in: .swin(.tiny)) == expected, "\(key)")
    }
  }

  private struct Reference: Decodable {
    /// Of every parameter the layers above its own, and whether it decays.
    let layers: [String: [String: [Int]]]
  }

  @Test(
    "Every parameter has the rate and the decay that SimMIM's and MAE's own groups give it",
    arguments: [
      ("swin-t", Architecture.swin(.tiny)), ("deit-s", .visionTransformer(.deitSmall)),
    ])
  func authors(name: String, architecture: Architecture) throws {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/finetuning.json"))
    let file = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
    let wanted = try #require(file.layers[name])
    var configuration = ClassifierConfiguration(backbone: architecture, classCount: 5)
    configuration.headDeviation = 0
    let method = Supervised(Classifier(configuration, initializer: .blank))
    let parameters = LayerDecay(0.5).applied(
      to: method.optimizedParameters(weightDecay: 0.05, rule: .matricesWithoutPositions),
      in: architecture)
    #expect(parameters.count == wanted.count)
    for parameter in parameters {
      let key = parameter.key.replacing("encoder.", with: "", maxReplacements: 1)
      let own = try #require(wanted[key], "\(key)")
      let share = (0..<own[0]).reduce(Float(1)) { share, _ in share * 0.5 }
      #expect(parameter.rateShare == share, "\(key)")
      #expect((parameter.weightDecay > 0) == (own[1] == 1), "\(key)")
    }
  }

  @Test("A part of the rate is that rate: weights and their decay move as under it, to the bit")
  func optimiser() {
    func step(_ rate: Float, share: Float) -> [Float] {
      let tensor = DeterministicFill.tensor("weight", [6, 5])
      var parameter = OptimizedParameter(key: "weight", tensor: tensor, weightDecay: 0.1)
      parameter.rateShare = share
      let optimizer = AdamW([parameter], learningRate: rate)
      for index in 0..<3 {
        tensor.gradient = DeterministicFill.tensor("gradient\(index)", [6, 5])
        optimizer.step()
      }
      return tensor.values
    }
    #expect(step(0.02, share: 0.25) == step(0.005, share: 1))
    #expect(step(0.02, share: 0.25) != step(0.02, share: 1))
  }
}
