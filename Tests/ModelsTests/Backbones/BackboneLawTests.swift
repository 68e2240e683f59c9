import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// A Swin Transformer small enough for laws that need several passes.
private let small = SwinConfiguration(
  embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4)

private func images(_ count: Int, _ side: Int) -> Tensor {
  DeterministicFill.tensor("input", [count, 3, side, side], bound: 2)
}

/// Fills by key; the dense form's last norm gets the values of the classification form's only one.
private func filled(_ form: SwinForm, inputSize: Int) -> SwinTransformer {
  let model = SwinTransformer(small, inputSize: inputSize, form: form, initializer: .blank)
  model.visitParameters("") { key, tensor in
    let name = key.hasPrefix("norm1.") ? "norm." + key.dropFirst(6) : key
    let values = DeterministicFill.weight(name, tensor.shape)
    tensor.pointer.update(from: values.pointer, count: tensor.elementCount)
  }
  return model
}

@Suite("Laws of the backbones", .serialized, .timeLimit(.minutes(5)))
struct BackboneLawTests {
  @Test("The dense and the classification form agree until a map is no larger than a window")
  func forms() throws {
    func results(_ side: Int) throws -> (features: [Float], dense: [Double]) {
      let features = filled(.classification, inputSize: side).features(images(2, side)).values
      let last = try #require(
        filled(.dense, inputSize: side).stageOutputs(images(2, side)).last)
      return (features, meanPooled(last.tokens).values.map { Double($0) })
    }
    // Maps of 16 and 8 tokens a side, windows of 4.
    let large = try results(64)
    expectClose(large.features, large.dense, relative: 1e-5, absolute: 1e-5)
    // The second map is one window: only the dense form shifts it.
    let clamped = try results(32)
    let difference = zip(clamped.features, clamped.dense).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(difference > 1e-3)
  }

  @Test("An image's features do not depend on the batch it is in")
  func batches() {
    let backbones: [any Backbone] = [
      filled(.classification, inputSize: 64),
      VisionTransformer(
        VisionTransformerConfiguration(patchSize: 16, embeddingSize: 24, depth: 2, headCount: 3),
        inputSize: 64, initializer: Initializer(seed: 3)),
    ]
    for backbone in backbones {
      let batch = images(5, 64)
      let together = withoutGradients { backbone.features(batch) }
      #expect(together.shape == [5, backbone.featureCount])
      for index in 0..<5 {
        let alone = withoutGradients { backbone.features(rows(batch, index..<index + 1)) }
        expectClose(
          alone.values, rows(together, index..<index + 1).values.map { Double($0) },
          relative: 1e-5, absolute: 1e-5, backbone.architecture.name)
      }
    }
  }

  @Test("Keeping what gradients need does not change the features by a bit")
  func recording() {
    let model = filled(.classification, inputSize: 64)
    let recorded = model.features(images(3, 64)).values
    #expect(withoutGradients { model.features(images(3, 64)) }.values == recorded)
  }

  @Test("Drop path follows seed, step and pass, and is absent at rate 0")
  func dropPath() {
    let model = filled(.classification, inputSize: 64)
    func features(_ context: DropPathContext?) -> [Float] {
      model.dropPath = context
      return withoutGradients { model.features(images(8, 64)) }.values
    }
    let plain = features(nil)
    #expect(features(DropPathContext(rate: 0, seed: 1, step: 0)) == plain)
    let first = features(DropPathContext(rate: 0.5, seed: 1, step: 4))
    #expect(first != plain)
    #expect(first == features(DropPathContext(rate: 0.5, seed: 1, step: 4)))
    #expect(first != features(DropPathContext(rate: 0.5, seed: 1, step: 5)))
    #expect(first != features(DropPathContext(rate: 0.5, seed: 2, step: 4)))
    #expect(first != features(DropPathContext(rate: 0.5, seed: 1, step: 4, pass: 1)))
    #expect(features(nil) == plain)
  }

  @Test("Drop-path rates rise linearly from 0 to the last block's, with draws of its own a branch")
  func dropPathRates() throws {
    let context = DropPathContext(rate: 0.2, seed: 1, step: 0)
    func factors(_ block: Int, _ branch: Int) -> [Float]? {
      context.factors(block: block, of: 12, branch: branch, batchSize: 400)
    }
    #expect(factors(0, 0) == nil)
    for block in 1..<12 {
      // A kept branch is divided by the probability of keeping it.
      let kept = try #require(factors(block, 0)?.max())
      #expect(abs(1 - 1 / kept - 0.2 * Float(block) / 11) < 1e-5, "block \(block)")
      #expect(factors(block, 0)?.min() == 0)
      #expect(factors(block, 0) != factors(block, 1))
    }
  }

  @Test("Map sizes of the dense form round up, for any input size", arguments: [(37, 30), (4, 3)])
  func mapSizes(height: Int, width: Int) {
    let model = filled(.dense, inputSize: 37)
    let input = DeterministicFill.tensor("input", [1, 3, height, width], bound: 2)
    let outputs = withoutGradients { model.stageOutputs(input) }
    var (rows, columns) = ((height + 3) / 4, (width + 3) / 4)
    for (stage, output) in outputs.enumerated() {
      #expect((output.height, output.width) == (rows, columns))
      #expect(output.tokens.shape == [1, rows * columns, small.channels(stage)])
      #expect(output.tokens.values.allSatisfy { $0.isFinite })
      (rows, columns) = ((rows + 1) / 2, (columns + 1) / 2)
    }
  }

  @Test("Windows shrink with the map in the classification form, and their tables with them")
  func windowClamp() throws {
    let model = SwinTransformer(.tiny, inputSize: 128, initializer: .blank)
    func table(_ stage: Int) throws -> [Int] {
      let key = "layers.\(stage).blocks.0.attn.relative_position_bias_table"
      return try #require(model.parameters.first { $0.key == key }).tensor.shape
    }
    let shapes = try (0..<4).map(table)
    #expect(shapes == [[169, 3], [169, 6], [169, 12], [49, 24]])
  }

  @Test("Fixed positions take no gradient, learned ones do", arguments: [false, true])
  func positions(fixed: Bool) throws {
    var configuration = VisionTransformerConfiguration(
      patchSize: 8, embeddingSize: 12, depth: 1, headCount: 2)
    configuration.hasFixedPositions = fixed
    configuration.hasDistillationToken = true
    let model = VisionTransformer(configuration, inputSize: 16, initializer: Initializer(seed: 1))
    sum(model.features(images(2, 16))).backward()
    for (key, tensor) in model.parameters {
      #expect((tensor.gradient == nil) == (fixed && key == "pos_embed"), "\(key)")
    }
  }
}
