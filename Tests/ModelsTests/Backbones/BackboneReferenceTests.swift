import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// Sampled values of one tensor, as `Tests/References/backbones.py` writes them.
private struct Sampled: Decodable {
  let norm, sum: Double
  let values: [Double]
}

private struct Reference: Decodable {
  let loss: Double
  let outputs: [Sampled]
  let gradients: [String: Sampled]
}

private func reference(_ name: String) throws -> Reference {
  let data = try Data(contentsOf: URL(fileURLWithPath: SourceTree.fixture("Models/backbones.json")))
  let all = try JSONDecoder().decode([String: Reference].self, from: data)
  return try #require(all[name])
}

/// Sets every parameter to the numbers that the reference makes from its key.
private func fill(_ module: some Module) {
  module.visitParameters("") { key, tensor in
    let values = DeterministicFill.weight(key, tensor.shape)
    tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
  }
}

private func expectSampled(
  _ tensor: Tensor, _ expected: Sampled, relative: Double, _ what: String
) {
  expectSampled(tensor, norm: expected.norm, values: expected.values, relative: relative, what)
}

private func check(_ outputs: [Tensor], of module: some Module, _ name: String) throws {
  let reference = try reference(name)
  var loss: Tensor?
  for (index, output) in outputs.enumerated() {
    expectSampled(output, reference.outputs[index], relative: 1e-4, "\(name) output \(index)")
    let term = sum(
      multiply(output, DeterministicFill.tensor("cotangent\(index)", output.shape)))
    loss = loss.map { add($0, term) } ?? term
  }
  loss?.backward()
  #expect(module.parameters.count == reference.gradients.count)
  for (key, tensor) in module.parameters {
    let gradient = try #require(tensor.gradient, "\(key) has no gradient")
    let expected = try #require(reference.gradients[key], "\(key) is not in the reference")
    expectSampled(gradient, expected, relative: 1e-3, "\(name) gradient of \(key)")
  }
}

@Suite("Backbones against PyTorch", .serialized)
struct BackboneReferenceTests {
  @Test("Swin-T features and gradients equal the reference's at 224")
  func swinTiny() throws {
    let model = SwinTransformer(.tiny, initializer: .blank)
    fill(model)
    let images = DeterministicFill.tensor("input", [2, 3, 224, 224], bound: 2)
    try check([model.features(images)], of: model, "swin_tiny")
  }

  @Test("The dense form equals the reference's on a map that windows do not divide")
  func swinDense() throws {
    let model = SwinTransformer(
      .tiny, inputSize: 75, form: .dense, initializer: .blank)
    fill(model)
    let images = DeterministicFill.tensor("input", [2, 3, 75, 94], bound: 2)
    try check(model.stageOutputs(images).map(\.tokens), of: model, "swin_dense")
  }

  @Test("A small configuration with channel counts below a vector equals the reference's")
  func swinSmall() throws {
    let configuration = SwinConfiguration(
      embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4)
    let model = SwinTransformer(configuration, inputSize: 32, initializer: .blank)
    fill(model)
    let images = DeterministicFill.tensor("input", [3, 3, 32, 32], bound: 2)
    try check([model.features(images)], of: model, "swin_small")
    let dense = SwinTransformer(
      configuration, inputSize: 37, form: .dense, initializer: .blank)
    fill(dense)
    let odd = DeterministicFill.tensor("input", [2, 3, 37, 30], bound: 2)
    try check(dense.stageOutputs(odd).map(\.tokens), of: dense, "swin_small_dense")
  }

  @Test("DeiT-S features and gradients equal the reference's at 224")
  func deitSmall() throws {
    let model = VisionTransformer(.deitSmall, initializer: .blank)
    fill(model)
    let images = DeterministicFill.tensor("input", [2, 3, 224, 224], bound: 2)
    try check([model.features(images)], of: model, "deit_small")
  }

  @Test("DeiT-S at 128 pixels with interpolated positions equals the reference's")
  func deitSmallAtAnotherSize() throws {
    let model = VisionTransformer(.deitSmall, inputSize: 128, initializer: .blank)
    fill(model)
    let stored = DeterministicFill.weight("pos_embed", [1, 197, 384]).values
    let values =
      stored.prefix(384)
      + BicubicMaps.resized(
        Array(stored.dropFirst(384)), rows: 14, columns: 14, channels: 384, toRows: 8, toColumns: 8)
    let positions = try #require(model.parameters.first { $0.key == "pos_embed" }).tensor
    #expect(positions.shape == [1, 65, 384])
    positions.pointer.update(from: Array(values), count: values.count)
    let images = DeterministicFill.tensor("input", [2, 3, 128, 128], bound: 2)
    try check([model.features(images)], of: model, "deit_small_128")
  }

  @Test("Parameter counts are the published ones")
  func parameterCounts() {
    let swin = SwinTransformer(.tiny, initializer: .blank)
    #expect(swin.parameterCount == 27_519_354)
    #expect(swin.parameters.count == 171)
    let dense = SwinTransformer(.tiny, form: .dense, initializer: .blank)
    #expect(dense.parameterCount == 27_520_698)
    let deit = VisionTransformer(.deitSmall, initializer: .blank)
    #expect(deit.parameterCount == 21_665_664)
    #expect(deit.parameters.count == 150)
    func head(_ inputs: Int) -> Int {
      Linear(truncatedNormal: inputs, 1000, key: "head.", .blank).parameterCount
    }
    #expect(swin.parameterCount + head(swin.featureCount) == 28_288_354)
    #expect(deit.parameterCount + head(deit.featureCount) == 22_050_664)
    var configuration = VisionTransformerConfiguration.deitSmall
    configuration.hasDistillationToken = true
    let distilled = VisionTransformer(configuration, initializer: .blank)
    #expect(distilled.parameterCount == 21_665_664 + 2 * 384)
    #expect(distilled.parameters.count == 151)
  }

  @Test("One thread and two give the same bits")
  func threadCounts() {
    let model = SwinTransformer(.mini, inputSize: 64, initializer: Initializer(seed: 1))
    let images = DeterministicFill.tensor("input", [5, 3, 64, 64], bound: 2)
    func run(_ threads: Int) -> [[Float]] {
      withThreadCount(threads) {
        model.clearGradients()
        let out = model.features(images)
        sum(multiply(out, out)).backward()
        return [out.values] + model.parameters.map { $0.tensor.gradient?.values ?? [] }
      }
    }
    #expect(run(1) == run(2))
  }
}
