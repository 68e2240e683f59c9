import Foundation

/// The difference of two classifiers on the same images, from the images where they disagree.
///
/// The p-value is McNemar's exact one. The interval is Agresti and Min's: half an image is added to
/// each of the four cells, which keeps its coverage where the plain interval has too little.
/// Test and interval are different methods and may disagree at the edge; the word goes by the test.
///
/// Source: McNemar 1947; Agresti and Min, Simple improved confidence intervals for comparing
/// matched proportions, Statistics in Medicine 24, 2005.
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

  /// The exact two-sided p-value of no difference.
  public var pValue: Double { Proportions.mcNemar(onlyFirst: onlyFirst, onlySecond: onlySecond) }

  /// The standard error of the estimate, by the adjusted counts.
  public var standardError: Double {
    let n = Double(count) + 2
    let (b, c) = (Double(onlyFirst) + 0.5, Double(onlySecond) + 0.5)
    return ((b + c) - (b - c) * (b - c) / n).squareRoot() / n
  }

  /// The 95 % interval of the difference.
  public var interval: Interval {
    let center = Double(onlyFirst - onlySecond) / (Double(count) + 2)
    let half = Proportions.normal95 * standardError
    return Interval(low: max(-1, center - half), high: min(1, center + half))
  }
}
