/// What a comparison says of a difference, in one word.
public enum Verdict: String, Sendable, CaseIterable {
  /// There is a difference.
  case better, worse
  /// The difference is smaller than a margin that was declared before.
  case equivalent
  /// Neither is shown.
  case undecided

  /// The word of a difference.
  ///
  /// - Parameters:
  ///   - difference: What was measured.
  ///   - margin: Differences below it do not matter; nil where none was declared.
  ///   - significance: Of the test of a difference, as its correction leaves it.
  ///   - equivalence: Of the test of equivalence, as its correction leaves it.
  public init(
    _ difference: PairedDifference, margin: Double?, moreIsBetter: Bool = true,
    significance: Double = 0.05, equivalence: Double = 0.05
  ) {
    if difference.pValue < significance {
      self = (difference.estimate > 0) == moreIsBetter ? .better : .worse
    } else if let margin, difference.equivalencePValue(margin: margin) < equivalence {
      self = .equivalent
    } else {
      self = .undecided
    }
  }
}
