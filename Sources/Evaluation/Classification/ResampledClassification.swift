/// All numbers of a classifier for any multiset of its images: the top-k, and the mean over classes.
public struct ResampledClassification: ResampledMetric {
  private let places: MeanOverImages
  private let classes: MeanClassAccuracy

  /// Wraps the answers of one classifier, an image once.
  ///
  /// - Precondition: labels are 0 or more.
  public init(_ records: [ClassificationRecord]) {
    let images = records.map(\.index)
    places = MeanOverImages(
      ClassificationScore.numbers.compactMap { metric in
        ClassificationScore.places(of: metric.name).map { limit in
          (metric.name, records.map { $0.rank < limit ? 1 : 0 })
        }
      }, of: images)
    classes = MeanClassAccuracy(
      images: images, labels: records.map(\.label), right: records.map { $0.rank == 0 })
  }

  private init(_ places: MeanOverImages, _ classes: MeanClassAccuracy) {
    (self.places, self.classes) = (places, classes)
  }

  public var images: [Int] { places.images }
  public var metricNames: [String] { places.metricNames + classes.metricNames }

  public func values(weights: [Int32]) -> [Double] {
    places.values(weights: weights) + classes.values(weights: weights)
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    places.linearizations(weights: weights) + classes.linearizations(weights: weights)
  }

  public var supports: [Int] { places.supports + classes.supports }

  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? ResampledClassification,
      let places = places.followed(by: other.places) as? MeanOverImages,
      let classes = classes.followed(by: other.classes) as? MeanClassAccuracy
    else { return nil }
    return ResampledClassification(places, classes)
  }
}
