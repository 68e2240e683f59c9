import Evaluation

/// A difference to the baseline with what is needed to believe it.
public struct Delta: Sendable, Equatable {
  /// What a number is to the report.
  public enum Role: String, Sendable {
    /// The one number of its task that decides; corrected with the others of the family.
    case primary
    /// Tested alone: the more of these, the more of them are called by chance.
    case exploratory
  }

  /// The number that differs.
  public let metric: MetricDescription
  /// The name of the row, and of the baseline's.
  public let name: String, baseline: String
  /// This row minus the baseline, a fraction, and how it is tested.
  public let difference: PairedDifference
  /// The parts of its variance when both come from several trainings.
  public let seeded: SeededDifference?
  /// What the claim is about: these checkpoints, or their methods.
  public let scope: String
  /// Whether the number belongs to the family.
  public let role: Role
  /// The difference that does not matter; nil where none was declared.
  public let margin: Margin?
  /// The significance that the correction leaves this test: 5 % by itself.
  public internal(set) var level = Delta.significance
  /// The same for the test of equivalence.
  public internal(set) var equivalenceLevel = Delta.significance
  /// The p-value after the correction.
  public internal(set) var adjustedPValue: Double
  /// What was found.
  public internal(set) var verdict: Verdict

  /// The part of repetitions without a difference in which the report may still claim one.
  public static let significance = 0.05

  init(
    metric: MetricDescription, name: String, baseline: String, difference: PairedDifference,
    seeded: SeededDifference? = nil, scope: String, role: Role, margin: Margin?
  ) {
    self.metric = metric
    self.name = name
    self.baseline = baseline
    self.difference = difference
    self.seeded = seeded
    self.scope = scope
    self.role = role
    self.margin = margin
    adjustedPValue = difference.pValue
    verdict = Verdict(difference, margin: margin?.value, moreIsBetter: metric.moreIsBetter)
  }

  /// This row minus the baseline, as a fraction.
  public var estimate: Double { difference.estimate }
  /// The deviation of the estimate over repetitions.
  public var standardError: Double { difference.standardError }
  /// The p-value of this test alone.
  public var pValue: Double { difference.pValue }
  /// Images that both have outcomes of.
  public var imageCount: Int { difference.imageCount }
  /// The interval that goes with the word, at the level of the correction; nil where there are too few
  /// images for one.
  public var interval: Interval? { difference.interval(significance: level) }
  /// The 95 % interval of this difference alone.
  public var intervalAlone: Interval? { difference.interval(significance: Self.significance) }
  /// The p-value of equivalence, alone; nil without a margin.
  public var equivalencePValue: Double? {
    margin.map { difference.equivalencePValue(margin: $0.value) }
  }
  /// Whether the whole interval lies inside the margin.
  public var isInsideMargin: Bool {
    guard let margin, let interval else { return false }
    return max(-interval.low, interval.high) < margin.value
  }
  /// The true difference that this comparison finds four times out of five, at its level; infinite
  /// where it finds none.
  public var detectable: Double { difference.detectable(significance: level) }
}

extension Delta {
  /// Holm's correction over the primary differences, of being different and of being equivalent.
  ///
  /// The level of each is that of its step: of the first step that did not reject for all that follow.
  /// So an interval at this level holds 0 exactly when the corrected p-value does not reject.
  ///
  /// - Returns: How many differences the family has.
  @discardableResult
  static func correct(_ deltas: inout [Delta]) -> Int {
    let family = deltas.indices.filter { deltas[$0].role == .primary }
    let differences = Holm(family.map { deltas[$0].pValue }, significance)
    let equivalences = Holm(family.map { deltas[$0].equivalencePValue ?? 1 }, significance)
    for (place, at) in family.enumerated() {
      deltas[at].level = differences.levels[place]
      deltas[at].adjustedPValue = differences.adjusted[place]
      deltas[at].equivalenceLevel = equivalences.levels[place]
      deltas[at].verdict = Verdict(
        deltas[at].difference, margin: deltas[at].margin?.value,
        moreIsBetter: deltas[at].metric.moreIsBetter, significance: deltas[at].level,
        equivalence: deltas[at].equivalenceLevel)
    }
    return family.count
  }
}

// MARK: Text

extension Delta {
  /// The difference as tables write it.
  public var text: String { metric.unit.difference(estimate) }

  /// The interval as tables write it, with its level where that is not 95 %.
  public var intervalText: String { Self.text(interval, metric.unit, level) }

  /// The interval of this difference alone.
  var intervalAloneText: String { Self.text(intervalAlone, metric.unit, Self.significance) }

  private static func text(_ interval: Interval?, _ unit: MetricUnit, _ level: Double) -> String {
    guard let interval else { return "n too small for an interval" }
    return unit.differences(interval) + (level == significance ? "" : " (\(confidence(level)) %)")
  }

