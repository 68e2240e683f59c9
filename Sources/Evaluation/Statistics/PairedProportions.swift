import Foundation

/// The form of McNemar's test.
public enum McNemar: String, Sendable, CaseIterable {
  /// Claims a difference that is not there at most as often as it says.
  case exact
  /// Counts half of what was observed: as often as it says on average, sometimes a little more.
  ///
  /// Source: Fagerland, Lydersen and Laake, The McNemar test for binary matched-pairs data, 2013.
  case midP = "mid-p"
}

/// The difference of two classifiers on the same images, from the images where they disagree.
///
/// The p-value is McNemar's. The interval is Tango's, of the same score, with 0 inside exactly when
/// the test does not reject: where the exact test is more careful than the score, the interval
/// reaches to 0.
///
/// Source: McNemar 1947; Tango, Equivalence test and confidence interval for the difference in
/// proportions for the paired-sample design, Statistics in Medicine 17, 1998.
public struct PairedProportions: Sendable, Equatable {
  /// Images that only the first got right, and only the second.
  public let onlyFirst: Int, onlySecond: Int
  /// All images.
  public let count: Int

  /// Wraps counts.
  ///
  /// - Precondition: there is an image, and no more disagree than there are.
  public init(onlyFirst: Int, onlySecond: Int, count: Int) {
    precondition(
      count > 0 && onlyFirst >= 0 && onlySecond >= 0 && onlyFirst + onlySecond <= count,
      "\(onlyFirst) and \(onlySecond) of \(count) images")
    self.onlyFirst = onlyFirst
    self.onlySecond = onlySecond
    self.count = count
  }

  /// Counts the images where two classifiers disagree.
  ///
  /// - Precondition: both have the same number of outcomes, at least one.
  public init(first: [Bool], second: [Bool]) {
    precondition(first.count == second.count, "\(first.count) and \(second.count) outcomes")
    var (gained, lost) = (0, 0)
    for (a, b) in zip(first, second) where a != b {
      if a { gained += 1 } else { lost += 1 }
    }
    self.init(onlyFirst: gained, onlySecond: lost, count: first.count)
  }

  /// First minus second, as a fraction of the images.
  public var estimate: Double { Double(onlyFirst - onlySecond) / Double(count) }

  /// The two-sided p-value of no difference.
  public func pValue(_ form: McNemar = .exact) -> Double {
    Proportions.mcNemar(onlyFirst: onlyFirst, onlySecond: onlySecond, form)
  }

  /// How often the test claims a difference of equal classifiers that disagree on as many images as
  /// these: few disagreements have few p-values, so that the exact test stays below its level.
  public func attainedSignificance(_ significance: Double, _ form: McNemar = .exact) -> Double {
    let count = onlyFirst + onlySecond
    let most = Proportions.mostRejected(of: count, significance, form)
    return most < 0 ? 0 : min(1, 2 * Proportions.binomialTail(upTo: most, of: count, 0.5))
  }

  /// The fewest disagreements of which any outcome is called at a significance.
  ///
  /// - Precondition: the significance is above 0.
  public static func fewestDisagreements(
    _ significance: Double, _ form: McNemar = .exact
  ) -> Int {
    precondition(significance > 0, "no outcome is called at a significance of \(significance)")
    var count = 1
    while Proportions.mcNemar(onlyFirst: count, onlySecond: 0, form) >= significance { count += 1 }
    return count
  }

  /// The standard error of the estimate, by counts with half an image added to each cell.
  ///
  /// Source: Agresti and Min, Statistics in Medicine 24, 2005.
  public var standardError: Double {
    let n = Double(count) + 2
    let (b, c) = (Double(onlyFirst) + 0.5, Double(onlySecond) + 0.5)
    return ((b + c) - (b - c) * (b - c) / n).squareRoot() / n
  }

  // MARK: Intervals

  /// Tango's score: how many deviations the estimate lies above a difference.
  func score(_ difference: Double) -> Double {
    let (n, b, c) = (Double(count), Double(onlyFirst), Double(onlySecond))
    // The likeliest part of images that only the second gets right, under this difference.
    let linear = (2 * n - b + c) * difference - b - c
    let constant = -c * difference * (1 - difference)
    let root = max(0, linear * linear - 8 * n * constant).squareRoot()
    let second = max(0, (root - linear) / (4 * n))
    let variance = n * (2 * second + difference * (1 - difference))
    let above = b - c - n * difference
    return variance > 0 ? above / variance.squareRoot() : above == 0 ? 0 : above * .infinity
  }

