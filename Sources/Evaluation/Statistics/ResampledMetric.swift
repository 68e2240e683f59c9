/// Numbers that stored outcomes give again for any multiset of their images.
///
/// AP and mIoU are no means over images, so resampling them needs more than one value an image:
/// matches, or pixel counts. A type that keeps those can be compared by `SwapTest` and has intervals
/// by `Bootstrap`.
public protocol ResampledMetric: Sendable {
  /// The images in the order of the weights, each once: their positions in the data set.
  var images: [Int] { get }
  /// What `values` gives, in its order: `mIoU`, `bbox/AP`.
  var metricNames: [String] { get }
  /// The numbers when each image counts as often as its weight says; NaN where there is none.
  ///
  /// - Parameter weights: One count of 0 or more an image.
  func values(weights: [Int32]) -> [Double]
  /// The numbers, and how fast each grows with the weight of each image.
  func linearizations(weights: [Int32]) -> [Linearization]
  /// The images of both, these first; nil when the other keeps other numbers.
  func followed(by other: any ResampledMetric) -> (any ResampledMetric)?
  /// How many images each number rests on: of a mean over categories as many times their count as the
  /// rarest has images, since its mistakes are the easiest to miss.
  var supports: [Int] { get }
}

extension ResampledMetric {
  public var supports: [Int] { metricNames.map { _ in images.count } }

  /// The support of a mean over categories, by how many images hold each; those of none do not count.
  static func support(ofCategories counts: [Int]) -> Int {
    let held = counts.filter { $0 > 0 }
    return (held.min() ?? 0) * held.count
  }
}

/// A number of weighed images and its slopes: what one image more of each kind would add to it.
///
/// Numbers that do not change when every weight is doubled have slopes whose weighed sum is 0; the
/// squares of the slopes add up to the number's variance over images (the infinitesimal jackknife).
///
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 21.
public struct Linearization: Sendable, Equatable {
  /// The number; NaN where there is none.
  public var value: Double
  /// One slope an image.
  public var slopes: [Double]

  /// Wraps a number and its slopes.
  public init(value: Double, slopes: [Double]) {
    self.value = value
    self.slopes = slopes
  }

  /// One value an image, whose mean is the number and whose spread over images is the number's.
  public var imageValues: [Double] { slopes.map { value + Double(slopes.count) * $0 } }
}

extension ResampledMetric {
  /// The place of a number among the metric's names.
  func place(of name: String) -> Int? { metricNames.firstIndex(of: name) }

  /// The values of every image whose mean is a number of all images; nil without that number.
  ///
  /// Of a mean over images these are its terms; of AP and mIoU what the slopes make of them.
  public func imageValues(of name: String) -> [Double]? {
    place(of: name).map {
      linearizations(weights: [Int32](repeating: 1, count: images.count))[$0].imageValues
    }
  }
}

/// Numbers that are means over images, one term an image each.
public struct MeanOverImages: ResampledMetric {
  public let images: [Int]
  public let metricNames: [String]
  private let terms: [[Double]]

  /// Wraps the terms of one number.
  ///
  /// - Precondition: there is one an image.
  public init(_ terms: [Double], of images: [Int], named name: String) {
    self.init([(name, terms)], of: images)
  }

  /// Wraps the terms of each number.
  ///
  /// - Precondition: there is one an image.
  public init(_ numbers: [(name: String, terms: [Double])], of images: [Int]) {
    precondition(
      numbers.allSatisfy { $0.terms.count == images.count },
      "terms of other than \(images.count) images")
    self.images = images
    metricNames = numbers.map(\.name)
    terms = numbers.map(\.terms)
  }

  public func values(weights: [Int32]) -> [Double] {
    terms.map { terms in
      var (sum, count) = (0.0, 0)
      for (term, weight) in zip(terms, weights) {
        sum += term * Double(weight)
        count += Int(weight)
      }
      return count == 0 ? .nan : sum / Double(count)
    }
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    let count = Double(weights.reduce(0) { $0 + Int($1) })
    return zip(values(weights: weights), terms).map { mean, terms in
      Linearization(value: mean, slopes: terms.map { ($0 - mean) / count })
    }
  }

  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? MeanOverImages, other.metricNames == metricNames else { return nil }
    return MeanOverImages(
      zip(metricNames, zip(terms, other.terms)).map { ($0, $1.0 + $1.1) },
      of: images + other.images)
  }
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
  public var supports: [Int] { seeds[0].supports }

  public func values(weights: [Int32]) -> [Double] {
    var sums = seeds[0].values(weights: weights)
    for seed in seeds.dropFirst() {
      for (at, value) in seed.values(weights: weights).enumerated() { sums[at] += value }
    }
    return sums.map { $0 / Double(seeds.count) }
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    var sums = seeds[0].linearizations(weights: weights)
    for seed in seeds.dropFirst() {
      for (at, own) in seed.linearizations(weights: weights).enumerated() {
        sums[at].value += own.value
        for image in own.slopes.indices { sums[at].slopes[image] += own.slopes[image] }
      }
    }
    let count = Double(seeds.count)
    return sums.map { Linearization(value: $0.value / count, slopes: $0.slopes.map { $0 / count }) }
  }

  /// Seed by seed; nil when the other has another number of them.
  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? MeanOfSeeds, other.seeds.count == seeds.count else { return nil }
    let joined = zip(seeds, other.seeds).compactMap { $0.followed(by: $1) }
    return joined.count == seeds.count ? MeanOfSeeds(joined) : nil
  }
}
