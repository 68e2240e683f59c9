import CocoFormat
import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import Reporting
import Runs
import SampleData
import TensorCore
import TestSupport
import Testing
import Training
import VisionData

@testable import Harness

private struct Stop: Error {}

/// A drawn data set of a few scenes.
func smallDetectionData(_ folder: TemporaryDirectory) throws -> String {
  try SampleSet(.small(instances: (6, 3))).generate(at: folder.file("sample")) { _, _ in }
    .instancesPath
}

func smallDetectionRecipe() -> DetectionRecipe {
  var recipe = DetectionRecipe(.maskRCNN1x, preset: .mini)
  recipe.detector = DetectorConfiguration.maskRCNN.miniature(classCount: 10)
  recipe.detector.backbone = .swin(
    SwinConfiguration(
      embeddingSize: 8, depths: [1, 1, 1, 1], headCounts: [1, 1, 2, 2], windowSize: 4))
  recipe.detector.channels = 8
  recipe.detector.hiddenSize = 16
  (recipe.epochs, recipe.milestones, recipe.warmupSteps) = (2, [1], 2)
  recipe.augmentation = DetectionAugmentation().scaled(by: 0.12)
  recipe.testSize = ResizeLimit(long: 160, short: 96)
  return recipe
}

@Suite("Training and testing a detector", .serialized)
struct DetectorTrainingTests {
  @Test("An image that fills up a group is augmented anew each time, also in a run that goes on")
  func repeatedImages() throws {
    let folder = try TemporaryDirectory()
    let dataset = try DetectionDataset(
      DetectionLayout.expect(smallDetectionData(folder)).part(.training), use: .training)
    let image = try #require(dataset.images.first)
    let other = try #require(dataset.images.last)
    func load(_ batches: [[Int]], after: [[Int]] = []) throws -> [[Float]] {
      let loader = DetectionLoader(
        dataset, batches: batches, augmentation: DetectionAugmentation().scaled(by: 0.12), seed: 3,
        epoch: 0, after: after)
      var images: [[Float]] = []
      while let batch = try loader.next() { images.append(batch.images.values) }
      return images
    }
    let batches = [[image], [image], [other], [image], [image]]
    let seen = try load(batches)
    for (a, b) in [(0, 1), (0, 3), (1, 3), (3, 4)] { #expect(seen[a] != seen[b], "\(a) \(b)") }
    let rest = try load(Array(batches.dropFirst(2)), after: Array(batches.prefix(2)))
    #expect(rest == Array(seen.dropFirst(2)))
  }

  @Test("A killed training goes on to the same bits")
  func resume() throws {
    let folder = try TemporaryDirectory()
    let dataset = try DetectionDataset(
      DetectionLayout.expect(smallDetectionData(folder)).part(.training), use: .training)
    let recipe = smallDetectionRecipe()
    func train(_ name: String, stopAt: Int? = nil) throws -> (Detector, [Float], resumedAt: Int) {
      let detector = Detector(recipe.detector, initializer: Initializer(seed: 2))
      let run = try RunDirectory(path: folder.file(name))
      var loop = TrainingLoop(
        run: run, state: TrainingState(path: run.path + "/state.safetensors", key: "k"))
      loop.saveInterval = 0
      loop.isQuiet = true
      var step = 0
      if let stopAt {
        loop.reduce = { _, _ in
          if step == stopAt { throw Stop() }
          step += 1
        }
      }
      let ended = try loop.train(
        DetectorTraining(
          recipe: recipe, detector: detector, dataset: dataset, seed: 2, label: "test"))
      let losses = try run.rows("events.jsonl").compactMap { $0["loss"]?.doubleValue }
      return (detector, losses.map(Float.init), ended.resumedAt)
    }
    let (whole, losses, start) = try train("whole")
    // Wide and high scenes each fill whole batches.
    let batches = [true, false].map { isWide in
      (dataset.images.count {
        let image = dataset.annotations.images[$0]
        return (image.width > image.height) == isWide
      } + 1) / 2
    }
    #expect(start == 0 && losses.count == recipe.epochs * batches.reduce(0, +))
    #expect(losses.count > 4)
    #expect(throws: Stop.self) { try train("cut", stopAt: 4) }
    let (resumed, rest, resumedAt) = try train("cut")
    #expect(resumedAt == 4)
    #expect(rest == losses)
    for (a, b) in paired(whole.parameters, resumed.parameters) {
      #expect(a.tensor.values == b.tensor.values, "\(a.key)")
    }
  }

  @Test("A state of other settings is refused")
  func otherState() throws {
    let folder = try TemporaryDirectory()
    let dataset = try DetectionDataset(
      DetectionLayout.expect(smallDetectionData(folder)).part(.training), use: .training)
    var recipe = smallDetectionRecipe()
    recipe.epochs = 1
    let detector = Detector(recipe.detector, initializer: Initializer(seed: 2))
    let run = try RunDirectory(path: folder.file("run"))
    func train(_ key: String) throws {
      var loop = TrainingLoop(
        run: run, state: TrainingState(path: run.path + "/state.safetensors", key: key))
      loop.saveInterval = 0
      loop.isQuiet = true
      _ = try loop.train(
        DetectorTraining(
          recipe: recipe, detector: detector, dataset: dataset, seed: 2, label: "test"))
    }
    try train("a")
    #expect(throws: FileError.self) { try train("b") }
  }

  @Test("Detections are kept image by image and not computed twice")
  func inference() throws {
    let folder = try TemporaryDirectory()
    let dataset = try DetectionDataset(
      DetectionLayout.expect(smallDetectionData(folder)).part(.testing), use: .testing)
    var configuration = smallDetectionRecipe().detector
    configuration.scoreThreshold = 0.01
    let detector = Detector(configuration, initializer: Initializer(seed: 4))
    let inference = DetectionInference(
      detector: detector, dataset: dataset, testSize: smallDetectionRecipe().testSize, label: "test"
    )
    let run = try RunDirectory(path: folder.file("run"))
    let first = try inference.results(Array(dataset.images.prefix(1)), in: run)
    let path = run.path + "/" + RunImages.detections
    let line = try FileBytes.read(path)
    let all = try inference.results(dataset.images, in: run)
    #expect(try FileBytes.read(path).prefix(line.count).elementsEqual(line))
    #expect(!first.isEmpty && Array(all.prefix(first.count)) == first)
    #expect(try run.rows(RunImages.detections).count == dataset.images.count)
    #expect(try inference.results(dataset.images, in: run) == all)
    for result in all {
      let box = try #require(result.box)
      #expect(box.width >= 0 && box.height >= 0 && result.score > 0.01)
    }
    let (_, gain) = try #require(detector.parameters.first { $0.key == "backbone.norm2.weight" })
    gain.assign(gain.values.map { _ in .nan })
    let error = #expect(throws: TrainingError.self) { try inference.detections(dataset.images[0]) }
    #expect(error?.description.contains(dataset.path(dataset.images[0])) == true)
  }

  @Test("The published recipes have their schedules, rates and decays")
  func recipes() throws {
    let one = DetectionRecipe(.maskRCNN1x)
    let schedule = one.schedule(stepsPerEpoch: 7330)
    #expect(abs(schedule.learningRate(step: 0) - 1e-7) < 1e-15)
    #expect(abs(schedule.learningRate(step: 250) - 1e-4 * (1 - 0.5 * 0.999)) < 1e-12)
    #expect(schedule.learningRate(step: 500) == 1e-4)
    #expect(abs(schedule.learningRate(step: 8 * 7330) - 1e-5) < 1e-15)
    #expect(abs(schedule.learningRate(step: 11 * 7330) - 1e-6) < 1e-16)
    #expect(one.batchSize == 16 && one.dropPathRate == 0.1)
    let detector = Detector(smallDetectionRecipe().detector, initializer: .blank)
    let decays = Dictionary(
      uniqueKeysWithValues: WeightDecayRule.namedNorms.applied(
        to: detector.parameters, weightDecay: Float(one.weightDecay)
      ).map { ($0.key, $0.weightDecay) })
    #expect(decays["backbone.layers.0.blocks.0.norm1.weight"] == 0)
    #expect(decays["backbone.norm3.bias"] == 0)
    #expect(decays["backbone.layers.0.blocks.0.attn.relative_position_bias_table"] == 0)
    #expect(decays["backbone.layers.0.blocks.0.attn.qkv.bias"] == 0.05)
    #expect(decays["rpn_head.rpn_cls.bias"] == 0.05)
  }
}