  /// The differences that are not rejected.
  public func interval(significance: Double = 0.05, _ form: McNemar = .exact) -> Interval {
    let limit = Normal.quantile(1 - significance / 2)
    /// The difference between two, the score at whose first is above `target`, where it is reached.
    func crossing(_ first: Double, _ second: Double, _ target: Double) -> Double {
      var (low, high) = (first, second)
      for _ in 0..<60 {
        let middle = (low + high) / 2
        if score(middle) > target { low = middle } else { high = middle }
      }
      return (low + high) / 2
    }
    var low = crossing(-1, estimate, limit)
    var high = crossing(estimate, 1, -limit)
    if pValue(form) >= significance {
      (low, high) = (min(0, low), max(0, high))
    } else if low <= 0 && high >= 0 {
      // Far out the exact test is bolder than the score; its own bound is that of the images that
      // disagree.
      let bound = disagreementBound(significance, form)
      if estimate > 0 { low = bound } else { high = -bound }
    }
    return Interval(low: low, high: high)
  }

  /// How far from 0 the difference is at least, with the number of disagreements as it is.
  ///
  /// Source: Clopper and Pearson, The Use of Confidence or Fiducial Limits, 1934.
  private func disagreementBound(_ significance: Double, _ form: McNemar) -> Double {
    let (k, m) = (max(onlyFirst, onlySecond), onlyFirst + onlySecond)
    var (low, high) = (0.5, Double(k) / Double(m))
    for _ in 0..<60 {
      let middle = (low + high) / 2
      // P(X ≥ k) of m trials is the incomplete beta function.
      let observed = form == .midP ? Proportions.binomial(k, of: m, middle) / 2 : 0
      let tail = StudentT.incompleteBeta(middle, Double(k), Double(m - k + 1)) - observed
      if tail < significance / 2 { low = middle } else { high = middle }
    }
    return Double(m) / Double(count) * (2 * low - 1)
  }

  /// The p-value of the difference being at least as large as a margin, by the score.
  func equivalencePValue(margin: Double) -> Double {
    max(Normal.cumulative(-score(-margin)), Normal.cumulative(score(margin)))
  }

  // MARK: Power

  /// The smallest difference that the test finds with the given power on so many images, when the two
  /// disagree as often as here.
  func detectable(significance: Double, power: Double, _ form: McNemar) -> Double {
    // Half an image in each cell, so that no disagreement at all does not stand for certainty.
    let disagreement = (Double(onlyFirst + onlySecond) + 1) / (Double(count) + 2)
    let tables = tables(disagreement, significance, form)
    func found(_ difference: Double) -> Double {
      difference <= disagreement
        ? Self.power(of: difference, disagreement, tables)
        : self.power(of: difference, disagreement: difference, significance, form)
    }
    guard found(1) >= power else { return .infinity }
    var (low, high) = (0.0, 1.0)
    for _ in 0..<24 {
      let middle = (low + high) / 2
      if found(middle) < power { low = middle } else { high = middle }
    }
    return high
  }

  /// How often the test rejects a real difference on so many images: over all numbers of
  /// disagreements, of which `disagreement` is the expected part.
  public func power(
    of difference: Double, disagreement: Double, _ significance: Double, _ form: McNemar
  ) -> Double {
    Self.power(of: difference, disagreement, tables(disagreement, significance, form))
  }

  /// A number of disagreements, its weight, and the largest smaller count that the test rejects.
  private typealias Disagreements = (count: Int, weight: Double, mostRejected: Int)

  private func tables(
    _ disagreement: Double, _ significance: Double, _ form: McNemar
  ) -> [Disagreements] {
    let center = Double(count) * disagreement
    let width = 5 * (center * (1 - disagreement)).squareRoot() + 1
    let (first, last) = (max(0, Int(center - width)), min(count, Int(center + width)))
    // Many are looked at in steps; the power hardly changes between them.
    return stride(from: first, through: last, by: max(1, (last - first) / 50)).map { m in
      (
        m, Proportions.binomial(m, of: count, disagreement),
        Proportions.mostRejected(of: m, significance, form)
      )
    }
  }

  private static func power(
    of difference: Double, _ disagreement: Double, _ tables: [Disagreements]
  ) -> Double {
    let right = (1 + difference / disagreement) / 2
    var (sum, whole) = (0.0, 0.0)
    for table in tables {
      whole += table.weight
      guard table.mostRejected >= 0 else { continue }
      let (most, m) = (table.mostRejected, table.count)
      sum +=
        table.weight
        * (Proportions.binomialTail(upTo: most, of: m, 1 - right)
          + Proportions.binomialTail(upTo: most, of: m, right))
    }
    return whole > 0 ? sum / whole : 0
  }
}
