/// Pixel counts of the classes of many images, from which the numbers of a segmentation come again for any
/// multiset of the images.
///
/// Counts are summed over images before anything is divided. A class that is neither labelled nor
/// predicted leaves the means; one that is predicted but never labelled has IoU 0 and no accuracy.
public struct ResampledSegmentation: ResampledMetric {
  public private(set) var images: [Int] = []
  private static let numbers = SegmentationScore.ratios
  /// What follows the names, such as `_ms`.
  public var suffix = ""
  /// `mIoU`, `mAcc`, `aAcc`.
  public var metricNames: [String] { Self.numbers.map { $0.name + suffix } }
  /// How many classes there are.
  public private(set) var classCount = 0
  // One flat list for all images: a thousand passes over them are what this type is for.
  private var starts: [Int] = [0]
  private var classes: [Int32] = []
  private var intersections: [Int64] = []
  private var predicted: [Int64] = []
  private var labelled: [Int64] = []

  /// Counts of no images.
  public init() {}

  /// The counts of images that were segmented here or read back.
  public init(_ records: [SegmentationRecord]) {
    for record in records {
      _ = add(
        image: record.index, classes: record.classes, intersections: record.intersections,
        predicted: record.predicted, labelled: record.labelled)
    }
  }

  /// Adds an image.
  ///
  /// - Parameters:
  ///   - classes: Classes that are labelled or predicted somewhere.
  ///   - intersections: Pixels that are labelled and predicted so, one count a class.
  ///   - predicted: Labelled pixels that are predicted so.
  ///   - labelled: Pixels that are labelled so.
  /// - Returns: Whether the counts could be those of an image; otherwise nothing was added.
  public mutating func add(
    image: Int, classes: [Int], intersections: [Int], predicted: [Int], labelled: [Int]
  ) -> Bool {
    let count = classes.count
    guard intersections.count == count, predicted.count == count, labelled.count == count,
      classes.allSatisfy({ 0 <= $0 && $0 < 1 << 16 }), Set(classes).count == count,
      (0..<count).allSatisfy({
        intersections[$0] >= 0 && intersections[$0] <= min(predicted[$0], labelled[$0])
      })
    else { return false }
    images.append(image)
    self.classes += classes.map(Int32.init)
    self.intersections += intersections.map(Int64.init)
    self.predicted += predicted.map(Int64.init)
    self.labelled += labelled.map(Int64.init)
    starts.append(self.classes.count)
    classCount = max(classCount, (classes.max() ?? -1) + 1)
    return true
  }

  public func values(weights: [Int32]) -> [Double] {
    let score = score(weights)
    return Self.numbers.map { score.value($0.ratio) }
  }

  public func linearizations(weights: [Int32]) -> [Linearization] {
    let score = score(weights)
    return Self.numbers.map { number in
      // Every number is a mean of ratios, one a class, or one ratio of sums; of a ratio a / b the slope
      // is (aᵢ − ratio·bᵢ) / b.
      let ratio = number.ratio
      let sums = score.counts(ratio)
      let whole = Double(sums.reduce(0) { $0 + $1.whole })
      let present = Double(max(1, sums.count { $0.whole > 0 }))
      let value = score.value(ratio)
      var slopes = [Double](repeating: 0, count: images.count)
      for image in images.indices {
        for at in starts[image]..<starts[image + 1] {
          let sum = sums[Int(classes[at])]
          guard sum.whole > 0 else { continue }
          let own = ratio.counts(
            SIMD3(Int(intersections[at]), Int(predicted[at]), Int(labelled[at])))
          if ratio.isPooled {
            slopes[image] += (Double(own.part) - value * Double(own.whole)) / whole
          } else {
            let (a, b) = (Double(sum.part), Double(sum.whole))
            slopes[image] += (Double(own.part) - a / b * Double(own.whole)) / b / present
          }
        }
      }
      return Linearization(value: value, slopes: slopes)
    }
  }

  public var supports: [Int] {
    var counts = [Int](repeating: 0, count: classCount)
    for (category, pixels) in zip(classes, labelled) where pixels > 0 {
      counts[Int(category)] += 1
    }
    let mean = Self.support(ofCategories: counts)
    return Self.numbers.map { $0.ratio.isPooled ? images.count : mean }
  }

  /// The images of both.
  public func followed(by other: any ResampledMetric) -> (any ResampledMetric)? {
    guard let other = other as? ResampledSegmentation else { return nil }
    var joined = self
    let last = classes.count
    joined.images += other.images
    joined.starts += other.starts.dropFirst().map { $0 + last }
    joined.classes += other.classes
    joined.intersections += other.intersections
    joined.predicted += other.predicted
    joined.labelled += other.labelled
    joined.classCount = max(classCount, other.classCount)
    return joined
  }

  /// The intersection over union of one image alone; NaN without labelled pixels.
  public func meanIoU(at position: Int) -> Double {
    let range = starts[position]..<starts[position + 1]
    let values = range.compactMap { at -> Double? in
      let union = predicted[at] + labelled[at] - intersections[at]
      return union > 0 ? Double(intersections[at]) / Double(union) : nil
    }
    return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
  }

  /// The score when each image counts as often as its weight says.
  private func score(_ weights: [Int32]) -> SegmentationScore {
    precondition(weights.count == images.count, "\(weights.count) weights, \(images.count) images")
    // Intersection, predicted and labelled pixels of each class, interleaved.
    var sums = [Int](repeating: 0, count: 3 * classCount)
    sums.withUnsafeMutableBufferPointer { sums in
      for image in 0..<weights.count where weights[image] != 0 {
        let weight = Int64(weights[image])
        for at in starts[image]..<starts[image + 1] {
          let index = 3 * Int(classes[at])
          sums[index] &+= Int(weight &* intersections[at])
          sums[index + 1] &+= Int(weight &* predicted[at])
          sums[index + 2] &+= Int(weight &* labelled[at])
        }
      }
    }
    func part(_ offset: Int) -> [Int] { (0..<classCount).map { sums[3 * $0 + offset] } }
    return SegmentationScore(
      imageCount: weights.reduce(0) { $0 + Int($1) }, intersections: part(0), predicted: part(1),
      labelled: part(2))
  }
}
