/// The difference of two methods on the same images with all that is said of it.
public struct PairedDifference: Sendable, Equatable {
  /// First minus second.
  public let estimate: Double
  /// The standard error of the estimate.
  public let standardError: Double
  /// How the difference is tested.
  public let test: Test
  /// Images that both have outcomes of.
  public let imageCount: Int

  /// Where p-value and interval come from.
  public enum Test: Sendable, Equatable {
    /// The studentised difference is held against a distribution.
    case studentized(NullDistribution)
    /// Right or wrong of single images.
    case proportions(PairedProportions, McNemar)
  }

  /// Wraps what was computed.
  ///
  /// Where no image tells the two apart, one more might: the error is then that of a single image
  /// with a difference of 1, held against Student's t, as half an image stands in each cell of
  /// `PairedProportions`.
  public init(estimate: Double, standardError: Double, test: Test, imageCount: Int) {
    self.estimate = estimate
    self.imageCount = imageCount
    if case .studentized = test, estimate == 0, standardError == 0, imageCount > 1 {
      self.standardError = 1 / Double(imageCount)
      self.test = .studentized(.student(freedom: Double(imageCount - 1)))
    } else {
      self.standardError = standardError
      self.test = test
    }
  }

  /// The difference of two classifiers, by McNemar's test.
  public init(_ pair: PairedProportions, _ form: McNemar = .exact) {
    self.init(
      estimate: pair.estimate, standardError: pair.standardError, test: .proportions(pair, form),
      imageCount: pair.count)
  }

  /// The estimate in standard errors; infinite where there is no error.
  private func studentized(_ value: Double) -> Double {
    standardError > 0 ? value / standardError : value == 0 ? 0 : value * .infinity
  }

  /// The two-sided p-value of no difference.
  public var pValue: Double {
    switch test {
    case .studentized(let distribution): distribution.tail(studentized(estimate))
    case .proportions(let pair, let form): pair.pValue(form)
    }
  }

  /// The least p-value that any outcome on these images could have had; 0 where there is no least.
  ///
  /// It is that of as many disagreements all in one direction, or of the swap that differs most. Where
  /// it is not below the significance, the test could claim nothing, whatever the truth is.
  public var leastPValue: Double {
    switch test {
    case .studentized(.swaps(let swaps)): swaps.leastTail
    case .studentized(.student): 0
    case .proportions(let pair, let form):
      Proportions.mcNemar(onlyFirst: pair.onlyFirst + pair.onlySecond, onlySecond: 0, form)
    }
  }

  /// Images below which no interval of AP or mIoU covers as it should; see
  /// `reports/simulation.md`.
  public static let fewestImages = 50

  /// Whether there are too few images for an interval.
  public var isTooSmall: Bool {
    if case .studentized = test { imageCount < Self.fewestImages } else { false }
  }

  /// The differences that a test at this significance does not reject.
  ///
  /// 0 is among them exactly when the p-value is not below it. Nil where there are too few images to
  /// give one.
  public func interval(significance: Double = 0.05) -> Interval? {
    interval(significance: significance, evenIfTooSmall: false)
  }

  func interval(significance: Double, evenIfTooSmall: Bool) -> Interval? {
    guard evenIfTooSmall || !isTooSmall else { return nil }
    switch test {
    case .proportions(let pair, let form):
      return pair.interval(significance: significance, form)
    case .studentized(let distribution):
      guard standardError > 0 else { return Interval(low: estimate, high: estimate) }
      let half = distribution.critical(significance) * standardError
      let holdsZero = pValue >= significance
      // Where both meet in the last digit the test decides.
      return Interval(
        low: holdsZero ? min(0, estimate - half) : estimate - half,
        high: holdsZero ? max(0, estimate + half) : estimate + half)
    }
  }

  /// The p-value of the difference being at least as large as a margin.
  ///
  /// It is below 5 % exactly when the 90 % interval lies inside of the margin; 1 where there are too
  /// few images.
  ///
  /// Source: Schuirmann, A Comparison of the Two One-Sided Tests Procedure, 1987.
  public func equivalencePValue(margin: Double) -> Double {
    equivalencePValue(margin: margin, evenIfTooSmall: false)
  }

  func equivalencePValue(margin: Double, evenIfTooSmall: Bool) -> Double {
    guard evenIfTooSmall || !isTooSmall, margin > 0, abs(estimate) < margin else { return 1 }
    switch test {
    case .studentized(let distribution):
      return distribution.tail(studentized(margin - abs(estimate))) / 2
    case .proportions(let pair, _): return pair.equivalencePValue(margin: margin)
    }
  }

  /// The smallest true difference that this test finds with the given power; infinite where it finds
  /// none, however large.
  public func detectable(significance: Double = 0.05, power: Double = 0.8) -> Double {
    switch test {
    case .studentized(let distribution):
      guard standardError > 0 else { return 0 }
      return distribution.detectable(significance: significance, power: power) * standardError
    case .proportions(let pair, let form):
      return pair.detectable(significance: significance, power: power, form)
    }
  }
}
