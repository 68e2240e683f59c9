import CommandLine
import CounterRandom
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import Runs
import SampleData
import TensorCore
import TestSupport
import Testing
import Training
import VisionData

@testable import Harness

private struct Stop: Error {}

/// Stops trainings at random updates; what is taken up must end in the bits of one that was not.
@Suite("Taking trainings up", .serialized, .timeLimit(.minutes(5)))
struct ResumeTests {
  /// Everything that a training leaves: tensors, facts, lines.
  private struct Trace {
    let tensors: [StateTensor]
    let facts: String
    let events: [UInt8]
    let position: TrainingPosition
  }

  private func expectResumes<T: Trainee>(
    _ folder: TemporaryDirectory, seed: UInt64, _ make: () throws -> T
  ) throws {
    func train(_ name: String, stopAfter updates: Int?, from start: Int) throws -> Trace {
      let run = try RunDirectory(path: folder.file(name))
      var loop = TrainingLoop(
        run: run, state: TrainingState(path: run.path + "/state.safetensors", key: "key"))
      (loop.saveInterval, loop.isQuiet) = (0, true)
      var made = 0
      loop.reduce = { _, _ in
        if made == updates { throw Stop() }
        made += 1
      }
      let trainee = try make()
      let ended = try loop.train(trainee)
      #expect(ended.resumedAt == start)
      let events = run.path + "/events.jsonl"
      return Trace(
        tensors: trainee.state, facts: trainee.facts.text(),
        events: FileManager.default.fileExists(atPath: events) ? try FileBytes.read(events) : [],
        position: ended.position)
    }
    let whole = try train("whole", stopAfter: nil, from: 0)
    var stream = RandomStream(seed: seed, purpose: .test)
    let stops = [1 + stream.below(2), 1 + stream.below(3)]
    try #require(whole.position.step > stops.reduce(0, +))
    for stop in stops {
      #expect(throws: Stop.self) { _ = try train("cut", stopAfter: stop, from: 0) }
    }
    let rest = try train("cut", stopAfter: nil, from: stops.reduce(0, +))
    #expect(rest.position == whole.position && rest.facts == whole.facts)
    #expect(rest.events == whole.events)
    #expect(rest.tensors.count == whole.tensors.count)
    for (a, b) in zip(whole.tensors, rest.tensors) {
      let isSame = a.key == b.key && a.values.map(\.bitPattern) == b.values.map(\.bitPattern)
      #expect(isSame, "\(a.key)")
    }
  }

  @Test("A segmentor", arguments: [1, 2] as [UInt64])
  func segmentor(seed: UInt64) throws {
    let folder = try TemporaryDirectory()
    let images = try makeSegmentationSet(in: folder)
    var recipe = SegmentationRecipe(.upernet160k, preset: .smoke)
    recipe.length = 6
    recipe.backbone = .swin(
      SwinConfiguration(
        embeddingSize: 8, depths: [1, 1, 1, 1], headCounts: [1, 1, 2, 2], windowSize: 4))
    try expectResumes(folder, seed: seed) {
      SegmentorTraining(
        recipe: recipe,
        segmentor: Segmentor(
          recipe.configuration(classCount: 4), initializer: Initializer(seed: 3)),
        folder: images, encoding: LabelEncoding(.reduceZero, classCount: 4), seed: 3,
        label: "test")
    }
  }

  @Test("A linear probe, on stored features and on images", arguments: [true, false])
  func linearProbe(isCached: Bool) throws {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (4, 2))).generate(at: folder.file("data"))
    let data = try ClassificationData(root: folder.file("data/classification"))
    let backbone = SwinTransformer(.mini, inputSize: 32, initializer: Initializer(seed: 1))
    func features(_ split: ImageFolder, _ name: String) throws -> FeatureMatrix {
      let width = backbone.featureCount
      try FeatureMatrix.write(
        blocks: 1,
        block: { _ in DeterministicFill.tensor(name, [split.count, width]).values },
        labels: split.labels.map { Int32($0) }, indices: (0..<split.count).map { Int32($0) },
        featureCount: width, key: name, to: folder.file(name))
      return try #require(FeatureMatrix(path: folder.file(name), key: name, truth: split.labels))
    }
    let train = try features(data.train, "train")
    let validation = try features(data.validation, "validation")
    var recipe = LinearProtocol()
    (recipe.epochs, recipe.warmupEpochs, recipe.batchSize, recipe.inputSize) = (3, 1, 16, 32)
    (recipe.learningRates, recipe.heldOutFraction) = ([0.5, 2], 0.25)
    recipe.isCached = isCached
    try expectResumes(folder, seed: 4) {
      LinearProbe(
        settings: recipe, backbone: backbone, split: data.train, train: train,
        validation: validation, classCount: data.train.classNames.count, policy: .fail, seed: 2,
        label: "test")
    }
  }
}
