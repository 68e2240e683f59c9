/// Numbers that stored outcomes give again for any multiset of their images.
///
/// AP and mIoU are no means over images, so resampling them needs more than one value an image:
/// matches, or pixel counts. A type that keeps those can be compared by `Bootstrap`.
public protocol ResampledMetric: Sendable {
  /// The images in the order of the weights, each once: their positions in the data set.
  var images: [Int] { get }
  /// What `values` gives, in its order: `mIoU`, `bbox/AP`.
  var metricNames: [String] { get }
  /// The numbers when each image counts as often as its weight says; NaN where there is none.
  ///
  /// - Parameter weights: One count of 0 or more an image.
  func values(weights: [Int32]) -> [Double]
}

/// The mean of the numbers of several seeds, image by image under the same weights.
public struct MeanOfSeeds: ResampledMetric {
  private let seeds: [any ResampledMetric]

  /// Averages seeds.
  ///
  /// - Precondition: there is one, and all have the same images and numbers.
  public init(_ seeds: [any ResampledMetric]) {
    precondition(!seeds.isEmpty, "no seeds to average")
    precondition(
      seeds.allSatisfy { $0.images == seeds[0].images && $0.metricNames == seeds[0].metricNames },
      "seeds of other images or numbers cannot be averaged")
    self.seeds = seeds
  }

  public var images: [Int] { seeds[0].images }
  public var metricNames: [String] { seeds[0].metricNames }

  public func values(weights: [Int32]) -> [Double] {
    var sums = seeds[0].values(weights: weights)
    for seed in seeds.dropFirst() {
      for (at, value) in seed.values(weights: weights).enumerated() { sums[at] += value }
    }
    return sums.map { $0 / Double(seeds.count) }
  }
}
