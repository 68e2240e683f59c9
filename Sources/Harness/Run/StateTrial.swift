import CommandLine
import FileSupport
import Foundation
import Layers
import Loading
import Models
import Protocols
import Reporting
import Runs
import Training
import VisionData

/// A real training of milliseconds, stopped in its middle: what tests and the fuzz go on from.
package struct StateTrial {
  /// What is trained.
  package let name: String
  /// Where `state` and `events.jsonl` lie.
  package let folder: String
  /// What the training goes on from.
  package let state: TrainingState
  /// Files of features that it reads, if any.
  package let features: [String]
  private let body: (TrainingLoop) throws -> Void

  private struct Stop: Error {}

  private init(
    _ name: String, in folder: String, features: [String] = [],
    body: @escaping (TrainingLoop) throws -> Void
  ) throws {
    self.name = name
    self.folder = folder
    self.features = features
    self.body = body
    state = TrainingState(path: folder + "/state.safetensors", key: name)
    // Stopped within its second update, so that the state is one of the middle.
    var steps = 0
    do {
      try train { (_, _) in
        steps += 1
        if steps > 1 { throw Stop() }
      }
    } catch is Stop {}
  }

  /// Trains to the end, from the state that is there.
  ///
  /// - Throws: What loading and going on throw.
  package func train() throws { try train { (_, _) in } }

  private func train(_ reduce: @escaping ([any Optimizer], inout Float) throws -> Void) throws {
    var loop = TrainingLoop(run: try RunDirectory(path: folder), state: state)
    (loop.saveInterval, loop.isQuiet, loop.reduce) = (0, true, reduce)
    try body(loop)
  }

  /// A linear probe, and pretraining by methods that keep different things, in folders below one.
  package static func all(in folder: String) throws -> [StateTrial] {
    let data = try images(in: folder + "/images")
    return [try linear(in: folder + "/linear", data)]
      + (try ["moby", "moco-v2", "dino", "supervised"].map {
        try pretraining($0, in: folder + "/" + $0, data)
      })
  }

  private static func images(in root: String) throws -> ClassificationData {
    for split in ["train", "val"] {
      for (label, name) in ["a", "b"].enumerated() {
        for number in 0..<3 {
          let image = RGBImage(width: 32, height: 32, red: UInt8(label * 200), green: UInt8(number))
          try AtomicFile.write(
            try ImageFile.png(image), to: "\(root)/\(split)/\(name)/\(number).png")
        }
      }
    }
    return try ClassificationData(root: root)
  }

  private static func linear(in folder: String, _ data: ClassificationData) throws -> StateTrial {
    var settings = LinearProtocol()
    (settings.epochs, settings.batchSize, settings.isCached) = (3, 4, true)
    (settings.learningRates, settings.heldOutFraction) = ([0.1, 1], 0.5)
    let truth: [Int32] = [0, 1, 0, 1, 0, 1, 0, 1]
    let paths = ["train", "validation"].map { "\(folder)/\($0).features" }
    for path in paths {
      try FeatureMatrix.write(
        blocks: 1, block: { _ in (0..<32).map { Float($0 % 7) } }, labels: truth,
        indices: Array(0..<8), featureCount: 4, key: "key", to: path)
    }
    let backbone = network.makeBackbone(inputSize: 32, initializer: .blank)
    return try StateTrial("linear", in: folder, features: paths) { loop in
      let files = paths.compactMap { FeatureMatrix(path: $0, key: "key", truth: truth) }
      guard files.count == 2 else { return }
      let probe = LinearProbe(
        settings: settings, backbone: backbone, split: data.train, train: files[0],
        validation: files[1], classCount: 2, policy: .fail, seed: 0, label: "probe")
      _ = try loop.train(probe)
    }
  }

  private static func pretraining(
    _ method: String, in folder: String, _ data: ClassificationData
  ) throws -> StateTrial {
    let sizes: [String: [String]] = [
      "moby": ["--queue-size", "8", "--hidden-size", "8", "--output-size", "8"],
      "moco-v2": ["--queue-size", "8", "--output-size", "8"],
      "dino": ["--prototypes", "16", "--hidden-size", "8"],
    ]
    let options = try PretrainingOptions.table.parse(
      [
        "--method", method, "--preset", "smoke", "--batch-size", "2", "--epochs", "2",
        "--probe-limit", "4", "--input-size", "32",
      ] + (sizes[method] ?? [])
    ).options
    var plan = try PretrainingPlan(options, imageCount: data.train.count)
    plan.architecture = network
    return try StateTrial(method, in: folder) { [plan] loop in
      let engine = PretrainingEngine(
        plan.recipe, architecture: plan.architecture, inputSize: plan.inputSize,
        classCount: data.train.classNames.count, stepsPerEpoch: data.train.count / 2, seed: 0)
      let training = PretrainingTraining(
        plan, data: data, order: Array(0..<data.train.count), engine: engine)
      _ = try loop.train(training)
      var result = RunResult(
        task: "pretraining", backbone: [:], data: [:], settings: [:])
      training.curves.summarize(into: &result)
      _ = result.json.text()
    }
  }

  private static let network = Architecture.swin(
    SwinConfiguration(
      embeddingSize: 8, depths: [1, 1], headCounts: [1, 2], windowSize: 2))
}
