import Foundation

/// How far the confidence of answers is from how often they are right.
///
/// The expected calibration error of fifteen bins of equal width: the mean over bins of
/// |right − confidence|, weighted by their images. A confidence on a bin's upper edge belongs to it.
///
/// Source: Guo et al., On Calibration of Modern Neural Networks, 2017, and its code.
public struct Calibration: Sendable, Equatable {
  /// Answers of about the same confidence.
  public struct Bin: Sendable, Equatable {
    /// How many there are, and how many of them are right.
    public fileprivate(set) var count = 0, right = 0
    /// The sum of their confidences.
    public fileprivate(set) var confidence = 0.0
  }

  /// The bins from 0 to 1.
  public private(set) var bins: [Bin]
  /// Answers in all.
  public private(set) var count = 0

  /// Nothing counted yet.
  ///
  /// - Precondition: there is at least one bin.
  public init(binCount: Int = 15) {
    precondition(binCount > 0, "calibration needs a bin")
    bins = [Bin](repeating: Bin(), count: binCount)
  }

  /// Counts an answer; one whose confidence is NaN is left out.
  ///
  /// - Parameter confidence: Probability of the answer, 0...1.
  public mutating func add(confidence: Double, isRight: Bool) {
    guard !confidence.isNaN else { return }
    let place = (min(1, max(0, confidence)) * Double(bins.count)).rounded(.up)
    let at = max(0, Int(place) - 1)
    bins[at].count += 1
    bins[at].confidence += confidence
    if isRight { bins[at].right += 1 }
    count += 1
  }

  /// The expected calibration error, a fraction; NaN where nothing was counted.
  public var expectedError: Double {
    guard count > 0 else { return .nan }
    return bins.reduce(0) { $0 + abs(Double($1.right) - $1.confidence) } / Double(count)
  }

  /// The largest probability of a softmax over scores, in double precision; NaN where one is NaN.
  public static func confidence(logits: some Collection<Float>) -> Double {
    var highest = -Double.infinity
    for logit in logits {
      if logit.isNaN { return .nan }
      highest = max(highest, Double(logit))
    }
    return 1 / logits.reduce(0) { $0 + exp(Double($1) - highest) }
  }
}
