/// How classes without pixels enter the means.
public enum SegmentationConvention: String, Sendable, CaseIterable {
  /// A class that is neither labelled nor predicted leaves the means; one that is predicted but never
  /// labelled has IoU 0, which counts, and no accuracy, which does not. Published numbers are these.
  case mmseg
  /// Every class counts, absent ones as 0; the headline is the mean of pixel accuracy and mIoU.
  case devKit = "dev-kit"
}

/// Pixel counts of many images; two scores of disjoint images merge into the score of both.
///
/// Counts are summed over the data set before anything is divided; images are never averaged.
///
/// Source: mmsegmentation, `mean_iou`; CSAILVision/sceneparsing for the other convention.
public struct SegmentationScore: Sendable, Equatable {
  /// How many classes there are.
  public let classCount: Int
  /// Images seen.
  public private(set) var imageCount = 0
  /// Pixels of each class: labelled and predicted so, predicted so, labelled so.
  public private(set) var intersections: [Int], predicted: [Int], labelled: [Int]
  /// How classes without pixels enter the means.
  public var convention = SegmentationConvention.mmseg

  /// A score of no images.
  public init(classCount: Int) {
    self.classCount = classCount
    intersections = [Int](repeating: 0, count: classCount)
    predicted = intersections
    labelled = intersections
  }

  /// The score of pixel counts of each class that were summed elsewhere.
  init(imageCount: Int, intersections: [Int], predicted: [Int], labelled: [Int]) {
    classCount = intersections.count
    self.imageCount = imageCount
    self.intersections = intersections
    self.predicted = predicted
    self.labelled = labelled
  }

  /// Adds an image.
  ///
  /// - Precondition: its classes are classes of this score.
  public mutating func add(_ record: SegmentationRecord) {
    precondition(
      (record.classes.last ?? 0) < classCount,
      "class \(record.classes.last ?? 0) of \(classCount)")
    imageCount += 1
    for (at, index) in record.classes.enumerated() {
      intersections[index] += record.intersections[at]
      predicted[index] += record.predicted[at]
      labelled[index] += record.labelled[at]
    }
  }

  /// Adds the images of another score.
  ///
  /// - Precondition: both have the same classes.
  public mutating func merge(_ other: SegmentationScore) {
    precondition(
      classCount == other.classCount, "scores of \(classCount) and \(other.classCount) classes")
    imageCount += other.imageCount
    for index in 0..<classCount {
      intersections[index] += other.intersections[index]
      predicted[index] += other.predicted[index]
      labelled[index] += other.labelled[index]
    }
  }

  /// The same counts with other means.
  public func counted(by convention: SegmentationConvention) -> SegmentationScore {
    var score = self
    score.convention = convention
    return score
  }

  // MARK: Numbers

  /// aAcc: the part of all labelled pixels that is right; NaN without any.
  public var pixelAccuracy: Double { value(.pixelAccuracy) }

  /// Intersection over union of each class; NaN where it is neither labelled nor predicted.
  public var classIoU: [Double] { values(.intersectionOverUnion) }

  /// The part of each class' labelled pixels that is right; NaN where there is none.
  public var classAccuracy: [Double] { values(.accuracy) }

  /// mIoU: the mean of the classes' IoU.
  public var meanIoU: Double { value(.intersectionOverUnion) }

  /// mAcc: the mean of the classes' accuracies.
  public var meanAccuracy: Double { value(.accuracy) }

  /// mDice: the mean of the classes' Dice coefficients.
  public var meanDice: Double { value(.dice) }

  /// The development kit's headline: the mean of pixel accuracy and its mIoU.
  public var devKitScore: Double { (pixelAccuracy + counted(by: .devKit).meanIoU) / 2 }

  /// Classes that are in the mean of mmseg's mIoU.
  public var presentClassCount: Int { classIoU.count { !$0.isNaN } }

  /// Part and whole of each class.
  func counts(_ ratio: SegmentationRatio) -> [(part: Int, whole: Int)] {
    (0..<classCount).map {
      ratio.counts(SIMD3(intersections[$0], predicted[$0], labelled[$0]))
    }
  }

  /// The ratio of each class; NaN where its whole is empty.
  private func values(_ ratio: SegmentationRatio) -> [Double] {
    counts(ratio).map { Self.ratio($0.part, $0.whole) }
  }

  /// The ratio of all classes together, or the mean of those of the classes.
  func value(_ ratio: SegmentationRatio) -> Double {
    guard ratio.isPooled else { return mean(values(ratio)) }
    let all = counts(ratio)
    return Self.ratio(
      all.reduce(0) { $0 + $1.part }, all.reduce(0) { $0 + $1.whole })
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double {
    whole == 0 ? .nan : Double(part) / Double(whole)
  }

  private func mean(_ values: [Double]) -> Double {
    let present = values.filter { !$0.isNaN }
    let count = convention == .devKit ? classCount : present.count
    return count == 0 ? .nan : present.reduce(0, +) / Double(count)
  }
}
