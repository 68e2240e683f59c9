import Foundation
import Layers
import Testing

@testable import Models

/// The numbers of every method and recipe as their papers and codes have them.
@Suite("Published pretraining recipes")
struct PublishedRecipeTests {
  private static let swin = Architecture.swin(.tiny)
  private static let deit = Architecture.visionTransformer(.deitSmall)

  /// The numbers that every recipe has, by name.
  private func common(_ recipe: PretrainingRecipe) -> [String: Double] {
    [
      "epochs": Double(recipe.epochs), "warm-up": Double(recipe.warmupEpochs),
      "batch": Double(recipe.batchSize), "peak": recipe.baseLearningRate * recipe.rateScale,
      "decay": recipe.weightDecay, "final decay": recipe.finalWeightDecay ?? recipe.weightDecay,
      "clip": recipe.clipNorm, "drop path": recipe.dropPathRate,
    ]
  }

  private func expect(
    _ recipe: PretrainingRecipe, epochs: Double, warmUp: Double, batch: Double, peak: Double,
    decay: Double, finalDecay: Double? = nil, clip: Double = 0, dropPath: Double = 0,
    options: [String: Double], _ what: String
  ) {
    let expected = [
      "epochs": epochs, "warm-up": warmUp, "batch": batch, "peak": peak, "decay": decay,
      "final decay": finalDecay ?? decay, "clip": clip, "drop path": dropPath,
    ]
    for (name, value) in common(recipe) {
      #expect(abs(value - (expected[name] ?? .nan)) <= 1e-12 * abs(value), "\(what) \(name)")
    }
    var own: [String: Double] = [:]
    for option in recipe.method.options { own[option.name] = option.value(in: recipe) }
    #expect(own == options, "\(what)")
  }

  /// The rates of the first and last step, and the highest.
  private func expectRates(
    _ recipe: PretrainingRecipe, first: Double, top: Double, last: Double, _ what: String
  ) {
    let steps = 100
    let schedule = recipe.learningRateSchedule(stepsPerEpoch: steps)
    let rates = (0..<recipe.epochs * steps).map(schedule.learningRate)
    #expect(abs(rates[0] - first) < 1e-12, "\(what) starts at \(rates[0])")
    #expect(abs((rates.max() ?? 0) - top) < 1e-3 * top, "\(what) rises to \(rates.max() ?? 0)")
    // The curve is within a step, or an epoch, of its end.
    let end = rates[rates.count - 1]
    #expect(end >= last && end - last < 2e-4 * top, "\(what) ends at \(end)")
  }

  @Test("MoBY")
  func moby() {
    for architecture in [Self.swin, Self.deit] {
      for isTransformer in [false, true] {
        let recipe = MethodDescription.moby.recipe(
          for: architecture, forTransformers: isTransformer)
        expect(
          recipe, epochs: 300, warmUp: 5, batch: 512, peak: 1e-3, decay: 0.05, clip: 5,
          dropPath: 0.2,
          options: [
            "start-momentum": 0.99, "temperature": 0.2, "hidden-size": 4096, "output-size": 256,
            "queue-size": 4096, "crop-scale": 0.08,
          ], "MoBY")
        expectRates(recipe, first: 5e-7, top: 1e-3, last: 5e-6, "MoBY")
        #expect(recipe.optimizer == .adamw && recipe.clipping == .global)
        #expect(recipe.decayRule == .matrices && recipe.lagsSchedule && !recipe.isShifted)
      }
    }
  }

