import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// A batch in groups, on one process and on several.
@Suite("Pretraining in groups")
struct GroupTests {
  private static func engine(
    _ recipe: PretrainingRecipe, _ groups: ImageGroups, chunkSize: Int = .max
  ) -> PretrainingEngine {
    PretrainingEngine(
      recipe, architecture: .swin(PretrainingLawTests.network), inputSize: 32, classCount: 5,
      stepsPerEpoch: 3, seed: 7, chunkSize: chunkSize, groups: groups)
  }

  /// Losses of some steps, and all state at the end.
  private static func trained(
    _ recipe: PretrainingRecipe, _ groups: ImageGroups, chunkSize: Int = .max
  ) throws -> [[Float]] {
    let engine = engine(recipe, groups, chunkSize: chunkSize)
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

  @Test("Processes give the bits of one", arguments: MethodDescription.allCases)
  func processes(method: MethodDescription) async throws {
    let recipe = PretrainingLawTests.recipe(method)
    let alone = try Self.trained(recipe, ImageGroups(batchSize: 8, count: 4))
    #expect(!alone[0].contains { !$0.isFinite })
    for size in [2, 4] {
      let shared = try await ThreadRanks(size).run { ranks in
        try Self.trained(recipe, ImageGroups(batchSize: 8, count: 4, communicator: ranks))
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

  @Test("Groups change the last digits only", arguments: MethodDescription.allCases)
  func groups(method: MethodDescription) throws {
    let recipe = PretrainingLawTests.recipe(method)
    let whole = try Self.trained(recipe, .whole(8))
    let parts = try Self.trained(recipe, ImageGroups(batchSize: 8, count: 4))
    expectClose(parts[0], whole[0].map(Double.init), relative: 1e-3, absolute: 0, "\(method)")
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