  /// The level of an interval in per cent: `95`, `97.5`, `99.44`.
  static func confidence(_ level: Double) -> String { short(100 * (1 - level)) }

  /// A significance in per cent: `5 %`, `0.21 %`.
  static func percent(_ level: Double) -> String { short(100 * level) + " %" }

  private static func short(_ value: Double) -> String {
    var text = fixed(value, 2)
    while text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  /// The word, marked where it stands outside of the family.
  public var word: String {
    verdict.rawValue + (role == .exploratory ? " (exploratory)" : "")
  }

  /// The difference that is found four times out of five, in the number's unit.
  var detectableText: String {
    difference.isTooSmall
      ? "n too small" : detectable.isFinite ? metric.unit.deviation(detectable) : "none"
  }

  /// What an undecided comparison could have found, as the end of a sentence.
  var powerText: String {
    if let outOfReach { return outOfReach }
    if difference.isTooSmall { return "too few images to say what would be found" }
    return detectable.isFinite
      ? "\(detectableText) \(metric.unit.name) would be found four times out of five"
      : "too few images to find any difference"
  }

  /// Why no outcome on these images could have been called at this level; nil where one could.
  var outOfReach: String? {
    guard difference.leastPValue >= level else { return nil }
    let percent = Self.percent(level)
    guard case .proportions(let pair, let form) = difference.test else {
      return
        "no result on these \(imageCount) images could be called at \(percent): the least p-value "
        + "that any has is \(probability(difference.leastPValue))"
    }
    return "no result could be called at \(percent) where the two disagree on "
      + "\(pair.onlyFirst + pair.onlySecond) of \(imageCount) images: it takes at least "
      + "\(PairedProportions.fewestDisagreements(level, form))"
  }

  /// What counts as equivalent, and who says so; nil without a margin.
  var marginText: String? {
    margin.map {
      "\(metric.title) counts as equivalent within ± \(metric.unit.deviation($0.value)) \(metric.unit.name): "
        + $0.source
    }
  }

  /// How the numbers came about, as a sentence without a full stop.
  public var explanation: String {
    var parts: [String] = []
    switch difference.test {
    case .proportions(let pair, let form):
      parts.append(
        "\(form == .exact ? "exact McNemar test" : "McNemar's mid-p test") on \(imageCount) images: "
          + "\(pair.onlyFirst) right here and wrong in \(baseline), \(pair.onlySecond) the other way "
          + "round; Tango's interval, with 0 inside exactly when the test does not reject; of equal "
          + "methods that disagree so often it calls "
          + "\(percentage(pair.attainedSignificance(level, form))) % at the level of "
          + Self.percent(level))
    case .studentized(.swaps(let swaps)):
      parts.append(
        "paired permutation test: the two outcomes of images swapped in "
          + (swaps.isExact
            ? "all \(swaps.values.count) ways" : "\(swaps.values.count - 1) random ways")
          + " on \(imageCount) images, everything computed anew; interval from the same swaps")
    case .studentized(.student(let freedom)):
      parts.append(
        "Student's t on \(imageCount) images and the trainings, \(fixed(freedom, 1)) degrees of freedom; "
          + "\(percentage(seeded?.trainingShare ?? 0)) % of the variance is due to trainings, the rest "
          + "to images; interval from the same distribution")
    }
    if let margin, let p = equivalencePValue {
      parts.append(
        "margin ± \(metric.unit.deviation(margin.value)) \(metric.unit.name) (\(margin.source)): p "
          + "of a difference as large \(probability(p))"
          + (isInsideMargin && verdict != .equivalent ? ", the interval lies inside" : ""))
    }
    parts.append(scope)
    return parts.joined(separator: "; ")
  }
}

/// A p-value with two digits that count: `0.0031`, `<0.0001`.
public func probability(_ p: Double) -> String {
  guard p.isFinite else { return "-" }
  if p < 0.0001 { return "<0.0001" }
  let decimals = p < 0.001 ? 5 : p < 0.01 ? 4 : p < 0.1 ? 3 : 2
  return fixed(p, decimals)
}

/// A number with so many decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return "-" }
  var scale = 1.0
  for _ in 0..<decimals { scale *= 10 }
  let whole = (abs(value) * scale).rounded()
  guard whole < 1e15 else { return "\(value)" }
  let digits = String(Int(whole))
  let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
  let sign = value < 0 && whole > 0 ? "-" : ""
  return decimals == 0
    ? sign + padded : sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
}

/// A difference in percentage points with its sign: `+1.30`, `−0.25`, `0.00`.
public func points(_ value: Double) -> String { MetricUnit.percent.difference(value) }