  @Test("MoCo v2 as published and for transformers")
  func mocoV2() throws {
    let own = MethodDescription.mocoV2.recipe(for: Self.swin)
    expect(
      own, epochs: 200, warmUp: 0, batch: 256, peak: 0.03, decay: 1e-4,
      options: [
        "start-momentum": 0.999, "temperature": 0.2, "output-size": 128, "queue-size": 65536,
      ], "MoCo v2")
    expectRates(own, first: 0.03, top: 0.03, last: 0, "MoCo v2")
    #expect(own.optimizer == .sgd && own.decayRule == .all && own.isEpochwise)
    #expect(own.clipping == .none)
    let settings = try #require(own.settings as? MoCoV2.Settings)
    #expect(settings.hasConstantMomentum)
    let transformer = MethodDescription.mocoV2.recipe(for: Self.swin, forTransformers: true)
    expect(
      transformer, epochs: 300, warmUp: 10, batch: 512, peak: 1e-3, decay: 0.05,
      options: [
        "start-momentum": 0.996, "temperature": 0.1, "output-size": 128, "queue-size": 65536,
      ], "MoCo v2 for transformers")
    expectRates(transformer, first: 0, top: 1e-3, last: 1e-6, "MoCo v2 for transformers")
    #expect(transformer.optimizer == .adamw && transformer.clipping == .none)
    let moving = try #require(transformer.settings as? MoCoV2.Settings)
    #expect(!moving.hasConstantMomentum)
    // DINO's warm-up ends at the peak, and its runs of MoCo v2 have a head of three layers.
    #expect(transformer.reachesPeak && !own.reachesPeak)
    #expect(moving.layerCount == 3 && settings.layerCount == 2)
    let rates = transformer.learningRateSchedule(stepsPerEpoch: 100)
    #expect(rates.learningRate(step: 0) == 0 && rates.learningRate(step: 999) == 1e-3)
    #expect(headKeys(of: own).count == 4 && headKeys(of: transformer).count == 6)
  }

  @Test("BYOL as published and for transformers")
  func byol() {
    let options: [String: Double] = [
      "start-momentum": 0.99, "hidden-size": 4096, "output-size": 256, "crop-scale": 0.08,
    ]
    let own = MethodDescription.byol.recipe(for: Self.swin)
    expect(
      own, epochs: 300, warmUp: 10, batch: 4096, peak: 4.8, decay: 1e-6, options: options, "BYOL")
    expectRates(own, first: 0, top: 4.8, last: 0, "BYOL")
    #expect(own.optimizer == .lars && own.decayRule == .matrices && own.clipping == .none)
    let transformer = MethodDescription.byol.recipe(for: Self.swin, forTransformers: true)
    expect(
      transformer, epochs: 300, warmUp: 5, batch: 512, peak: 1e-3, decay: 0.05, clip: 5,
      dropPath: 0.2, options: options, "BYOL for transformers")
    expectRates(transformer, first: 5e-7, top: 1e-3, last: 5e-6, "BYOL for transformers")
    #expect(transformer.optimizer == .adamw && transformer.clipping == .global)
    // With MoBY's heads: their last layers have a bias.
    #expect(headKeys(of: transformer).contains("projector.linear_out.bias"))
    #expect(!headKeys(of: own).contains("projector.linear_out.bias"))
  }

  /// The keys of the projector of a small twin.
  private func headKeys(of recipe: PretrainingRecipe) -> [String] {
    var small = recipe
    small.settings.shrink(to: .smoke)
    let method = small.settings.makeMethod(totalSteps: 10, classCount: 2, seed: 0) {
      Architecture.swin(.mini).makeBackbone(inputSize: 32, initializer: Initializer(seed: 0))
    }
    return method.parameters.map(\.key).filter { $0.hasPrefix("projector.") }
  }

  @Test("MoCo v3")
  func mocoV3() {
    let recipe = MethodDescription.mocoV3.recipe(for: Self.deit)
    expect(
      recipe, epochs: 300, warmUp: 40, batch: 4096, peak: 2.4e-3, decay: 0.1,
      options: [
        "start-momentum": 0.99, "temperature": 0.2, "hidden-size": 4096, "output-size": 256,
        "crop-scale": 0.08,
      ], "MoCo v3")
    expectRates(recipe, first: 0, top: 2.4e-3, last: 0, "MoCo v3")
    #expect(recipe.optimizer == .adamw && recipe.decayRule == .all && recipe.clipping == .none)
  }

