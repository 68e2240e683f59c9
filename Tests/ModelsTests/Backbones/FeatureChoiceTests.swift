import Foundation
import Layers
import Models
import TensorCore
import TestSupport
import Testing

private struct Reference: Decodable {
  let features: [String: [Double]]

  static func load() throws -> Reference {
    let path = SourceTree.fixture("Evaluation/probes.json")
    return try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

@Suite("Features of last blocks")
struct FeatureChoiceTests {
  private static let vit = VisionTransformerConfiguration(
    patchSize: 16, embeddingSize: 24, depth: 4, headCount: 3)
  private static let swin = SwinConfiguration(
    embeddingSize: 8, depths: [1, 2, 2], headCounts: [1, 2, 4], windowSize: 4)

  private static let cases: [String: (Architecture, FeatureChoice)] = [
    "vit last 3": (.visionTransformer(vit), FeatureChoice(blockCount: 3)),
    "vit class and mean": (.visionTransformer(vit), FeatureChoice(pooling: .classAndMean)),
    "vit last 2 and mean": (
      .visionTransformer(vit), FeatureChoice(blockCount: 2, pooling: .classAndMean)
    ),
    "distilled class and mean": (
      .visionTransformer(vit.distilled), FeatureChoice(pooling: .classAndMean)
    ),
    "swin last 4": (.swin(swin), FeatureChoice(blockCount: 4)),
    "swin last 1": (.swin(swin), FeatureChoice()),
  ]

  private func network(_ architecture: Architecture) -> any Backbone {
    let network = architecture.makeBackbone(inputSize: 64, initializer: .blank)
    DeterministicFill.fill(network.parameters)
    return network
  }

  @Test("Are those of timm's blocks, as DINO and EsViT put them together", arguments: cases.keys)
  func reference(name: String) throws {
    let expected = try #require(try Reference.load().features[name])
    let (architecture, choice) = try #require(Self.cases[name])
    let chosen = ChosenFeatures(network(architecture), choice)
    let images = DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2)
    let found = withoutGradients { chosen.features(images) }
    #expect(found.shape == [2, chosen.featureCount])
    #expect(found.elementCount == expected.count)
    let largest = expected.map(abs).max() ?? 0
    for (own, value) in zip(found.values, expected) {
      #expect(abs(Double(own) - value) < 1e-4 * largest)
    }
    // The network's own feature is among them, where it is said to be.
    let own = withoutGradients { chosen.network.features(images) }.values
    let columns = choice.ownColumns(of: architecture)
    let width = own.count / 2
    #expect(columns.count == width)
    for image in 0..<2 {
      let part = found.values[image * chosen.featureCount..<(image + 1) * chosen.featureCount]
      for (a, b) in zip(
        part.dropFirst(columns.lowerBound), own[image * width..<(image + 1) * width])
      {
        #expect(abs(a - b) < 1e-6)
      }
    }
  }

  @Test("What a network does not have is refused with a reason")
  func refused() {
    let (vit, swin) = (Architecture.visionTransformer(Self.vit), Architecture.swin(Self.swin))
    #expect(FeatureChoice(blockCount: 5).problem(with: vit)?.contains("4 blocks") == true)
    #expect(FeatureChoice(blockCount: 6).problem(with: swin)?.contains("5 blocks") == true)
    #expect(
      FeatureChoice(pooling: .classAndMean).problem(with: swin)?.contains("class token") == true)
    #expect(FeatureChoice(blockCount: 4).problem(with: vit) == nil)
  }

  @Test("The mean of part of the tokens has the gradient of its definition")
  func gradient() {
    let x = DeterministicFill.tensor("tokens", [2, 5, 3])
    expectGradientsMatch([x]) { meanPooled(x, from: 2) }
  }
}
