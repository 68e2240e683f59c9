import CounterRandom
import Threads

/// The paired permutation test: were there no difference, the outcomes of any image could as well be
/// the other method's.
///
/// Each draw swaps the outcomes of some images between the two methods and computes both numbers anew;
/// nothing is assumed of how outcomes are distributed. What is compared is the studentised difference
///
///     t = (θ₁ − θ₂) / √(n / (n − 1) · Σᵢ (slope₁ᵢ − slope₂ᵢ)²)
///
/// so that the test also holds for methods whose numbers are equal and whose mistakes are not, and so
/// that its distribution gives an interval. Few images are swapped in all ways; of many, `drawCount`
/// random ones are taken, which depend on the seed alone. An image stays in every draw, so no
/// category can vanish from one.
///
/// Source: Janssen, Studentized permutation tests for non-i.i.d. hypotheses, 1997; Phipson and Smyth,
/// Permutation P-values Should Never Be Zero, 2010.
public struct SwapTest: Sendable {
  /// The differences by the numbers' names; a number that does not exist has none.
  public let differences: [String: PairedDifference]

  /// The difference of a number.
  public subscript(_ name: String) -> PairedDifference? { differences[name] }

  /// Differences that were computed before.
  public init(differences: [String: PairedDifference]) { self.differences = differences }

  /// Swaps that tell a p-value from the significance of the first of so many tests.
  ///
  /// At least twenty draws are expected beyond it. Doubled from 1000, so that one test more seldom asks
  /// for others; a multiple of 20, so that 5 % of the swaps and the measured one are a whole number.
  public static func drawCount(testCount: Int, significance: Double = 0.05) -> Int {
    var count = 1000
    while Double(count) * significance < 20 * Double(max(1, testCount)) { count *= 2 }
    return count
  }

  /// Swaps the outcomes of two methods.
  ///
  /// - Parameter drawCount: Random swaps; fewer when that many are all there are.
  /// - Precondition: both have the same images, at least two, and the same numbers; `drawCount ≥ 1`.
  public init(
    _ own: any ResampledMetric, minus other: any ResampledMetric, drawCount: Int, seed: UInt64
  ) {
    let count = own.images.count
    precondition(
      own.images == other.images && own.metricNames == other.metricNames && count > 1,
      "only numbers of the same images, at least two, can be compared")
    guard let both = own.followed(by: other) else {
      differences = [:]
      return
    }
    let plan = SwapPlan(imageCount: count, drawCount: drawCount, seed: seed)
    let first = Self.studentized(both, swapped: [Bool](repeating: false, count: count))
    let drawn = threadMap(plan.count) { Self.studentized(both, swapped: plan.swaps($0)) }
    var differences: [String: PairedDifference] = [:]
    for (at, name) in own.metricNames.enumerated() where first[at].estimate.isFinite {
      differences[name] = Self.difference(
        first[at], drawn.map { $0[at].t }, isExact: plan.isExact, imageCount: count)
    }
    self.differences = differences
  }

  /// The same for a mean over images, from the differences of its terms alone: as fast as a sum.
  ///
  /// - Precondition: there are two images; `drawCount ≥ 1`.
  public init(
    means terms: [Double], minus others: [Double], named name: String, drawCount: Int, seed: UInt64
  ) {
    let count = terms.count
    precondition(count == others.count && count > 1, "\(count) and \(others.count) images")
    let differences = zip(terms, others).map { $0 - $1 }
    let squares = differences.reduce(0) { $0 + $1 * $1 }
    func studentized(_ sum: Double) -> Draw {
      let mean = sum / Double(count)
      let variance = max(0, squares - sum * mean) / Double(count - 1) / Double(count)
      // What is left of equal terms after their mean is rounding.
      return Draw(mean, variance > 1e-24 * squares ? variance : 0)
    }
    let plan = SwapPlan(imageCount: count, drawCount: drawCount, seed: seed)
    let first = studentized(differences.reduce(0, +))
    let drawn = threadMap(plan.count) { draw -> Double in
      var sum = 0.0
      for (isSwapped, difference) in zip(plan.swaps(draw), differences) {
        sum += isSwapped ? -difference : difference
      }
      return studentized(sum).t
    }
    self.differences = [
      name: Self.difference(first, drawn, isExact: plan.isExact, imageCount: count)
    ]
  }

  /// A difference and its error in one draw.
  private struct Draw {
    let estimate: Double, error: Double

    init(_ estimate: Double, _ variance: Double) {
      self.estimate = estimate
      error = variance.squareRoot()
    }

    var t: Double {
      error > 0 ? abs(estimate) / error : estimate == 0 || estimate.isNaN ? 0 : .infinity
    }
  }

  private static func difference(
    _ first: Draw, _ drawn: [Double], isExact: Bool, imageCount: Int
  ) -> PairedDifference {
    PairedDifference(
      estimate: first.estimate, standardError: first.error,
      test: .studentized(
        .swaps(SwapDistribution(isExact ? drawn : drawn + [first.t], isExact: isExact))),
      imageCount: imageCount)
  }

  /// The differences of all numbers with some images swapped.
  private static func studentized(_ both: any ResampledMetric, swapped: [Bool]) -> [Draw] {
    let count = swapped.count
    var weights = [Int32](repeating: 0, count: 2 * count)
    for (image, isSwapped) in swapped.enumerated() {
      weights[isSwapped ? count + image : image] = 1
    }
    let first = both.linearizations(weights: weights)
    let second = both.linearizations(weights: weights.map { 1 - $0 })
    return zip(first, second).map { first, second in
      var squares = 0.0
      for (image, isSwapped) in swapped.enumerated() {
        let (own, other) = isSwapped ? (count + image, image) : (image, count + image)
        let slope = first.slopes[own] - second.slopes[other]
        squares += slope * slope
      }
      return Draw(first.value - second.value, squares * Double(count) / Double(count - 1))
    }
  }
}

/// Which images each draw swaps.
struct SwapPlan: Sendable {
  /// Draws, and whether they are all ways there are.
  let count: Int, isExact: Bool
  private let imageCount: Int
  private let seed: UInt64

  init(imageCount: Int, drawCount: Int, seed: UInt64) {
    precondition(drawCount >= 1, "a test needs a draw, got \(drawCount)")
    // Swapping all images turns the sign alone, so that half of the ways say everything.
    isExact = imageCount <= 31 && 1 << (imageCount - 1) <= drawCount
    count = isExact ? 1 << (imageCount - 1) : drawCount
    self.imageCount = imageCount
    self.seed = seed
  }

  func swaps(_ draw: Int) -> [Bool] {
    guard !isExact else { return (0..<imageCount).map { draw >> $0 & 1 == 1 } }
    var stream = RandomStream(seed: seed, purpose: .permutation, sample: draw)
    var bits: UInt32 = 0
    return (0..<imageCount).map { image in
      if image % 32 == 0 { bits = stream.next32() }
      defer { bits >>= 1 }
      return bits & 1 == 1
    }
  }
}