  @Test("DINO without and with small crops")
  func dino() throws {
    let shared: [String: Double] = [
      "start-momentum": 0.996, "hidden-size": 2048, "output-size": 256, "prototypes": 65536,
    ]
    let single = MethodDescription.dino.recipe(for: Self.deit)
    expect(
      single, epochs: 300, warmUp: 10, batch: 512, peak: 1e-3, decay: 0.04, finalDecay: 0.4,
      dropPath: 0.1, options: shared.merging(["crop-scale": 0.14]) { $1 }, "DINO")
    expectRates(single, first: 0, top: 1e-3, last: 1e-5, "DINO")
    #expect(single.clipping == .none)
    let several = MethodDescription.dinoMultiCrop.recipe(for: Self.deit)
    expect(
      several, epochs: 100, warmUp: 10, batch: 512, peak: 1e-3, decay: 0.04, finalDecay: 0.4,
      clip: 3, dropPath: 0.1,
      options: shared.merging(["crop-scale": 0.4, "local-views": 8, "local-size": 96]) { $1 },
      "DINO with multi-crop")
    expectRates(several, first: 0, top: 1e-3, last: 1e-6, "DINO with multi-crop")
    #expect(several.clipping == .perTensor && several.method == .dinoMultiCrop)
    // The last step of the warm-up has the peak itself.
    let rate = several.learningRateSchedule(stepsPerEpoch: 100).learningRate(step: 999)
    #expect(abs(rate - 1e-3) < 1e-15)
    #expect(abs(several.weightDecay(step: 0, totalSteps: 1000) - 0.04) < 1e-15)
    #expect(abs(several.weightDecay(step: 500, totalSteps: 1000) - 0.22) < 1e-12)
    let own = try #require(several.settings as? DINO.Settings)
    #expect(own.studentTemperature == 0.1 && own.teacherTemperature == 0.04)
    #expect(own.finalTeacherTemperature == 0.04 && own.frozenLastLayerEpochs == 1)
    #expect(own.localScale == 0.05...0.4)
  }

  @Test("Supervised training of Swin-T and DeiT-S")
  func supervised() throws {
    let swin = MethodDescription.supervised.recipe(for: Self.swin)
    expect(
      swin, epochs: 300, warmUp: 20, batch: 1024, peak: 1e-3, decay: 0.05, clip: 5, dropPath: 0.2,
      options: ["crop-scale": 0.08], "Swin-T")
    expectRates(swin, first: 1e-6, top: 1e-3, last: 1e-5, "Swin-T")
    // The warm-up ends at the peak, and the cosine goes on where it would be without one.
    let after = swin.learningRateSchedule(stepsPerEpoch: 100).learningRate(step: 2001)
    #expect(abs(after - 1e-3 * 0.98907) < 1e-6, "\(after)")
    #expect(swin.decayRule == .matricesWithoutPositions && swin.repeats == 1)
    let deit = MethodDescription.supervised.recipe(for: Self.deit)
    expect(
      deit, epochs: 300, warmUp: 5, batch: 1024, peak: 1e-3, decay: 0.05, clip: 5, dropPath: 0.1,
      options: ["crop-scale": 0.08], "DeiT-S")
    expectRates(deit, first: 1e-6, top: 1e-3 * 0.99932, last: 1e-5, "DeiT-S")
    #expect(deit.clipping == .none && deit.repeats == 3 && deit.isEpochwise)
    let own = try #require(deit.settings as? Supervised.Settings)
    #expect(own.mixing.smoothing == 0.1 && own.mixing.mixup == 0.8 && own.mixing.cutmix == 1)
    #expect(own.erasing == 0.25 && own.usesRandAugment)
  }

