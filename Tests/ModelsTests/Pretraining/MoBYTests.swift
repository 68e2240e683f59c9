import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

@Suite("MoBY")
struct MoBYTests {
  private func make(steps: Int = 10, queue: Int = 24, output: Int = 16, hidden: Int = 32) -> MoBY {
    var settings = MoBY.Settings()
    (settings.hiddenSize, settings.outputSize, settings.queueSize) = (hidden, output, queue)
    return MoBY(settings, totalSteps: steps, seed: 3) {
      SwinTransformer(.mini, inputSize: 32, initializer: Initializer(seed: 3))
    }
  }

  private func loss(_ model: MoBY, _ step: Int) -> Tensor {
    let views = ["a", "b"].map { DeterministicFill.tensor("\($0)\(step)", [6, 3, 32, 32]) }
    let position = StepPosition(step: step, epoch: 0)
    model.prepare(at: position)
    return model.loss(
      features: views.map { model.encoder.features($0) },
      targetFeatures: withoutGradients {
        views.compactMap { model.targetEncoder?.features($0) }
      }, targets: nil, at: position)
  }

  private func values(_ model: MoBY, _ prefix: String) -> [[Float]] {
    (model.parameters + model.buffers).filter { $0.key.hasPrefix(prefix) }.map(\.tensor.values)
  }

  @Test("The published sizes have the published number of trainable parameters")
  func parameterCounts() {
    let swin = MoBY(MoBY.Settings(), totalSteps: 1, seed: 0) {
      SwinTransformer(.tiny, initializer: .blank)
    }
    let trained = swin.optimizedParameters(weightDecay: 0.05, rule: .matrices)
    #expect(trained.reduce(0) { $0 + $1.tensor.elementCount } == 33_835_898)
    let deit = MoBY(MoBY.Settings(), totalSteps: 1, seed: 0) {
      VisionTransformer(.deitSmall, initializer: .blank)
    }
    #expect(
      deit.optimizedParameters(weightDecay: 0.05, rule: .matrices)
        .reduce(0) { $0 + $1.tensor.elementCount } == 26_409_344)
  }

  @Test("State dictionaries have the published numbers of entries")
  func entryCounts() {
    let swin = SwinTransformer(.tiny, initializer: .blank)
    #expect(StateDictionary(swin).keys.count == 188)  // 190 with a classifier
    let masks = swin.buffers.filter { $0.key.hasSuffix("attn_mask") }
    #expect(masks.map(\.tensor.shape[0]) == [64, 16, 4, 4, 4])
    #expect(masks.map(\.key).first == "layers.0.blocks.1.attn_mask")
    #expect(Set(masks.flatMap(\.tensor.values)) == [0, -100])
    let moby = MoBY(MoBY.Settings(), totalSteps: 1, seed: 0) {
      SwinTransformer(.tiny, initializer: .blank)
    }
    #expect(StateDictionary(moby).keys.count == 406)
    #expect(Set(StateDictionary(moby).keys).count == 406)
  }

  @Test("Momentum starts at 0.99, passes 0.995 half-way and ends at 1")
  func momentum() {
    let model = make(steps: 1000)
    #expect(abs(model.momentum(step: 0) - 0.99) < 1e-12)
    #expect(abs(model.momentum(step: 500) - 0.995) < 1e-12)
    #expect(abs(model.momentum(step: 1000) - 1) < 1e-12)
  }

  @Test("The first step leaves the target as it was, and the second moves it")
  func targetMoves() {
    let model = make()
    let before = values(model, "encoder_k.")
    let optimizer = AdamW(
      model.optimizedParameters(weightDecay: 0.05, rule: .matrices), learningRate: 1e-2)
    loss(model, 0).backward()
    #expect(values(model, "encoder_k.") == before)
    optimizer.step()
    optimizer.clearGradients()
    _ = loss(model, 1)
    #expect(values(model, "encoder_k.") != before)
  }

  @Test("No gradient reaches the target, and every online parameter has one")
  func gradientFlow() {
    let model = make()
    loss(model, 0).backward()
    for (key, tensor) in model.parameters {
      let isTarget = key.hasPrefix("encoder_k.") || key.hasPrefix("projector_k.")
      #expect((tensor.gradient == nil) == isTarget, "\(key)")
    }
  }

  @Test("Queues hold unit keys, turn round after four batches, and keep the last key of view 1")
  func queues() throws {
    let model = make()
    for step in 0..<4 {
      _ = withoutGradients { loss(model, step) }
      let position = try #require(model.buffers.first { $0.key == "queue_ptr" }).tensor.item
      #expect(position == Float((step + 1) * 6 % 24))
    }
    let queue = try #require(model.buffers.first { $0.key == "queue1" }).tensor
    #expect(queue.shape == [16, 24])
    for column in 0..<24 {
      let norm = (0..<16).reduce(Float(0)) { sum, row in
        sum + queue.pointer[row * 24 + column] * queue.pointer[row * 24 + column]
      }
      #expect(abs(norm - 1) < 1e-5)
    }
  }

  @Test("The first loss lies near twice the logarithm of the number of classes")
  func firstLoss() {
    // The published output and queue sizes: 2·ln 4097 = 16.636.
    let value = loss(make(queue: 4092, output: 256, hidden: 64), 0).item
    #expect(value > 15.5 && value < 18, "\(value)")
  }

  @Test("The gradient of the contrastive logits matches differences")
  func logitsGradient() {
    let queries = DeterministicFill.tensor("q", [3, 5])
    let keys = DeterministicFill.tensor("k", [3, 5])
    let queue = DeterministicFill.tensor("n", [7, 5])
    expectGradientsMatch([queries]) {
      contrastiveLogits(queries: queries, keys: keys, queue: queue, temperature: 0.2)
    }
  }
}
