import CommandLine
import Reporting
import Runs

/// Trains classifiers end to end from backbones and compares them.
struct ClassifierBenchmark: ComparisonProgram {
  typealias Outcome = FineTuning<ClassifierTask>.Outcome

  private let options: LinearOptions
  private let context: RunContext
  private let data: FrozenData
  private let fineTuning: FineTuning<ClassifierTask>

  init(_ options: LinearOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    let usable = try FrozenData(context, trainList: options.trainList).usable(context)
    data = usable.data
    fineTuning = FineTuning(
      task: try ClassifierTask(options, context, data: data), options: options.fineTuning,
      context: context, notes: data.strayNotes + usable.notes)
  }

  var named: [Candidate] { options.backbone.files.map { Candidate(backbone: $0) } }

  func ownBackbones() throws -> OwnBackbones { try options.ownBackbones(context, data) }

  func secondsPerCandidate() throws -> Double {
    try fineTuning.secondsPerCandidate(measuring: fineTuning.task.inSmallBatches)
  }

  func outcome(of candidate: Candidate) throws -> Outcome {
    try fineTuning.outcome(of: candidate)
  }

  func report(_ outcomes: [Outcome]) throws {
    let results = outcomes.map(\.result)
    let differences = try CandidateDifferences(outcomes, options: options.fineTuning).table()
    try context.deliver(
      [LinearTable.make(results)] + [differences].compactMap { $0 }, of: results,
      named: ClassifierTask.description.name)
  }
}
