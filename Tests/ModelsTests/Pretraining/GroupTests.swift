import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// A batch in groups, on one process and on several.
@Suite("Pretraining in groups")
struct GroupTests {
  private static func engine(
    _ recipe: PretrainingRecipe, _ groups: ImageGroups, chunkSize: Int = .max,
    network: SwinConfiguration = PretrainingLawTests.network
  ) -> PretrainingEngine {
    PretrainingEngine(
      recipe, architecture: .swin(network), inputSize: 32, classCount: 5,
      stepsPerEpoch: 3, seed: 7, chunkSize: chunkSize, groups: groups)
  }

  /// Losses of some steps, and all state at the end.
  private static func trained(
    _ recipe: PretrainingRecipe, _ groups: ImageGroups, chunkSize: Int = .max,
    network: SwinConfiguration = PretrainingLawTests.network
  ) throws -> [[Float]] {
    let engine = engine(recipe, groups, chunkSize: chunkSize, network: network)
    var losses: [Float] = []
    for step in 0..<3 {
      let whole = PretrainingLawTests.batch(recipe, step: step)
      let own = PretrainingBatch(
        views: whole.views.map { rows($0, groups.ownImages) }, targets: whole.targets)
      let outcome = try engine.step(own, step: step, epoch: step / 3)
      losses += [outcome.loss, outcome.gradientNorm]
    }
    return [losses] + engine.state.map(\.values)
  }

  private static let networks = [
    PretrainingLawTests.network, PretrainingLawTests.network.batchNormBeforeMLP,
  ]

  @Test("Processes give the bits of one", arguments: MethodDescription.allCases, networks)
  func processes(method: MethodDescription, network: SwinConfiguration) async throws {
    let recipe = PretrainingLawTests.recipe(method)
    let alone = try Self.trained(recipe, ImageGroups(batchSize: 8, count: 4), network: network)
    #expect(!alone[0].contains { !$0.isFinite })
    for size in [2, 4] {
      let shared = try await ThreadRanks(size).run { ranks in
        try Self.trained(
          recipe, ImageGroups(batchSize: 8, count: 4, communicator: ranks), network: network)
      }
      for numbers in shared { #expect(numbers == alone, "\(method) on \(size)") }
    }
  }

  @Test("Pieces that are groups give the bits of kept passes", arguments: [2, 4])
  func pieces(chunkSize: Int) throws {
    let recipe = PretrainingLawTests.recipe(.moby)
    let groups = ImageGroups(batchSize: 8, count: 4)
    #expect(
      try Self.trained(recipe, groups, chunkSize: chunkSize) == Self.trained(recipe, groups))
  }

  @Test("Groups change the last digits only", arguments: MethodDescription.allCases, networks)
  func groups(method: MethodDescription, network: SwinConfiguration) throws {
    let recipe = PretrainingLawTests.recipe(method)
    let whole = try Self.trained(recipe, .whole(8), network: network)
    let parts = try Self.trained(recipe, ImageGroups(batchSize: 8, count: 4), network: network)
    expectClose(parts[0], whole[0].map(Double.init), relative: 1e-3, absolute: 0, "\(method)")
  }

  @Test("Batch norms of an encoder see all images of both views, once each, and rest between steps")
  func batchNorms() throws {
    let recipe = PretrainingLawTests.recipe(.moby)
    let engine = Self.engine(
      recipe, ImageGroups(batchSize: 8, count: 4),
      network: PretrainingLawTests.network.batchNormBeforeMLP)
    let batch = PretrainingLawTests.batch(recipe, step: 0)
    let twin = SwinTransformer(
      PretrainingLawTests.network.batchNormBeforeMLP, inputSize: 32, initializer: .blank)
    twin.copyParameters(from: engine.method.encoder)
    _ = try engine.step(batch, step: 0, epoch: 0)
    // The first norm of the network lies before any draw of drop path counts: block 0 drops nothing.
    twin.setTraining(true)
    for view in batch.views { _ = withoutGradients { twin.features(view) } }
    let key = "layers.0.blocks.0.norm2."
    func statistics(_ network: any Backbone) -> [String: [Float]] {
      Dictionary(
        network.buffers.filter { $0.key.hasPrefix(key) }.map { ($0.key, $0.tensor.values) },
        uniquingKeysWith: { a, _ in a })
    }
    let seen = statistics(engine.method.encoder)
    #expect(seen[key + "num_batches_tracked"] == [2])
    for (name, values) in statistics(twin) {
      expectClose(
        try #require(seen[name]), values.map(Double.init), relative: 1e-4, absolute: 1e-6, name)
    }
    let target = try #require(engine.method.targetEncoder)
    #expect(statistics(target)[key + "num_batches_tracked"] == [2])
    // A probe between steps sees the running statistics and leaves them.
    let before = engine.state.map(\.values)
    _ = withoutGradients { engine.method.encoder.features(batch.views[0]) }
    #expect(engine.state.map(\.values) == before)
  }

  @Test("As many groups as cost nothing")
  func usual() {
    func count(_ batch: Int, _ architecture: Architecture, _ size: Int) -> Int {
      ImageGroups.usualCount(
        batchSize: batch, workPerImage: Double(architecture.multiplyAdds(inputSize: size)))
    }
    #expect(count(512, .swin(.tiny), 224) == 64)
    #expect(count(16, .swin(.tiny), 224) == 2)
    #expect(count(128, .swin(.mini), 64) == 1)
    #expect(count(96, .swin(.tiny), 224) == 8)
  }
}
