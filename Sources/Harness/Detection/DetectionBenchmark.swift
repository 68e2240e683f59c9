import CocoFormat
import CommandLine
import FileSupport
import Loading
import Models
import Protocols
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
    let (layout, name) = try options.files.layout(context)
    let source = (root: layout.root, name: name)
    let scoresOnly = options.common.evaluatesOnly
    var training =
      try scoresOnly ? nil : DetectionDataset(layout.part(.training), use: .training)
    let use: DetectionDataset.Use = options.testSplit == .training ? .training : .testing
    var testing = try DetectionDataset(layout.part(use, scoresOnly: scoresOnly), use: use)
    try context.gate(source) { _, lines in
      DetectionCheck(
        root: source.root, sets: [training, testing].compactMap { $0 }, depth: .quick
      ).run(threadCount: ThreadPool.shared.threadCount) { lines.update(done: $0, total: $1) }
    }
    if let training {
      // Not for --no-check to pass over: the detector would take one class for another.
      let problems = testing.annotations.categoryDifferences(
        from: training.annotations, called: training.annotations.path)
      if let first = problems.first {
        throw DatasetError(
          path: testing.annotations.path,
          problem: first + (problems.count > 1 ? " (and \(problems.count - 1) more)" : ""),
          remedy: "give both files the same list of categories")
      }
    }
    training?.fillsMasks = options.fillsMasks
    if let training, options.fillsMasks, training.annotations.objectsWithoutMask == 0 {
      context.say(
        "--masks-from-boxes changes nothing: every object of \(training.annotations.path) has a mask"
      )
    }
    if let limit = options.common.trainLimit { training = training?.first(limit) }
    if let limit = options.data.limit { testing = testing.first(limit) }
    if options.data.onBadImage == .fail {
      try training?.expectFiles()
      try testing.expectFiles()
    }
    var notes = Self.notes(training: training, testing: testing)
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

  /// What a reader must know of the annotations: what was left out of them, and what has no mask.
  private static func notes(training: DetectionDataset?, testing: DetectionDataset) -> [String] {
    var notes: [String] = []
    var seen: Set<String> = []
    for set in [training, testing].compactMap({ $0 })
    where seen.insert(set.annotations.path).inserted {
      if let note = set.annotations.findings.errorNote { notes.append(note) }
      let unsized =
        set.annotations.findings.count(.missingSize)
        + set.annotations.findings.count(.malformedSize)
      if unsized > 0 { notes.append("\(unsized) images without a size were not trained on") }
    }
    func maskless(_ set: DetectionDataset, _ split: String) -> (isAll: Bool, text: String)? {
      let (without, count) = (set.annotations.objectsWithoutMask, set.annotations.annotations.count)
      guard without > 0 else { return nil }
      return (
        without == count,
        "\(without == count ? "all \(count)" : "\(without) of \(count)") \(split) objects are "
          + "without a mask: "
      )
    }
    if let training, let (isAll, text) = maskless(training, "training") {
      notes.append(
        text
          + (training.fillsMasks
            ? "their boxes were trained as masks"
            : "they trained boxes only" + (isAll ? ", and masks are not scored" : "")))
    }
    if let (isAll, text) = maskless(testing, "test") {
      notes.append(
        text + (isAll ? "masks are not scored" : "they count as missed in mask AP"))
    }
    return notes
  }

  var dataIdentity: [String: String] { fineTuning.task.dataIdentity }
  var named: [Candidate] { options.common.candidates }

  func ownBackbones() throws -> OwnBackbones {
    try OwnBackbones(context, data: nil, preset: options.common.preset) {
      $0.architecture = fineTuning.task.recipe.detector.backbone
    }
  }

  func seconds(of candidate: Candidate) throws -> Double {
    try fineTuning.seconds(of: candidate, measuring: fineTuning.task.inPairs)
  }

  func outcome(of candidate: Candidate) throws -> Outcome {
    try fineTuning.outcome(of: candidate)
  }

  func report(_ outcomes: [Outcome]) throws {
    let tables = DetectionTables(
      outcomes: outcomes, recipe: fineTuning.task.recipe,
      dataName: fineTuning.task.dataIdentity["name"] ?? "",
      options: options.common)
    try context.deliver(
      try tables.all(), of: outcomes.map(\.result), named: DetectionTask.description.name)
  }
}
