import CommandLine
import FileSupport
import Models
import Reporting
import SampleData
import Threads
import VisionData

/// Fine-tunes detectors on backbones, or takes finished ones, and compares their boxes and masks.
struct DetectionBenchmark: ComparisonProgram {
  typealias Outcome = FineTuning<DetectionTask>.Outcome

  private let options: DetectionOptions
  private let context: RunContext
  private let fineTuning: FineTuning<DetectionTask>

  init(_ options: DetectionOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    let source = try context.source(\.instancesPath)
    var training =
      try options.common.evaluatesOnly
      ? nil : DetectionDataset(root: source.root, split: "train2017", use: .training)
    var testing = try DetectionDataset(
      root: source.root, split: options.testSplit.rawValue,
      use: options.testSplit == .training ? .training : .testing)
    try context.gate(source) { _, lines in
      DetectionCheck(
        root: source.root, sets: [training, testing].compactMap { $0 }, depth: .quick
      ).run(threadCount: ThreadPool.shared.threadCount) { lines.update(done: $0, total: $1) }
    }
    if let limit = options.common.trainLimit { training = training?.first(limit) }
    if let limit = options.data.limit { testing = testing.first(limit) }
    var notes: [String] = []
    func usable(_ set: DetectionDataset, _ split: String) throws -> DetectionDataset {
      let found = try context.usable(set.images, of: split) { _ = try set.pixels($0) }
      if let note = found.note { notes.append(note) }
      return try set.keeping(found.indices)
    }
    training = try training.map { try usable($0, "training") }
    testing = try usable(testing, "test")
    fineTuning = FineTuning(
      task: try DetectionTask(
        options, training: training, testing: testing, dataName: source.name,
        digests: context.digests),
      options: options.common, context: context, notes: notes)
  }

  func candidates() throws -> [Candidate] {
    try context.candidates(
      networks: options.common.networks, backbones: options.common.backbone.files
    ) { $0.architecture = fineTuning.task.recipe.detector.backbone }
  }

  func outcome(of candidate: Candidate) throws -> Outcome {
    try fineTuning.outcome(of: candidate)
  }

  func report(_ outcomes: [Outcome]) throws {
    let tables = DetectionTables(
      outcomes: outcomes, recipe: fineTuning.task.recipe,
      dataName: fineTuning.task.dataIdentity["name"] ?? "",
      resampleCount: options.common.resamples, seed: UInt64(options.common.seeds[0]))
    try context.deliver(
      tables.all, of: outcomes.map(\.result), named: DetectionTask.description.name)
  }
}
