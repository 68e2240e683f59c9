import Evaluation

/// A number of a task, and how two of it are compared.
public struct MetricDescription: Sendable, Equatable {
  /// The name in result files.
  public let key: String
  /// The heading in tables.
  public let title: String
  /// How a difference is tested.
  public let test: MetricTest
  /// How it is written.
  public var unit = MetricUnit.percent
  /// Whether more of it is better.
  public var moreIsBetter = true
  /// Of the numbers of one family a report shows the first that a run has, so that it has no more
  /// tests than questions.
  public var family: String?
  /// Whether a run of another seed gives another number.
  public var dependsOnSeed = true
  /// Whether it is shown only where the runs name it as their primary number.
  public var isOnDemand = false
  /// Whether a run keeps an interval over images with it.
  public var hasInterval = false

  /// The difference that does not matter when nobody declares another: the published spread of
  /// trainings that differ in their seeds alone.
  public var margin: Margin?

  /// Describes a number.
  public init(_ key: String, _ title: String, _ test: MetricTest) {
    self.key = key
    self.title = title
    self.test = test
  }

  /// Describes a number that a score gives.
  public init<Score>(_ metric: ScoreMetric<Score>) {
    self.init(metric.name, metric.title, metric.test)
    moreIsBetter = metric.moreIsBetter
  }

  /// The same number with some of its traits set.
  func with(_ change: (inout MetricDescription) -> Void) -> MetricDescription {
    var changed = self
    change(&changed)
    return changed
  }
}

/// A learning curve of a run.
public struct CurveDescription: Sendable, Equatable {
  /// The name in result files, without a seed.
  public let key: String
  /// The heading.
  public let title: String
  /// Whether its values are fractions, drawn as percentages.
  public let isFraction: Bool
  /// What its points are, where they are not the task's usual ones.
  public let unit: String?

  /// Describes a curve.
  public init(_ key: String, _ title: String, isFraction: Bool = false, unit: String? = nil) {
    self.key = key
    self.title = title
    self.isFraction = isFraction
    self.unit = unit
  }

  static let loss = CurveDescription("loss", "training loss")

  /// A number of the test images that is looked at while a network trains.
  static func watched(_ key: String, _ title: String) -> CurveDescription {
    CurveDescription("val_" + key, "\(title) while training", isFraction: true, unit: "look")
  }
}

/// A downstream task as runs and reports know it.
///
/// A new task is a file like its neighbours in this folder, and one more entry in `all`.
public struct TaskDescription: Sendable {
  /// The task's name in result files, folders and cells.
  public let name: String
  /// The heading.
  public let title: String
  /// Its numbers, the most important first; those that no run has are left out.
  public let metrics: [MetricDescription]
  /// Its learning curves; others are named by their keys.
  public var curves = [CurveDescription.loss]
  /// What a point of a curve is: `epoch`, `step`.
  public var curveUnit = "epoch"
  /// What a class's number is.
  public var classMetric = "value"
  /// Whether a number comes from training a whole network, which another seed ends otherwise: then
  /// nothing is said of a difference before each side was trained more than once.
  public var trainsNetwork = false
  /// Settings that ask another question: runs of another value are in a table of their own.
  public var questionSettings: [String] = []
  /// The parts of a run's work that are training, as it names them in its timing.
  public var costPhases: [String] = []
  /// What the tests of this task leave out, a sentence each.
  public var limits: [String] = []
  /// Files of `reports/reference` with published figures and expectations.
  public var references: [String] = []
  /// Files with the outcomes of single images that a run leaves; its numbers come from them.
  public var recordFiles: [String] = []
  /// Further such files that only runs of predictions made elsewhere can have.
  public var otherRecordFiles: [String] = []
  /// Reads those files in the folder of a run.
  public var records: @Sendable (_ folder: String) -> any RunRecords = { _ in NoRecords() }

  /// A task with nothing but numbers.
  init(_ name: String, _ title: String, _ metrics: [MetricDescription]) {
    self.name = name
    self.title = title
    self.metrics = metrics
  }

  /// The tasks of the suite in the order of a report.
  public static let all: [TaskDescription] = [
    .linear, .fineTuning, .coco, .ade20k, .pretraining,
  ]

  /// The number that decides between two runs.
  public var primaryMetric: MetricDescription? { metrics.first }

  /// The setting by which a run names another primary number than its task's.
  public static let primarySetting = "primary"
  /// The setting that says what the deciding number is over, where that is less than its name promises.
  public static let scopeSetting = "scope"

  /// The numbers in their order for runs of some settings: the one that they name comes first, and
  /// those that nobody asks for are left out.
  public func metrics(for settings: [[String: String]]) -> [MetricDescription] {
    let named = Set(settings.map { $0[Self.primarySetting] })
    let first = named.count == 1 ? metrics.first { $0.key == named.first ?? nil } : nil
    return [first].compactMap { $0 } + metrics.filter { $0 != first && !$0.isOnDemand }
  }

  /// The intervals over images of one network's numbers.
  public func intervals(
    of numbers: any ResampledMetric, resampleCount: Int, seed: UInt64
  ) -> [String: Interval] {
    Bootstrap(numbers, resampleCount: resampleCount, seed: seed).outcomes
      .filter { intervalMetrics.contains($0.key) }.compactMapValues(\.interval)
  }

  /// The names of the numbers that a run keeps intervals of.
  public var intervalMetrics: [String] { metrics.filter(\.hasInterval).map(\.key) }

  /// How a curve is called and drawn.
  func curve(_ key: String) -> CurveDescription {
    curves.first { $0.key == key }
      ?? CurveDescription(key, key.replacing("_", with: " "))
  }
}

extension RunResult {
  /// The task; one that this version does not know shows every number untested.
  public var description: TaskDescription {
    TaskDescription.all.first { $0.name == task }
      ?? TaskDescription(
        task, task, metrics.keys.sorted().map { MetricDescription($0, $0, .none) })
  }
}
