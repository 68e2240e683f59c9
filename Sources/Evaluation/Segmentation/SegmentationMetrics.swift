/// A number of classes as a part of a whole, both sums of a class's pixel counts.
///
/// What is linear in the counts can be followed image by image, so resampling and tests need no more
/// than this.
public struct SegmentationRatio: Sendable {
  /// How often the part and the whole count the pixels of the intersection, those that are predicted
  /// and those that are labelled.
  let part, whole: SIMD3<Int>
  /// Whether the pixels of all classes are added before the division; else the ratios are averaged.
  let isPooled: Bool

  /// Part and whole of the three counts of a class, of one image or of many.
  func counts(_ pixels: SIMD3<Int>) -> (part: Int, whole: Int) {
    ((part &* pixels).wrappedSum(), (whole &* pixels).wrappedSum())
  }

  private init(_ part: SIMD3<Int>, of whole: SIMD3<Int>, isPooled: Bool = false) {
    self.part = part
    self.whole = whole
    self.isPooled = isPooled
  }

  /// Intersection over union; the part of the labelled pixels that is right; of all classes together.
  public static let intersectionOverUnion = SegmentationRatio([1, 0, 0], of: [-1, 1, 1])
  public static let accuracy = SegmentationRatio([1, 0, 0], of: [0, 0, 1])
  public static let pixelAccuracy = SegmentationRatio([1, 0, 0], of: [0, 0, 1], isPooled: true)
  /// Twice the intersection over the sum of both areas.
  public static let dice = SegmentationRatio([2, 0, 0], of: [0, 1, 1])
}

extension SegmentationScore {
  /// The numbers of a segmentation, the most important first.
  ///
  /// A new one is one more line.
  static let ratios: [(name: String, title: String, ratio: SegmentationRatio)] = [
    ("mIoU", "mIoU", .intersectionOverUnion), ("mAcc", "mAcc", .accuracy),
    ("aAcc", "aAcc", .pixelAccuracy),
  ]

  /// The same as tables and reports read them.
  public static let numbers: [ScoreMetric<SegmentationScore>] = ratios.map { name, title, ratio in
    ScoreMetric(name, title, .resampled) { $0.value(ratio) }
  }

  /// What follows the names of numbers whose images were shown at several scales and mirrored; they
  /// are other numbers than those of one scale.
  public static let multiScaleSuffix = "_ms"
}
