import Foundation
import Layers
import Loading
import Models
import Reporting
import TensorCore
import TestSupport
import Testing
import VisionData

@testable import Protocols

/// The recipes that train a whole network, as their configuration files and codes have them.
@Suite("End-to-end recipes")
struct EndToEndTests {
  private static let swin = Architecture.swin(.tiny)
  private static let vit = Architecture.visionTransformer(.deitBase)

  /// What a row publishes.
  struct Row: Sendable, CustomTestStringConvertible {
    let name: LinearProtocol.Name
    let epochs, warmUp, batch: Int
    /// For the published batch: first, highest and lowest rate.
    let rates: (first: Double, peak: Double, last: Double)
    let weightDecay, clip: Double
    let layerDecay: Float
    let repeats: Int
    let headDeviation: Double
    var testDescription: String { name.rawValue }
  }

  static let rows = [
    Row(
      name: .fineTuneSwin, epochs: 30, warmUp: 5, batch: 1024, rates: (4e-8, 4e-5, 4e-7),
      weightDecay: 1e-8, clip: 5, layerDecay: 1, repeats: 1, headDeviation: 0),
    Row(
      name: .fineTuneDeiT, epochs: 150, warmUp: 5, batch: 1024, rates: (1e-6, 1e-3, 1e-5),
      weightDecay: 0.05, clip: 0, layerDecay: 1, repeats: 3, headDeviation: 0.02),
    Row(
      name: .fineTuneSimMIM, epochs: 100, warmUp: 20, batch: 2048, rates: (1e-6, 5e-3, 1e-6),
      weightDecay: 0.05, clip: 5, layerDecay: 0.8, repeats: 1, headDeviation: 0.02),
    Row(
      name: .fineTuneMAE, epochs: 100, warmUp: 5, batch: 1024, rates: (0, 2e-3, 1e-6),
      weightDecay: 0.05, clip: 0, layerDecay: 0.65, repeats: 1, headDeviation: 2e-5),
  ]

  @Test("Length, batch, rates, decay and clipping are the published ones", arguments: rows)
  func constants(row: Row) throws {
    let linear = LinearProtocol(row.name)
    let recipe = linear.recipe(for: row.name == .fineTuneMAE ? Self.vit : Self.swin)
    #expect(recipe.epochs == row.epochs && recipe.warmupEpochs == row.warmUp)
    #expect(recipe.batchSize == row.batch && recipe.weightDecay == row.weightDecay)
    #expect(recipe.finalWeightDecay == nil && recipe.optimizer == .adamw)
    #expect(recipe.clipNorm == row.clip)
    #expect(recipe.clipping == (row.clip > 0 ? .global : .none))
    #expect(recipe.layerDecay == row.layerDecay && recipe.repeats == row.repeats)
    #expect(recipe.decayRule == .matricesWithoutPositions)
    #expect(linear.headDeviation == row.headDeviation)
    let schedule = recipe.learningRateSchedule(stepsPerEpoch: 100)
    let rates = (0..<row.epochs * 100).map(schedule.learningRate)
    #expect(abs(rates[0] - row.rates.first) < 1e-12, "starts at \(rates[0])")
    let peak = try #require(rates.max())
    // Where the warm-up is no part of the cosine it enters below the peak.
    #expect(peak <= row.rates.peak * (1 + 1e-9) && peak > 0.9 * row.rates.peak, "\(peak)")
    let last = try #require(rates.last)
    #expect(last >= row.rates.last && last < row.rates.last + 1e-3 * row.rates.peak, "\(last)")
  }

