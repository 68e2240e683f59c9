import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Sampled values of one tensor, as `Tests/References/networks.py` writes them.
private struct Sampled: Decodable {
  let norm: Double
  let values: [Double]
}

private struct Reference: Decodable {
  let size, batch: Int
  let features: Sampled
  let gradients: [String: Sampled]
  /// Running statistics after one pass in training.
  let statistics: [String: Sampled]?
  /// Of every map.
  let attention: [Sampled]?

  static func all(_ path: String) throws -> [String: Reference] {
    try JSONDecoder().decode(
      [String: Reference].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

/// - Returns: The largest difference of a sampled number, in parts of their root mean square.
@discardableResult
private func check(
  _ tensor: Tensor, _ expected: Sampled, relative: Double, _ what: String
) -> Double {
  expectSampled(tensor, norm: expected.norm, values: expected.values, relative: relative, what)
  let values = tensor.values
  let scale = expected.norm / Double(values.count).squareRoot()
  return expected.values.enumerated().map { index, value in
    abs(Double(values[(index * 7919 + 13) % values.count]) - value) / scale
  }.max() ?? 0
}

/// Features, attention and gradients of a network with the reference's weights.
///
/// - Returns: The largest differences of features and of gradients.
@discardableResult
private func check(
  _ architecture: Architecture, _ reference: Reference, _ name: String
) throws -> (features: Double, gradients: Double) {
  let network = architecture.makeBackbone(inputSize: reference.size, initializer: .blank)
  var isFixed = false
  if case .visionTransformer(let vit) = architecture { isFixed = vit.hasFixedPositions }
  for (key, tensor) in network.parameters where !(isFixed && key == "pos_embed") {
    let values = DeterministicFill.weight(key, tensor.shape)
    tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
  }
  DeterministicFill.fill(network.buffers.filter { $0.key.contains("running_") })
  network.setTraining(reference.statistics?.isEmpty == false)
  let images = DeterministicFill.tensor(
    "input", [reference.batch, 3, reference.size, reference.size], bound: 2)
  let features = network.features(images)
  let difference = check(features, reference.features, relative: 1e-4, name + " features")
  if let expected = reference.attention, reference.statistics == nil {
    let maps = withoutGradients { network.attentionMaps(images) }
    #expect(maps.count == expected.count, "\(name)")
    for (map, expected) in zip(maps, expected) {
      check(map.values, expected, relative: 1e-4, "\(name): attention \(map.title)")
    }
  }
  sum(multiply(features, DeterministicFill.tensor("cotangent0", features.shape))).backward()
  let trained = network.parameters.filter { !(isFixed && $0.key == "pos_embed") }
  #expect(Set(trained.map(\.key)) == Set(reference.gradients.keys), "\(name)")
  var worst = 0.0
  for (key, tensor) in trained {
    let gradient = try #require(tensor.gradient, "\(name): \(key) has no gradient")
    let expected = try #require(reference.gradients[key])
    // Biases of keys move no softmax: their gradients are noise.
    guard expected.norm > 1e-6 else { continue }
    worst = max(
      worst, check(gradient, expected, relative: 1e-3, "\(name) gradient of \(key)"))
  }
  for (key, expected) in reference.statistics ?? [:] {
    let own = try #require(network.buffers.first { $0.key == key }, "\(name): no \(key)")
    check(own.tensor, expected, relative: 1e-4, "\(name): \(key)")
  }
  return (difference, worst)
}

@Suite("Named networks against timm", .serialized)
struct NetworkReferenceTests {
  private static func plain(
    _ channels: Int, heads: Int, patch: Int = 16
  ) -> VisionTransformerConfiguration {
    VisionTransformerConfiguration(
      patchSize: patch, embeddingSize: channels, depth: 2, headCount: heads)
  }

  private static let narrow: [String: Architecture] = {
    var fixed = plain(48, heads: 12)
    fixed.hasFixedPositions = true
    func swin(_ depths: [Int], _ window: Int) -> Architecture {
      .swin(
        SwinConfiguration(
          embeddingSize: 8, depths: depths, headCounts: [1, 2, 4, 8], windowSize: window))
    }
    let batchNorm = SwinConfiguration(
      embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4
    ).batchNormBeforeMLP
    return [
      "swin window 12": swin([1, 2, 3, 1], 12), "swin deep": swin([1, 1, 8, 1], 4),
      "swin shifted": .swin(
        SwinConfiguration(embeddingSize: 8, depths: [2, 1], headCounts: [1, 2], windowSize: 4)),
      "swin batch norm": .swin(batchNorm), "swin batch norm in training": .swin(batchNorm),
      "plain": .visionTransformer(plain(24, heads: 3)),
      "plain 8": .visionTransformer(plain(32, heads: 2, patch: 8)),
      "distilled": .visionTransformer(plain(24, heads: 3).distilled),
      "fixed": .visionTransformer(fixed),
    ]
  }()

  @Test(
    "Narrow twins of every kind of network equal timm's", arguments: Array(narrow.keys.sorted()))
  func twins(name: String) throws {
    let all = try Reference.all(SourceTree.fixture("Models/networks.json"))
    #expect(Set(all.keys) == Set(Self.narrow.keys))
    try check(
      try #require(Self.narrow[name]), try #require(all[name]), name)
  }

  @Test("Networks of the table equal timm's at their own size")
  func full() throws {
    guard let path = ProcessInfo.processInfo.environment["SWINBENCH_NETWORKS"] else {
      print("skipped: SWINBENCH_NETWORKS names no file of networks.py")
      return
    }
    let all = try Reference.all(path)
    #expect(!all.isEmpty)
    for (name, reference) in all.sorted(by: { $0.key < $1.key }) {
      let row = try #require(NetworkTable.rows.first { $0.name == name }, "\(name)")
      let seen = try check(row.architecture, reference, name)
      print("\(name): features differ by \(seen.features), gradients by \(seen.gradients)")
    }
  }
}