  @Test("Momenta start as published, pass half of the way in the middle and end at 1")
  func momenta() {
    for (method, start) in [
      (MethodDescription.moby, 0.99), (.byol, 0.99), (.mocoV3, 0.99), (.dino, 0.996),
    ] {
      let recipe = method.recipe(for: Self.swin)
      let value = method.options.first { $0.name == "start-momentum" }?.value(in: recipe)
      #expect(value == start, "\(method.title)")
      let schedule = MomentumSchedule(start: start, totalSteps: 1000)
      #expect(schedule(step: 0) == start)
      #expect(abs(schedule(step: 500) - (1 + start) / 2) < 1e-12)
      #expect(abs(schedule(step: 1000) - 1) < 1e-12)
    }
    let constant = MomentumSchedule(start: 0.999, isConstant: true, totalSteps: 1000)
    #expect(constant(step: 0) == 0.999 && constant(step: 1000) == 0.999)
  }

  // MARK: Views

  @Test("Views are those of each method")
  func views() {
    func views(_ method: MethodDescription) -> [ViewDescription] {
      method.recipe(for: Self.swin).settings.views(inputSize: 224)
    }
    func numbers(_ views: [ViewDescription]) -> [[Double]] {
      views.map {
        [
          Double($0.size), $0.scale.lowerBound, $0.scale.upperBound, $0.saturation, $0.blur,
          $0.solarize,
        ]
      }
    }
    let pair: [[Double]] = [[224, 0.08, 1, 0.2, 1, 0], [224, 0.08, 1, 0.2, 0.1, 0.2]]
    for method in [MethodDescription.moby, .byol, .mocoV3] {
      #expect(numbers(views(method)) == pair, "\(method.title)")
    }
    #expect(views(.moby).allSatisfy { !$0.flipsLast && !$0.isBicubic && $0.pipeline == .bytes })
    #expect(views(.byol).allSatisfy { $0.pipeline == .reals })
    #expect(views(.mocoV3).allSatisfy { $0.flipsLast && !$0.isBicubic })
    let moco: [Double] = [224, 0.2, 1, 0.4, 0.5, 0]
    #expect(numbers(views(.mocoV2)) == [moco, moco])
    #expect(views(.mocoV2).allSatisfy { $0.flipsLast })
    let globals: [[Double]] = [[224, 0.14, 1, 0.2, 1, 0], [224, 0.14, 1, 0.2, 0.1, 0.2]]
    #expect(numbers(views(.dino)) == globals)
    let local: [Double] = [96, 0.05, 0.4, 0.2, 0.5, 0]
    #expect(views(.dinoMultiCrop).count == 10)
    #expect(numbers(views(.dinoMultiCrop))[2...].allSatisfy { $0 == local })
    #expect(views(.dinoMultiCrop)[0].scale == 0.4...1)
    #expect(views(.dinoMultiCrop).allSatisfy { $0.isBicubic && !$0.flipsLast })
    #expect(views(.supervised).map(\.pipeline) == [.randAugment])
  }

  @Test("An image costs three passes a view that is trained and one a view of the target")
  func passes() {
    let forward = Double(Self.swin.multiplyAdds(inputSize: 224))
    let passes: [(MethodDescription, Double)] = [
      (.moby, 8), (.mocoV2, 4), (.byol, 8), (.mocoV3, 8), (.dino, 8), (.supervised, 3),
    ]
    for (method, count) in passes {
      let cost = TrainingCost(
        method.recipe(for: Self.swin).settings, architecture: Self.swin, inputSize: 224)
      #expect(cost.operationsPerImage == 2 * count * forward, "\(method.title)")
    }
    let local = Double(Self.swin.multiplyAdds(inputSize: 96))
    let cost = TrainingCost(
      MethodDescription.dinoMultiCrop.recipe(for: Self.swin).settings, architecture: Self.swin,
      inputSize: 224)
    #expect(cost.operationsPerImage == 2 * (8 * forward + 24 * local))
  }

  @Test("Names are unique, and a name finds its method")
  func names() {
    let methods = MethodDescription.allCases
    #expect(Set(methods.map(\.rawValue)).count == methods.count)
    #expect(Set(methods.map(\.title)).count == methods.count)
    for method in methods {
      #expect(MethodDescription(rawValue: method.rawValue) == method)
      #expect(method.recipe(for: Self.swin).method == method)
    }
    #expect(MethodDescription(rawValue: "simclr") == nil)
  }
}
