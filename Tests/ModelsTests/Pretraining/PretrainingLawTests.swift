import Evaluation
import Foundation
import Layers
import TensorCore
import TestSupport
import Testing

@testable import Models

/// What must hold for any numbers: schedules, centres, pieces of a batch, state.
@Suite("Pretraining laws")
struct PretrainingLawTests {
  static let network = SwinConfiguration(
    embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4)

  static func recipe(_ method: MethodDescription) -> PretrainingRecipe {
    var recipe = method.recipe(for: .swin(network), forTransformers: true)
    recipe.epochs = 4
    recipe.warmupEpochs = 1
    recipe.batchSize = 8
    recipe.baseLearningRate = 0.1
    let sizes = ["hidden-size": 16.0, "output-size": 8, "queue-size": 32, "prototypes": 12]
      .merging(["local-views": 2, "local-size": 16]) { a, _ in a }
    for option in method.options {
      if let size = sizes[option.name] { option.set(size, in: &recipe) }
    }
    recipe.dropPathRate = 0.3
    return recipe
  }

  static func engine(
    _ recipe: PretrainingRecipe, chunkSize: Int = .max,
    network: SwinConfiguration = PretrainingLawTests.network
  ) -> PretrainingEngine {
    PretrainingEngine(
      recipe, architecture: .swin(network), inputSize: 32, classCount: 5, stepsPerEpoch: 3,
      seed: 7, chunkSize: chunkSize)
  }

  static func batch(_ recipe: PretrainingRecipe, step: Int) -> PretrainingBatch {
    let views = recipe.settings.views(inputSize: 32).enumerated().map { view, made in
      DeterministicFill.tensor(
        "v\(view).\(step)", [recipe.batchSize, 3, made.size, made.size], bound: 2)
    }
    let targets = softmax(DeterministicFill.tensor("t\(step)", [recipe.batchSize, 5], bound: 2))
    return PretrainingBatch(views: views, targets: targets)
  }

  @Test(
    "A batch in pieces moves the weights as the whole batch",
    arguments: MethodDescription.allCases)
  func accumulation(method: MethodDescription) throws {
    let recipe = Self.recipe(method)
    let whole = Self.engine(recipe)
    let pieces = Self.engine(recipe, chunkSize: 3)
    for step in 0..<3 {
      let batch = Self.batch(recipe, step: step)
      let a = try whole.step(batch, step: step, epoch: step / 3)
      let b = try pieces.step(batch, step: step, epoch: step / 3)
      expectClose([b.loss], [Double(a.loss)], relative: 1e-4, absolute: 0, "\(method) loss")
      expectClose(
        [b.gradientNorm], [Double(a.gradientNorm)], relative: 1e-3, absolute: 0,
        "\(method) gradient")
    }
  }

