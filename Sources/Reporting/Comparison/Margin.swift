import Evaluation

/// A difference below which two numbers of a kind are as good as each other, declared before the run.
public struct Margin: Sendable, Equatable {
  /// The difference, a fraction.
  public let value: Double
  /// Who says so.
  public let source: String

  /// Declares a margin.
  public init(_ value: Double, source: String) {
    self.value = value
    self.source = source
  }
}

/// The margins of a report: those that were declared for it, else what a task's numbers carry.
public struct Margins: Sendable, Equatable {
  private var own: [String: Margin] = [:]

  /// What is declared when nobody says otherwise: the published spread of trainings that differ in
  /// their seeds alone, by the numbers of the tasks.
  public static let published = Margins()

  private init() {}

  /// Reads `top1=0.5`, `AP=0.3`: points of numbers by their names; others keep what is published.
  ///
  /// - Returns: The margins; nil when an entry is no name and a number above 0 and below 100.
  public init?(points entries: [String]) {
    for entry in entries {
      let parts = entry.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, Self.names.contains(parts[0]), let points = Double(parts[1]),
        points > 0, points < 100
      else { return nil }
      own[parts[0]] = Margin(points / 100, source: "--margin")
    }
  }

  /// The names that a margin may be declared for: every number that is tested.
  public static let names = names(of: TaskDescription.all)

  /// The names that a margin may be declared for in a program of some tasks.
  public static func names(of tasks: [TaskDescription]) -> Set<String> {
    Set(
      tasks.flatMap(\.metrics).filter { $0.test != .none }
        .flatMap { [$0.key, shortName($0.key)] })
  }

  private static func shortName(_ key: String) -> String {
    key.split(separator: "/").last.map(String.init) ?? key
  }

  /// The margin of a number: by its full name, else by the part behind the slash; nil without one.
  public func margin(of metric: MetricDescription) -> Margin? {
    own[metric.key] ?? own[Self.shortName(metric.key)] ?? metric.margin
  }
}
