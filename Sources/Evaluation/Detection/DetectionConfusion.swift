import CocoFormat
import Threads

/// Which class detections give to objects of which class.
///
/// All detections of an image are matched to its objects whatever their classes, by descending score,
/// each to the free object that it overlaps most. Crowds are left out. Where annotations are federated
/// (LVIS), only what is known counts: detections of classes that an image neither shows nor surely
/// lacks are left out, and one of a class that is annotated in part counts where it is right alone.
///
/// Source: derekallman/hotcoco 1.3.0, `confusion_matrix`; the score below which detections do not
/// count is that of open-mmlab/mmdetection, `tools/analysis_tools/confusion_matrix.py`.
public struct DetectionConfusion: Sendable, Equatable {
  /// What was compared.
  public let overlapType: OverlapType
  /// From this overlap on a detection has an object.
  public let threshold: Double
  /// Detections with lower scores do not count.
  public let lowestScore: Double
  /// Ids of the categories, ascending.
  public let categoryIDs: [Int]
  /// How often: a row a category of objects and a column a category of detections.
  ///
  /// The last column is of objects without a detection, the last row of detections without an object.
  public let counts: [Int]

  /// Rows and columns.
  public var side: Int { categoryIDs.count + 1 }

  /// How often objects of a category, by its place, have detections of another; the place behind the
  /// last category means nothing.
  public func count(object: Int, detection: Int) -> Int { counts[object * side + detection] }

  /// Takes over counts that were kept.
  ///
  /// - Precondition: there are as many as the square of `categoryIDs.count + 1`.
  public init(
    overlapType: OverlapType, threshold: Double, lowestScore: Double, categoryIDs: [Int],
    counts: [Int]
  ) {
    self.overlapType = overlapType
    self.threshold = threshold
    self.lowestScore = lowestScore
    self.categoryIDs = categoryIDs
    self.counts = counts
    precondition(counts.count == side * side, "\(counts.count) counts for \(side) classes")
  }

  /// Matches all detections.
  ///
  /// - Parameters:
  ///   - images: Indices of the images that are looked at; nil is all.
  ///   - categories: Ids of the categories that are looked at; nil is all.
  ///   - limit: How many detections of an image count.
  ///   - isFederated: Whether only what is annotated is judged, as in LVIS.
  /// - Precondition: `overlapType` is not that of keypoints, which know no overlap between classes.
  public init(
    _ detections: CocoDetections, groundTruth: CocoAnnotations, images chosen: [Int]? = nil,
    categories: Set<Int>? = nil, overlapType: OverlapType, threshold: Double = 0.5,
    lowestScore: Double = 0.3, limit: Int = 100, isFederated: Bool = false
  ) {
    precondition(overlapType != .keypoints, "keypoints have no confusions of classes")
    var settings =
      isFederated
      ? CocoProtocol.lvis(overlapType, limit: limit) : CocoProtocol(maxDetections: [limit])
    settings.overlapThresholds = [threshold]
    settings.areaRanges = [AreaRange("all", -.infinity, .infinity)]
    settings.usesCategories = false
    settings.leavesCrowdsOut = !isFederated
    settings.lowestScore = lowestScore
    let images = CocoEvaluator.uniqueImages(groundTruth, among: chosen)
    let (labels, ids) = CocoEvaluator.labels(groundTruth, among: categories)
    let parts = CocoEvaluator.matchedImages(
      detections, groundTruth, images: images, labels: labels, labelCount: ids.count,
      overlapType: overlapType, settings: settings, keepsPairs: true)
    let leftOut = overlapType.needsMasks ? groundTruth.categoriesWithoutMask : []
    let side = ids.count + 1
    var counts = [Int](repeating: 0, count: side * side)
    for image in images {
      for index in groundTruth.annotationIndices(ofImage: image) {
        let object = groundTruth.annotations[Int(index)]
        guard !settings.isIgnored(object, by: overlapType), labels[object.category] >= 0,
          !leftOut.contains(object.category), settings.counts(object)
        else { continue }
        counts[Int(labels[object.category]) * side + ids.count] += 1
      }
    }
    for part in parts {
      for (place, (index, partner)) in zip(part.found, part.partners).enumerated()
      where part.ignored[place] == 0 {
        let column = Int(labels[detections.detections[Int(index)].category])
        guard partner >= 0 else {
          counts[ids.count * side + column] += 1
          continue
        }
        let row = Int(labels[groundTruth.annotations[Int(partner)].category])
        counts[row * side + column] += 1
        counts[row * side + ids.count] -= 1
      }
    }
    self.init(
      overlapType: overlapType, threshold: threshold, lowestScore: lowestScore, categoryIDs: ids,
      counts: counts)
  }
}
