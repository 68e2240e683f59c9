/// The mean of the accuracies of the classes, as data sets with few or uneven classes report it.
///
/// Classes without images, also without any in a resample, are left out of the mean.
public struct MeanClassAccuracy: ResampledMetric {
  public let images: [Int]
  public let metricNames: [String]
  private let labels: [Int], right: [Bool]
  private let classCount: Int

  /// Wraps the answers of a classifier.
  ///
  /// - Parameters:
  ///   - labels: The true class of each image.
  ///   - right: Whether each was answered.
  /// - Precondition: there is one of each an image, and labels are 0 or more.
  public init(images: [Int], labels: [Int], right: [Bool], named name: String = "mean_class") {
    precondition(
      images.count == labels.count && labels.count == right.count
        && labels.allSatisfy { $0 >= 0 }, "answers of other than \(images.count) images")
    self.images = images
    self.labels = labels
    self.right = right
    metricNames = [name]
    classCount = (labels.max() ?? -1) + 1
  }

  /// Of every class its weight and the weight of what is right.
  private func counts(_ weights: [Int32]) -> (all: [Double], right: [Double]) {
    var all = [Double](repeating: 0, count: classCount)
    var rights = all
    for (at, weight) in weights.enumerated() {
      all[labels[at]] += Double(weight)
      if right[at] { rights[labels[at]] += Double(weight) }
    }
    return (all, rights)
  }

  public func values(weights: [Int32]) -> [Double] {
    let (all, rights) = counts(weights)
    let shares = zip(all, rights).compactMap { $0 > 0 ? $1 / $0 : nil }
    return [shares.isEmpty ? .nan : shares.reduce(0, +) / Double(shares.count)]
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    let (all, rights) = counts(weights)
    let present = Double(all.count { $0 > 0 })
    let slopes = labels.indices.map { at -> Double in
      let label = labels[at]
      guard all[label] > 0 else { return 0 }
      return ((right[at] ? 1 : 0) - rights[label] / all[label]) / (all[label] * present)
    }
    return [Linearization(value: values(weights: weights)[0], slopes: slopes)]
  }

  public var supports: [Int] {
    let all = counts([Int32](repeating: 1, count: images.count)).all
    return [Self.support(ofCategories: all.map { Int($0) })]
  }

  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? MeanClassAccuracy, other.metricNames == metricNames else {
      return nil
    }
    return MeanClassAccuracy(
      images: images + other.images, labels: labels + other.labels, right: right + other.right,
      named: metricNames[0])
  }
}