  @Test("All mix, augment and smooth as Swin and DeiT do, and are tested on a bicubic crop of 256")
  func views() throws {
    for row in Self.rows {
      let linear = LinearProtocol(row.name)
      #expect(linear.trainsNetwork && linear.labelSmoothing == 0.1)
      #expect(linear.testTransform.summary == "resize 256 bicubic, center crop 224")
      #expect(
        linear.trainTransform.summary
          == MethodDescription.supervised.recipe(for: Self.swin).settings.views(inputSize: 224)[0]
          .transform.summary)
      let settings = try #require(linear.recipe(for: Self.swin).settings as? Supervised.Settings)
      #expect(settings.mixing == LabelMixing())
      #expect(settings.usesRandAugment && settings.erasing == 0.25)
      #expect(
        linear.deviations(on: row.name == .fineTuneMAE ? Self.vit : Self.swin).lines.count < 2)
    }
  }

  @Test("Swin's drop path is that of each network's own configuration")
  func dropPath() {
    let linear = LinearProtocol(.fineTuneSwin)
    #expect(linear.recipe(for: Self.swin).dropPathRate == 0.1)
    for deep in [SwinConfiguration.small, .base, .large] {
      #expect(linear.recipe(for: .swin(deep)).dropPathRate == 0.2)
      #expect(linear.deviations(on: .swin(deep)).lines.isEmpty)
    }
    for name in [LinearProtocol.Name.fineTuneDeiT, .fineTuneMAE] {
      #expect(LinearProtocol(name).recipe(for: Self.vit).dropPathRate == 0.1)
    }
  }

  @Test("Every difference from the published row is named")
  func deviations() {
    var linear = LinearProtocol(.fineTuneSwin)
    #expect(linear.deviations(on: Self.swin).lines.isEmpty)
    (linear.epochs, linear.batchSize, linear.learningRates) = (3, 64, [1e-4])
    linear.endToEnd?.layerDecay = 0.9
    linear.endToEnd?.mixup = 0
    linear.endToEnd?.usesRandAugment = false
    linear.endToEnd?.deepDropPath = nil
    linear.dropPathRate = 0
    let lines = linear.deviations(on: Self.vit).lines
    for part in [
      "epochs 3 instead of 30", "batch size 64 instead of 1024", "learning rates",
      "layer decay 0.9",
      "mixup 0.0 instead of 0.8", "no RandAugment", "drop path 0.0 instead of 0.1",
      "Swin's numbers on a ViT",
    ] {
      #expect(lines.contains { $0.contains(part) }, "\(part): \(lines)")
    }
    let token = LinearProtocol(.fineTuneMAE).deviations(on: Self.vit).lines
    #expect(token.contains { $0.contains("class token") })
    let ends = LinearProtocol(.fineTuneSimMIM).deviations(on: Self.swin).lines
    #expect(ends.contains { $0.contains("fall with the layers") })
  }

  // MARK: Five steps against PyTorch

  private struct Numbers: Decodable {
    let peak, layerDecay, weightDecay, clipNorm, minimum: Double
    let batch, epochs, warmupEpochs, stepsPerEpoch, classes, size: Int
  }

  private struct Step: Decodable {
    let loss, gradientNorm, learningRate: Double
    let norms: [String: Double]
  }

  private struct Trajectory: Decodable {
    let numbers: Numbers
    let steps: [Step]
  }

  private struct File: Decodable { let swin, vit: Trajectory }

  @Test(
    "A narrow Swin under SimMIM's recipe and a narrow ViT under MAE's follow PyTorch's updates",
    arguments: [LinearProtocol.Name.fineTuneSimMIM, .fineTuneMAE])
  func steps(name: LinearProtocol.Name) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let file = try decoder.decode(
      File.self,
      from: Data(
        contentsOf: URL(fileURLWithPath: SourceTree.fixture("Models/finetuning.json"))))
    let isSwin = name == .fineTuneSimMIM
    let reference = isSwin ? file.swin : file.vit
    let numbers = reference.numbers
    let architecture: Architecture =
      isSwin
      ? .swin(
        SwinConfiguration(embeddingSize: 8, depths: [1, 2], headCounts: [1, 2], windowSize: 4))
      : .visionTransformer(
        VisionTransformerConfiguration(patchSize: 8, embeddingSize: 16, depth: 3, headCount: 2))
    var linear = LinearProtocol(name)
    (linear.epochs, linear.warmupEpochs) = (numbers.epochs, numbers.warmupEpochs)
    (linear.batchSize, linear.rateBatchSize) = (numbers.batch, numbers.batch)
    (linear.learningRates, linear.weightDecay) = ([numbers.peak], numbers.weightDecay)
    (linear.clipNorm, linear.dropPathRate) = (numbers.clipNorm, 0)
    linear.endToEnd?.warmupStart = 0
    linear.endToEnd?.minimumRate = numbers.minimum
    linear.endToEnd?.layerDecay = Float(numbers.layerDecay)
    let classifier = Classifier(
      ClassifierConfiguration(
        backbone: architecture, classCount: numbers.classes, inputSize: numbers.size),
      initializer: .blank)
    for (key, tensor) in classifier.parameters {
      tensor.assign(
        key.hasPrefix("head.")
          ? DeterministicFill.values(key, count: tensor.elementCount, bound: 0.25)
          : DeterministicFill.weight(key, tensor.shape).values)
    }
    let engine = PretrainingEngine(
      linear.recipe(for: architecture), method: Supervised(classifier),
      stepsPerEpoch: numbers.stepsPerEpoch, seed: 0)
    for (step, expected) in reference.steps.enumerated() {
      let view = DeterministicFill.tensor(
        "view1.step\(step)", [numbers.batch, 3, numbers.size, numbers.size], bound: 2)
      let targets = softmax(
        DeterministicFill.tensor(
          "targets.step\(step)", [numbers.batch, numbers.classes], bound: 2))
      let outcome = try engine.step(
        PretrainingBatch(views: [view], targets: targets), step: step,
        epoch: step / numbers.stepsPerEpoch)
      let what = "\(name.rawValue) step \(step)"
      expectClose([outcome.loss], [expected.loss], relative: 1e-4, absolute: 0, what + " loss")
      expectClose(
        [outcome.gradientNorm], [expected.gradientNorm], relative: 1e-3, absolute: 0,
        what + " gradient norm")
      #expect(abs(outcome.learningRate - expected.learningRate) < 1e-8, "\(what) learning rate")
      #expect(expected.norms.count == classifier.parameters.count)
      for (key, tensor) in classifier.parameters {
        var values = tensor.values
        if key.hasSuffix("qkv.bias") {
          let third = values.count / 3
          values.removeSubrange(third..<2 * third)
        }
        let norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let wanted = try #require(expected.norms[key], "\(key)")
        #expect(abs(norm - wanted) < 1e-4 * wanted + 1e-6, "\(what) \(key): \(norm), \(wanted)")
      }
    }
  }
}