  @Test(
    "A restored engine goes on with the same bits", arguments: MethodDescription.allCases,
    [PretrainingLawTests.network, PretrainingLawTests.network.batchNormBeforeMLP])
  func resume(method: MethodDescription, network: SwinConfiguration) throws {
    let recipe = Self.recipe(method)
    let whole = Self.engine(recipe, network: network)
    for step in 0..<4 {
      _ = try whole.step(Self.batch(recipe, step: step), step: step, epoch: step / 3)
    }
    let stored = Dictionary(
      whole.state.map { ($0.key, $0.values) }, uniquingKeysWith: { a, _ in a })
    let resumed = Self.engine(recipe, network: network)
    #expect(resumed.restore { stored[$0] } == nil)
    for step in 4..<7 {
      let batch = Self.batch(recipe, step: step)
      let a = try whole.step(batch, step: step, epoch: step / 3)
      let b = try resumed.step(batch, step: step, epoch: step / 3)
      #expect(a.loss == b.loss)
    }
    for (a, b) in paired(whole.state, resumed.state) { #expect(a.values == b.values, "\(a.key)") }
    #expect(resumed.restore { $0 == "optimizer.step_count" ? nil : stored[$0] } != nil)
  }

  @Test("DINO's centre is the running mean of the teacher's outputs")
  func centre() throws {
    let recipe = Self.recipe(.dino)
    let engine = Self.engine(recipe)
    func center() -> [Float] {
      engine.method.buffers.first { $0.key == "center" }?.tensor.values ?? []
    }
    #expect(center().allSatisfy { $0 == 0 })
    _ = try engine.step(Self.batch(recipe, step: 0), step: 0, epoch: 0)
    let first = center()
    #expect(first.contains { $0 != 0 })
    // The same batch and an unmoved teacher give the same mean: c₂ = 0.9·c₁ + c₁.
    let still = Self.engine(recipe)
    let method = try #require(still.method as? DINO)
    let batch = Self.batch(recipe, step: 0)
    for _ in 0..<2 {
      _ = withoutGradients {
        method.loss(
          features: batch.views.map { method.encoder.features($0) },
          targetFeatures: batch.views.prefix(2).compactMap { method.targetEncoder?.features($0) },
          targets: nil, at: StepPosition(step: 0, epoch: 0))
      }
    }
    let second = still.method.buffers.first { $0.key == "center" }?.tensor.values ?? []
    expectClose(second, first.map { Double($0) * 1.9 }, relative: 1e-4, absolute: 1e-6, "centre")
  }

  @Test("MoCo v3 never moves the patch embedding, and others do")
  func frozenPatches() throws {
    for method in [MethodDescription.mocoV3, .byol] {
      let recipe = Self.recipe(method)
      let engine = Self.engine(recipe)
      func patches() -> [Float] {
        engine.method.parameters.first { $0.key == "encoder.patch_embed.proj.weight" }?
          .tensor.values ?? []
      }
      let before = patches()
      for step in 0..<3 {
        _ = try engine.step(Self.batch(recipe, step: step), step: step, epoch: 0)
      }
      #expect((patches() == before) == (method == .mocoV3))
    }
  }

  @Test("Grouped normalisation is normalisation of each group")
  func groupedNorm() {
    let x = DeterministicFill.tensor("x", [8, 3])
    let grouped = BatchNorm(3)
    grouped.groupCount = 2
    let parts = (0..<2).map { BatchNorm(3)(rows(x, $0 * 4..<($0 + 1) * 4)).values }
    #expect(grouped(x).values == parts[0] + parts[1])
    #expect(grouped.statistics.batchCount == 2)
  }

  @Test(
    "Every group of a norm has two images: others are refused, and a forecast's batch gets fewer")
  func normGroups() {
    var settings = MoCoV2.Settings()
    settings.normGroups = 4
    settings.queueSize = 64
    #expect(settings.problem(batchSize: 8) == nil)
    #expect(settings.problem(batchSize: 4)?.contains("leaves one image a group") == true)
    #expect(settings.problem(batchSize: 6)?.contains("does not divide") == true)
    for (batch, groups) in [(2, 1), (4, 2), (6, 3), (8, 4), (7, 1), (1, 1)] {
      var fitted = settings
      fitted.fit(batchSize: batch)
      #expect(fitted.normGroups == groups, "\(batch)")
    }
  }

  @Test("A shuffled key keeps its row, but not the company its statistics come from")
  func shuffledKeys() throws {
    var recipe = Self.recipe(.mocoV2)
    recipe.change(MoCoV2.Settings.self) { $0.normGroups = 2 }
    let engine = Self.engine(recipe)
    let batch = Self.batch(recipe, step: 0)
    // With both views alike a key is its query's neighbour only when rows come back in order.
    let same = PretrainingBatch(views: [batch.views[0], batch.views[0]])
    _ = try engine.step(same, step: 0, epoch: 0)
    let seen = try #require(engine.method.observation)
    let keys = try #require(seen.keys)
    let similarities = RepresentationHealth.similarities(queries: seen.queries, keys: keys)
    let (positive, negative) = (similarities.positive ?? 0, similarities.negative ?? 1)
    #expect(positive > negative + 0.3, "\(positive) \(negative)")
    #expect(seen.queries.values != keys.values)
  }

  @Test("Rates grow with the batch, and oddities can be mended")
  func rates() {
    var recipe = MethodDescription.moby.recipe(for: .swin(.tiny))
    #expect(abs(recipe.baseLearningRate * recipe.rateScale - 1e-3) < 1e-12)
    let schedule = recipe.learningRateSchedule(stepsPerEpoch: 2502)
    #expect(abs(schedule.learningRate(step: 0) - 5e-7) < 1e-15)
    #expect(schedule.learningRate(step: 1) == schedule.learningRate(step: 0))
    // Leaving the warm-up, the unshifted cosine drops to 0.99932 of the peak.
    #expect(abs(schedule.learningRate(step: 5 * 2502 + 1) / 1e-3 - 0.99932) < 1e-5)
    #expect(recipe.oddities.count == 3)
    #expect(recipe.withoutOddities().oddities.isEmpty)
    recipe.batchSize = 256
    #expect(abs(recipe.baseLearningRate * recipe.rateScale - 5e-4) < 1e-12)
    let deit = MethodDescription.supervised.recipe(for: .visionTransformer(.deitSmall))
    let epochs = deit.learningRateSchedule(stepsPerEpoch: 10)
    #expect([0, 9, 10, 19].allSatisfy { abs(epochs.learningRate(step: $0) - 1e-6) < 1e-15 })
    #expect(epochs.learningRate(step: 20) > 1e-4)
  }

  @Test("Multiply-adds are those of the papers")
  func multiplyAdds() {
    // Published with a classifier of 1000, and for Swin a pooling term, which are left out here.
    #expect(
      Architecture.swin(.tiny).multiplyAdds(inputSize: 224) == 4_494_405_120 - 768_000 - 150_528
        + 37_632)
    #expect(
      Architecture.visionTransformer(.deitSmall).multiplyAdds(inputSize: 224)
        == 4_598_882_304 - 384_000)
  }

  @Test("Positions of local crops and their gradients are DINO's")
  func positions() throws {
    struct Reference: Decodable { let rows, gradient: [Double] }
    let url = URL(fileURLWithPath: SourceTree.fixture("Models/positions.json"))
    let reference = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: url))
    let table = DeterministicFill.tensor("positions", [196, 4])
    table.requiresGradient = true
    let weights = Tensor(
      BicubicMaps.matrix(from: 14, rows: 6, columns: 6, shift: 0.1), shape: [36, 196])
    let resized = matmul(weights, table)
    expectClose(resized.values, reference.rows, relative: 1e-5, absolute: 1e-6, "rows")
    resized.backward(DeterministicFill.tensor("cotangent", [36, 4]))
    let gradient = try #require(table.gradient)
    expectClose(gradient.values, reference.gradient, relative: 1e-5, absolute: 1e-6, "gradient")
    // The network takes both sizes, and its own positions have a gradient from the small one.
    let configuration = VisionTransformerConfiguration(
      patchSize: 4, embeddingSize: 64, depth: 1, headCount: 1)
    let network = VisionTransformer(configuration, inputSize: 16, initializer: Initializer(seed: 1))
    sum(network.features(DeterministicFill.tensor("x", [2, 3, 8, 8]))).backward()
    let embedding = try #require(network.parameters.first { $0.key == "pos_embed" }).tensor
    #expect(embedding.gradient != nil)
  }

  @Test("The gradient of a weight normalisation matches differences")
  func weightNormalization() {
    let v = DeterministicFill.tensor("v", [4, 6])
    let g = DeterministicFill.tensor("g", [4, 1], bound: 0.5, centre: 1)
    expectGradientsMatch([v, g]) { weightNormalized(direction: v, gain: g) }
    expectGradientsMatch([v]) { weightNormalized(direction: v, gain: nil) }
  }

  @Test("Spread and effective rank tell full from collapsed sets")
  func health() {
    let same = Tensor(repeating: 0.5, shape: [16, 4])
    #expect(RepresentationHealth.spread(same) < 1e-6)
    #expect(RepresentationHealth.effectiveRank(same) == 0)
    let wide = l2Normalized(DeterministicFill.tensor("wide", [64, 16]))
    #expect(RepresentationHealth.spread(wide) > 0.95)
    // Orthogonal rows of equal length: rank N − 1 after centring, singular values equal.
    let identity = Tensor((0..<64).map { $0 % 9 == 0 ? 1 : 0 }, shape: [8, 8])
    #expect(abs(RepresentationHealth.effectiveRank(identity) - 7) < 1e-6)
    let line = Tensor((0..<32).map { Float($0 / 4) * [1, 2, -1, 0][$0 % 4] }, shape: [8, 4])
    #expect(abs(RepresentationHealth.effectiveRank(line) - 1) < 1e-6)
    let similar = RepresentationHealth.similarities(queries: wide, keys: wide)
    #expect(abs((similar.positive ?? 0) - 1) < 1e-5)
    #expect(abs(similar.negative ?? 1) < 0.1)
  }
}
