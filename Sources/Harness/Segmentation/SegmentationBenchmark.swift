import CommandLine
import FileSupport
import Models
import Protocols
import Reporting
import Runs
import SampleData
import Threads
import VisionData

/// Fine-tunes segmentors on backbones, or takes finished ones, and compares them.
struct SegmentationBenchmark: ComparisonProgram {
  typealias Outcome = FineTuning<SegmentationTask>.Outcome

  private let options: SegmentationOptions
  private let context: RunContext
  private let fineTuning: FineTuning<SegmentationTask>

  init(_ options: SegmentationOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    let source = try context.source(\.segmentationPath)
    let layout = try SegmentationLayout.expect(source.root, labelSuffix: options.labelSuffix)
    let scoresOnly = options.common.evaluatesOnly
    let splits = (scoresOnly ? [] : [.training]) + [options.testSplit]
    try context.gate(source) { cache, lines in
      try SegmentationCheck(
        layout, splits: SegmentationFolder.Split.allCases.filter(splits.contains),
        classes: options.classes, labels: options.labels, depth: .quick
      ).run(
        cachedIn: cache, isFresh: options.run.restarts, threadCount: ThreadPool.shared.threadCount
      ) {
        lines.update(done: $0, total: $1)
      }
    }
    let data = try SegmentationData(
      layout, tested: options.testSplit, scoresOnly: scoresOnly, classes: options.classes,
      labels: options.labels)
    var notes =
      [data.training, data.testing].compactMap { folder in
        guard let folder else { return nil }
        return folder.hidden.first.map {
          "\(folder.hidden.count) hidden files of \(folder.imageFolder) and its maps were left out: \($0)"
            + (folder.hidden.count > 1 ? "…" : "")
        }
      } as [String]
    func usable(
      _ folder: SegmentationFolder, _ split: String, limit: Int?
    ) throws -> SegmentationFolder {
      let first = Array(0..<min(limit ?? folder.count, folder.count))
      let found = try context.usable(first, of: split) {
        _ = try folder.load($0, data.classes.encoding)
      }
      if let note = found.note { notes.append(note) }
      return try folder.keeping(found.indices)
    }
    let training = try data.training.map {
      try usable($0, "training", limit: options.common.trainLimit)
    }
    let testing = try usable(data.testing, "test", limit: options.data.limit)
    fineTuning = FineTuning(
      task: SegmentationTask(
        options, data: data, training: training, testing: testing, dataName: source.name,
        digests: context.digests),
      options: options.common, context: context, notes: notes)
  }

  var dataIdentity: [String: String] { fineTuning.task.dataIdentity }
  var named: [Candidate] { options.common.candidates }

  func ownBackbones() throws -> OwnBackbones {
    try OwnBackbones(context, data: nil, preset: options.common.preset) {
      $0.architecture = options.recipe.backbone
    }
  }

  func seconds(of candidate: Candidate) throws -> Double {
    guard options.recipe.form == .upernet else { return try frozen.seconds(of: candidate) }
    return try fineTuning.seconds(of: candidate, measuring: fineTuning.task.inPairs)
  }

  func outcome(of candidate: Candidate) throws -> Outcome {
    options.recipe.form == .upernet
      ? try fineTuning.outcome(of: candidate) : try frozen.outcome(of: candidate)
  }

  private var frozen: FrozenSegmentation {
    FrozenSegmentation(options: options, fineTuning: fineTuning)
  }

  func report(_ outcomes: [Outcome]) throws {
    let tables = SegmentationComparison(
      outcomes: outcomes, options: options, data: fineTuning.task.dataIdentity,
      classNames: fineTuning.task.classes.names)
    try context.deliver(
      try tables.all(), of: outcomes.map(\.result), named: SegmentationTask.description.name)
  }
}
