import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// What `Tests/References/dense_features.py` writes.
private struct Reference: Decodable {
  struct Sampled: Decodable {
    let norm: Double
    let values: [Double]
  }
  struct Maps: Decodable {
    let outputs: [Sampled]
    let input: Sampled?
    let gradients: [String: Sampled]
  }
  struct Linear: Decodable {
    let loss: Double
    let gradients: [String: Sampled]
    let mean, variance, logits: Sampled
  }

  let pyramid, patches: Maps
  let linear: Linear

  static func read() throws -> Reference {
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/dense_features.json"))
    return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
  }
}

private func check(
  _ tensor: Tensor?, _ expected: Reference.Sampled?, relative: Double, _ what: String
) throws {
  let (tensor, expected) = (try #require(tensor, "\(what)"), try #require(expected, "\(what)"))
  // Biases of keys move no softmax: their gradients are noise.
  guard expected.norm > 1e-6 else { return }
  expectSampled(tensor, norm: expected.norm, values: expected.values, relative: relative, what)
}

/// Fills a module by its keys, weighs its maps, and compares gradients.
private func check(
  _ maps: [Tensor], of module: some Module, _ reference: Reference.Maps, _ what: String
) throws {
  #expect(maps.count == reference.outputs.count)
  var loss: Tensor?
  for (index, map) in maps.enumerated() {
    try check(map, reference.outputs[index], relative: 1e-5, "\(what) \(index)")
    let term = sum(multiply(map, DeterministicFill.tensor("cotangent\(index)", map.shape)))
    loss = loss.map { add($0, term) } ?? term
  }
  loss?.backward()
  #expect(Set(module.parameters.map(\.key)) == Set(reference.gradients.keys))
  for (key, tensor) in module.parameters {
    try check(tensor.gradient, reference.gradients[key], relative: 1e-4, "\(what) \(key)")
  }
}

@Suite("Dense features against PyTorch")
struct DenseFeatureTests {
  @Test("The simple feature pyramid: four maps and every gradient")
  func pyramid() throws {
    let reference = try Reference.read().pyramid
    let pyramid = SimpleFeaturePyramid(inputs: 16, channels: 12, key: "", initializer: .blank)
    for (key, tensor) in pyramid.parameters {
      tensor.assign(DeterministicFill.weight(key, tensor.shape).values)
    }
    let planes = DeterministicFill.tensor("map", [2, 16, 6, 10], bound: 2).values
    var values = [Float](repeating: 0, count: planes.count)
    for image in 0..<2 {
      for channel in 0..<16 {
        for cell in 0..<60 {
          values[(image * 60 + cell) * 16 + channel] = planes[(image * 16 + channel) * 60 + cell]
        }
      }
    }
    let map = Tensor(values, shape: [2, 6, 10, 16])
    map.requiresGradient = true
    let maps = pyramid([map])
    #expect(
      maps.map(\.shape) == [[2, 24, 40, 12], [2, 12, 20, 12], [2, 6, 10, 12], [2, 3, 5, 12]])
    // The reference's cotangents lie in the same order: both have channels last.
    try check(maps, of: pyramid, reference, "level")
    try check(map.gradient, reference.input, relative: 1e-4, "input")
  }

  @Test("A ViT's patches on images of another shape: values and gradients, positions included")
  func patches() throws {
    let network = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 16, embeddingSize: 24, depth: 2, headCount: 3),
      inputSize: 64, initializer: .blank)
    for (key, tensor) in network.parameters {
      tensor.assign(DeterministicFill.weight(key, tensor.shape).values)
    }
    let images = DeterministicFill.tensor("input", [2, 3, 44, 96], bound: 2)
    let map = network.stageMaps(images)[0]
    #expect(map.shape == [2, 3, 6, 24])
    try check([map], of: network, try Reference.read().patches, "patches")
  }

  @Test("Swin's last map has the mean that its features are")
  func swin() throws {
    let network = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 3))
    let images = DeterministicFill.tensor("input", [2, 3, 64, 64], bound: 2)
    let (map, features) = withoutGradients { (network.patchMap(images), network.features(images)) }
    #expect(map.shape == [2, 2, 2, network.featureCount])
    let (cells, means) = (map.values, features.values)
    for (index, mean) in means.enumerated() {
      let (image, channel) = (index / network.featureCount, index % network.featureCount)
      let own = (0..<4).map { cells[(image * 4 + $0) * network.featureCount + channel] }
      #expect(abs(own.reduce(0, +) / 4 - mean) < 1e-5)
    }
  }

  @Test("The linear head: loss, gradients, moved statistics, and logits by them")
  func linear() throws {
    let reference = try Reference.read().linear
    let backbone = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 16, embeddingSize: 10, depth: 1, headCount: 1),
      inputSize: 32, initializer: Initializer(seed: 1))
    let head = LinearSegmentor(backbone, classCount: 5, initializer: .blank)
    DeterministicFill.fill(head.parameters)
    let map = DeterministicFill.tensor("features", [2, 3, 4, 10], bound: 2)
    let labels = DeterministicFill.values("labels", count: 2 * 24 * 24).map { value -> UInt8 in
      let label = min(6, Int((value + 1) * 3.2))
      return label >= 5 ? 255 : UInt8(label)
    }
    let loss = head.loss(of: map, labels: labels, height: 24, width: 24)
    expectClose([loss.item], [reference.loss], relative: 1e-6, absolute: 0, "loss")
    loss.backward()
    #expect(Set(head.parameters.map(\.key)) == Set(reference.gradients.keys))
    for (key, tensor) in head.parameters {
      try check(tensor.gradient, reference.gradients[key], relative: 1e-4, key)
    }
    let buffers = Dictionary(uniqueKeysWithValues: head.buffers.map { ($0.key, $0.tensor) })
    try check(buffers["decode_head.bn.running_mean"], reference.mean, relative: 1e-5, "mean")
    try check(
      buffers["decode_head.bn.running_var"], reference.variance, relative: 1e-5, "variance")
    let logits = withoutGradients { head.scores(map, isTraining: false) }
    try check(logits, reference.logits, relative: 1e-5, "logits")
    #expect(backbone.parameters.allSatisfy { $0.tensor.gradient == nil })
  }
}
