import CocoFormat
import Synchronization
import Threads

/// COCO's evaluation of detections: matching once, then any number of scores.
///
/// The numbers equal those of the reference evaluator up to the order of additions (1e-15).
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`.
/// Differs from the source: ids that occur twice are two objects; an empty list of detections
/// scores 0; a class without any mask has no mask AP. The rest of its habits are kept: see `CocoProtocol`.
public enum CocoEvaluator {
  // Images of one piece of the loop; the pieces do not depend on the number of threads.
  private static let imagesPerPiece = 16

  /// Matches all detections to the objects of the ground truth.
  ///
  /// - Parameters:
  ///   - chosen: Indices of the images that are scored; nil is all.
  ///   - categories: Ids of the categories that are scored; nil is all.
  ///   - overlapType: What is compared; where masks are, a detection without one has its box as one.
  ///   - progress: Called from any thread with the number of images done.
  /// - Returns: Records of all images, the same for any number of threads.
  /// - Precondition: there are 1...16 overlap thresholds and at least one area range.
  public static func match(
    _ detections: CocoDetections, to groundTruth: CocoAnnotations, images chosen: [Int]? = nil,
    categories: Set<Int>? = nil, overlapType: OverlapType, settings: CocoProtocol = .standard,
    progress: (Int) -> Void = { _ in }
  ) -> MatchRecords {
    let images = uniqueImages(groundTruth, among: chosen)
      .sorted { groundTruth.images[$0].id < groundTruth.images[$1].id }
    let (labels, categoryIDs) = labels(groundTruth, among: categories)
    let parts = matchedImages(
      detections, groundTruth, images: images, labels: labels, labelCount: categoryIDs.count,
      overlapType: overlapType, settings: settings, progress: progress)
    let groups =
      settings.isFederated && settings.usesCategories ? groups(groundTruth, categoryIDs) : []
    return MatchRecords(
      parts, overlapType: overlapType, settings: settings,
      imageIDs: images.map { groundTruth.images[$0].id },
      categoryIDs: settings.usesCategories ? categoryIDs : [-1], categoryGroups: groups)
  }

  /// Matches images piece by piece, by all threads.
  ///
  /// - Parameters:
  ///   - labels: The label of every category, −1 for those that do not count.
  ///   - keepsPairs: Whether to keep which object each detection has at the first threshold.
  static func matchedImages(
    _ detections: CocoDetections, _ groundTruth: CocoAnnotations, images: [Int], labels: [Int32],
    labelCount: Int, overlapType: OverlapType, settings: CocoProtocol, keepsPairs: Bool = false,
    progress: (Int) -> Void = { _ in }
  ) -> [MatchedImages] {
    precondition(
      (1...16).contains(settings.overlapThresholds.count) && !settings.areaRanges.isEmpty,
      "\(settings.overlapThresholds.count) thresholds and \(settings.areaRanges.count) ranges")
    precondition(
      settings.usesCategories || overlapType != .keypoints, "keypoints are of one class")
    let pieceCount = (images.count + imagesPerPiece - 1) / imagesPerPiece
    let leftOut = overlapType.needsMasks ? groundTruth.categoriesWithoutMask : []
    let parts = Mutex([MatchedImages](repeating: MatchedImages(), count: pieceCount))
    let done = Atomic<Int>(0)
    ThreadPool.shared.forEach(pieceCount) { piece in
      var matcher = DetectionMatcher(
        groundTruth: groundTruth, detections: detections, overlapType: overlapType,
        settings: settings, labels: labels, labelCount: labelCount, leftOut: leftOut,
        keepsPairs: keepsPairs)
      let places = piece * imagesPerPiece..<min((piece + 1) * imagesPerPiece, images.count)
      for place in places { matcher.add(image: images[place], place: place) }
      let output = matcher.output
      parts.withLock { $0[piece] = output }
      progress(done.add(places.count, ordering: .relaxed).newValue)
    }
    return parts.withLock { $0 }
  }

  /// Images in the file's order; of equal ids the first has all objects.
  static func uniqueImages(_ groundTruth: CocoAnnotations, among chosen: [Int]?) -> [Int] {
    (chosen?.sorted() ?? Array(groundTruth.images.indices))
      .filter { groundTruth.imageIndex(id: groundTruth.images[$0].id) == $0 }
  }

  /// The label of every category, −1 for those that were not chosen, and the ids by label.
  static func labels(
    _ groundTruth: CocoAnnotations, among chosen: Set<Int>? = nil
  ) -> (labels: [Int32], ids: [Int]) {
    let ids = Set(groundTruth.categories.map(\.id)).filter { chosen?.contains($0) ?? true }.sorted()
    var labelsByID: [Int: Int32] = [:]
    for (label, id) in ids.enumerated() { labelsByID[id] = Int32(label) }
    return (groundTruth.categories.map { labelsByID[$0.id] ?? -1 }, ids)
  }

  /// The group of every category by how frequent it is.
  private static func groups(_ groundTruth: CocoAnnotations, _ ids: [Int]) -> [String] {
    ids.map { id in
      groundTruth.categoryIndex(id: id)
        .flatMap { groundTruth.categories[$0].frequency?.rawValue } ?? ""
    }
  }
}
