import CommandLine
import Reporting
import Runs

/// Trains classifiers end to end from backbones, or takes finished ones, and compares them.
struct ClassifierBenchmark: ComparisonProgram {
  typealias Trained = FineTuning<ClassifierTask>.Outcome

  /// A finished candidate.
  struct Outcome: CandidateOutcome {
    var trained: Trained
    var result: RunResult {
      get { trained.result }
      set { trained.result = newValue }
    }
    var folder: String { trained.folder }
    /// What its networks found on other images, one a set.
    let shifted: [RunResult]
  }

  let options: LinearOptions
  let context: RunContext
  let data: FrozenData
  let fineTuning: FineTuning<ClassifierTask>
  let shifts: [ShiftedSet]

  init(_ options: LinearOptions, _ context: RunContext) throws {
    self.options = options
    self.context = context
    let usable = try FrozenData(
      context, trainList: options.trainList, scoresOnly: options.classifiers.evaluatesOnly
    ).usable(context)
    data = usable.data
    shifts = try options.shifts.map { [data] in
      try ShiftedSet($0, beside: data, options.corruptions)
    }
    fineTuning = FineTuning(
      task: try ClassifierTask(options, context, data: data), options: options.fineTuning,
      context: context, notes: data.notes() + usable.notes)
  }

  var dataIdentity: [String: String] { data.identity }
  var named: [Candidate] { options.fineTuning.candidates }

  func ownBackbones() throws -> OwnBackbones { try options.ownBackbones(context, data) }

  func seconds(of candidate: Candidate) throws -> Double {
    try fineTuning.seconds(
      of: candidate, measuring: fineTuning.task.inSmallBatches,
      others: shifts.reduce(0) { $0 + $1.imageCount })
      + shifts.reduce(0) { try $0 + $1.makingSeconds() }
  }

  func outcome(of candidate: Candidate) throws -> Outcome {
    let trained = try fineTuning.outcome(of: candidate)
    return Outcome(trained: trained, shifted: try shifted(candidate, trained))
  }

  func report(_ outcomes: [Outcome]) throws {
    let results = outcomes.map(\.trained.result)
    let differences = try CandidateDifferences(
      outcomes.map(\.trained), options: options.fineTuning
    ).table()
    try context.deliver(
      [LinearTable.make(results)]
        + [differences, ShiftMeasurement.table(outcomes.map { ($0.trained.result, $0.shifted) })]
        .compactMap { $0 }, of: results, named: ClassifierTask.description.name)
  }
}
