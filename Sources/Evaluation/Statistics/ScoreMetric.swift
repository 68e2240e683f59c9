/// How a difference of two numbers is tested.
public enum MetricTest: Sendable, Equatable {
  /// Right or wrong of each image: McNemar's exact test.
  case paired
  /// No mean over images: the images are resampled.
  case resampled
  /// There are no outcomes of single images, or the number is only shown.
  case none
}

/// A number that a score gives: its names, how it is computed, and how a difference is tested.
///
/// The runs write, the tables show and the reports test whatever a task's list of these holds, so a
/// new number is one more entry: `ClassificationScore.numbers`, `SegmentationScore.numbers`.
/// Numbers are fractions and written as percentages.
public struct ScoreMetric<Score>: Sendable {
  /// The name in result files, and the heading in tables.
  public let name, title: String
  /// How a difference is tested.
  public let test: MetricTest
  /// Whether more of it is better.
  public var moreIsBetter = true
  /// Whether tables and reports show it; results hold it in any case.
  public var isShown = true
  /// The number: a fraction; NaN where there is none.
  public let value: @Sendable (Score) -> Double

  /// Describes a number.
  public init(
    _ name: String, _ title: String, _ test: MetricTest,
    _ value: @escaping @Sendable (Score) -> Double
  ) {
    self.name = name
    self.title = title
    self.test = test
    self.value = value
  }

  /// The same number with some of its traits set.
  public func with(_ change: (inout ScoreMetric) -> Void) -> ScoreMetric {
    var changed = self
    change(&changed)
    return changed
  }
}
