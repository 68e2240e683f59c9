import Evaluation

/// How often tests and intervals were right in simulations.
public struct SimulationTables: Sendable {
  /// Of differences between two methods.
  public private(set) var differences = Table(
    caption:
      "Differences where the truth is known; parts of all comparisons in %, ± two deviations "
      + "of chance",
    columns: [
      .init("number", isNumeric: false), .init("trainings"), .init("images"),
      .init("comparisons"), .init("test", isNumeric: false), .init("false claims"),
      .init("covered, no difference"), .init("covered, a difference"),
      .init("false equivalence"), .init("power"), .init("finds, printed"),
      .init("interval", isNumeric: false),
    ])
  /// Of single numbers.
  public private(set) var numbers = Table(
    caption: "Intervals of one method's number that hold it, %",
    columns: [
      .init("number", isNumeric: false), .init("trainings"), .init("images"),
      .init("repetitions"),
      .init("interval", isNumeric: false), .init("covered"),
    ])

  /// Two tables without lines.
  public init() {}

  /// Both.
  public var all: [Table] { [differences, numbers] }

  /// Adds what a simulation found.
  ///
  /// - Parameter withNumber: Whether the interval of the single number gets a line.
  public mutating func add(
    _ found: TestSimulation.Findings, _ simulation: TestSimulation, withNumber: Bool
  ) {
    differences.add(Self.line(found, simulation))
    guard withNumber else { return }
    let (task, trainings) = (simulation.task, simulation.trainingCount)
    numbers.add([
      task.rawValue, String(trainings), String(simulation.imageCount),
      String(simulation.repetitions),
      trainings > 1
        ? "images and trainings" : task == .classification ? "Wilson" : "studentised",
      Self.part(found.coverageOfNumber, found)
        + (simulation.imageCount >= Bootstrap.fewestImages || task == .classification
          ? "" : ", not given"),
    ])
  }

  /// Whether a report gives an interval of such a difference.
  private static func isGiven(_ simulation: TestSimulation) -> Bool {
    simulation.task == .classification && simulation.trainingCount == 1
      || simulation.imageCount >= PairedDifference.fewestImages
  }

  private static func part(_ value: Double, _ found: TestSimulation.Findings) -> String {
    value.isFinite ? "\(percentage(value)) ± \(percentage(2 * found.noise(value)))" : "-"
  }

  private static func line(
    _ found: TestSimulation.Findings, _ simulation: TestSimulation
  ) -> [String] {
    let test =
      simulation.trainingCount > 1
      ? "images and trainings"
      : simulation.task == .classification ? "McNemar, \(simulation.mcNemar.rawValue)" : "swaps"
    return [
      simulation.task.rawValue, String(simulation.trainingCount), String(simulation.imageCount),
      String(found.count), test,
    ]
      + [
        found.falseClaims, found.coverageAtZero, found.coverage, found.falseEquivalence,
        found.power,
      ].map { part($0, found) } + [
        found.printed.isFinite ? points(found.printed) : "none",
        isGiven(simulation) ? "given" : "n too small, none given",
      ]
  }

  /// Both tables with what they say, in Markdown.
  ///
  /// - Parameter command: What made them.
  public func document(command: String) -> String {
    """
    # Verdicts where the truth is known

    Made by `swift run \(command)`.

    Two methods see the same images; how hard an image and its objects are is common to both, and the
    second method's mistakes look different also where the numbers are equal. "False claims": better
    or worse said of equal numbers, 5 % is right. "Covered": 95 % intervals that hold the truth.
    "False equivalence": `equivalent` said of a difference of just the margin, 5 % is right. "Power":
    how often a difference of the size that the comparisons print as found four times out of five was
    found, 80 % is right. With three trainings each training draws its own skill, and the truth is
    that of the methods.

    \(differences.markdown)
    \(numbers.markdown)
    """
  }
}
