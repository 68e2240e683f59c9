import Foundation

/// How far the confidence of answers is from how often they are right.
///
/// The expected calibration error of fifteen bins of equal width: the mean over bins of
/// |right − confidence|, weighted by their images. A confidence on an edge belongs to the bin below,
/// unless the edges are those of another source.
///
/// Source: Guo et al., On Calibration of Modern Neural Networks, 2017, and its code
/// (gpleiss/temperature_scaling, `ECELoss`), in double precision: bin i holds i/n < confidence ≤ (i+1)/n.
public struct Calibration: Sendable, Equatable {
  /// Answers of about the same confidence.
  public struct Bin: Sendable, Equatable {
    /// How many there are, and how many of them are right.
    public fileprivate(set) var count = 0, right = 0
    /// The sum of their confidences.
    public fileprivate(set) var confidence = 0.0

    /// Answers that were counted elsewhere.
    public init(count: Int = 0, right: Int = 0, confidence: Double = 0) {
      self.count = count
      self.right = right
      self.confidence = confidence
    }
  }

  /// The bins from 0 to 1.
  public private(set) var bins: [Bin]
  /// Answers in all.
  public private(set) var count = 0

  /// Which bin a confidence on the edge between two belongs to.
  public enum Edges: Sendable {
    case below, above
  }

  private let edges: Edges

  /// Nothing counted yet.
  ///
  /// - Precondition: there is at least one bin.
  public init(binCount: Int = 15, edges: Edges = .below) {
    precondition(binCount > 0, "calibration needs a bin")
    self.edges = edges
    bins = [Bin](repeating: Bin(), count: binCount)
  }

  /// Takes over bins that were filled before.
  public init(bins: [Bin], edges: Edges = .below) {
    self.bins = bins
    self.edges = edges
    count = bins.reduce(0) { $0 + $1.count }
  }

  /// Counts an answer; one whose confidence is NaN is left out.
  ///
  /// - Parameter confidence: Probability of the answer, 0...1.
  public mutating func add(confidence: Double, isRight: Bool) {
    guard !confidence.isNaN else { return }
    let at = bin(of: min(1, max(0, confidence)))
    bins[at].count += 1
    bins[at].confidence += confidence
    if isRight { bins[at].right += 1 }
    count += 1
  }

  /// The bin of a confidence from 0 to 1.
  private func bin(of confidence: Double) -> Int {
    let width = Double(bins.count)
    guard edges == .below else { return min(Int(confidence * width), bins.count - 1) }
    var at = max(0, Int((confidence * width).rounded(.up)) - 1)
    // The product is rounded; the edges themselves decide, as in the source.
    if at > 0, confidence <= Double(at) / width {
      at -= 1
    } else if at + 1 < bins.count, confidence > Double(at + 1) / width {
      at += 1
    }
    return at
  }

  /// The expected calibration error, a fraction; NaN where nothing was counted.
  public var expectedError: Double {
    guard count > 0 else { return .nan }
    return bins.reduce(0) { $0 + abs(Double($1.right) - $1.confidence) } / Double(count)
  }

  /// The largest |right − confidence| of a bin; NaN where nothing was counted.
  public var largestError: Double {
    guard count > 0 else { return .nan }
    return bins.lazy.filter { $0.count > 0 }
      .map { abs(Double($0.right) - $0.confidence) / Double($0.count) }.max() ?? .nan
  }

  /// The largest probability of a softmax over scores, in double precision; NaN where one is NaN.
  public static func confidence(logits: some Collection<Double>) -> Double {
    var highest = -Double.infinity
    for logit in logits {
      if logit.isNaN { return .nan }
      highest = max(highest, logit)
    }
    return 1 / logits.reduce(0) { $0 + exp($1 - highest) }
  }
}
