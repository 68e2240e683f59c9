import CocoFormat

/// What overlap is measured between.
public enum OverlapType: String, Sendable, CaseIterable, Codable {
  /// Boxes.
  case bbox
  /// Masks.
  case segm
  /// Masks and their boundaries, the smaller overlap of both.
  case boundary
  /// Keypoints, by how far each is from its object's in proportion to the object's size (OKS).
  case keypoints

  /// Whether it compares pixels.
  public var needsMasks: Bool { self == .segm || self == .boundary }
}

/// Where the size of a detection comes from, which decides whether it counts among the small ones.
///
/// Only detections that match nothing are looked at, and only numbers by size depend on it.
public enum DetectionSize: UInt8, Sendable, CaseIterable {
  /// What the reference loader takes: the box in a file whose first record has one, else the mask.
  case asLoaded
  /// The mask, also in files of boxes and masks.
  case mask
  /// The box, also of masks: what mmdetection 2.11 scores masks by, whose result files hold both.
  case box
}

/// Sizes of objects that are scored together, both ends included.
public struct AreaRange: Sendable, Equatable {
  /// Its name in tables: all, small, medium, large.
  public let name: String
  /// Square pixels of the object's mask.
  public let low, high: Double

  /// A range of areas.
  public init(_ name: String, _ low: Double, _ high: Double) {
    self.name = name
    self.low = low
    self.high = high
  }

  /// Whether an area lies outside; an area of exactly 32² is both small and medium.
  @inlinable func excludes(_ area: Double) -> Bool { area < low || area > high }
}

/// The rules of an evaluation: what overlaps, sizes and numbers of detections are looked at, and what
/// counts.
///
/// One matcher follows them all; protocols differ by values.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`, `Params`.
public struct CocoProtocol: Sendable, Equatable {
  /// Overlaps from which on a detection counts as right, ascending; at most 16.
  public var overlapThresholds: [Double]
  /// Recalls at which precision is read, ascending.
  public var recallThresholds: [Double]
  /// Object sizes; the first is the one of the main numbers.
  public var areaRanges: [AreaRange]
  /// How many detections of an image and category count, ascending; the last limits everything.
  public var maxDetections: [Int]
  /// Whether a detection must name the right category; if not, all are one.
  public var usesCategories = true
  /// Whether a match to an object with the id 0 counts as a miss, as it does in the source.
  public var missesZeroID = true
  /// Where the size of a detection comes from.
  public var detectionSize = DetectionSize.asLoaded
  /// Whether objects that their record marks by `ignore` are neither to be found nor wrong.
  public var ignoresMarked = false
  /// Whether only what is annotated is judged, as in LVIS: detections of classes that are neither
  /// annotated in their image nor sure to be absent do not count, nor do unmatched ones of classes
  /// that are annotated in part; there are no crowds, and what has no area is left out.
  public var isFederated = false
  /// How many detections of an image count, of all classes together; nil is no limit.
  public var imageLimit: Int?
  /// Detections with lower scores do not count.
  public var lowestScore = -Double.infinity
  /// Whether crowds are left out, so that a detection on one is wrong.
  public var leavesCrowdsOut = false
  /// How exactly each keypoint is placed by people, as a fraction of the square root of the object's
  /// area.
  public var keypointSigmas = CocoProtocol.personSigmas
  /// How wide the boundary of a mask is, as a fraction of the image's diagonal.
  public var boundaryRatio = 0.02

  /// COCO's own parameters, to the last bit.
  public static let standard = CocoProtocol()

  /// The sigmas of COCO's seventeen keypoints of people, from the nose to the ankles.
  public static let personSigmas = [
    0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89,
    0.89,
  ].map { $0 / 10 }

  /// The parameters that COCO's evaluators have for a type of overlap: keypoints know no small
  /// objects and 20 detections, boundaries leave out what is marked.
  public static func coco(_ type: OverlapType) -> CocoProtocol {
    var settings = CocoProtocol(maxDetections: type == .keypoints ? [20] : [1, 10, 100])
    if type == .keypoints { settings.areaRanges.remove(at: 1) }
    settings.ignoresMarked = type == .boundary
    return settings
  }

  /// The parameters of LVIS.
  ///
  /// Source: lvis-dataset/lvis-api, `lvis/eval.py` and `lvis/results.py`; of boundaries
  /// bowenc0221/boundary-iou-api, `lvis_instance_api/eval.py`, in which an object as large as the end
  /// of a range of sizes is beyond it.
  public static func lvis(_ type: OverlapType = .bbox, limit: Int = 300) -> CocoProtocol {
    var settings = CocoProtocol(maxDetections: [limit])
    if type == .boundary {
      settings.areaRanges = settings.areaRanges.map { AreaRange($0.name, $0.low, $0.high.nextDown) }
    }
    settings.imageLimit = limit
    settings.isFederated = true
    settings.ignoresMarked = true
    return settings
  }

  /// COCO's own parameters; other limits of detections keep everything else.
  ///
  /// The source spaces thresholds evenly in double precision, so that the ninth is
  /// 0.8999999999999999 and some recalls are a bit larger than their decimals. Recalls compare
  /// with these, so they are made the same way here.
  ///
  /// - Precondition: there is a limit, and all are positive.
  public init(maxDetections: [Int] = [1, 10, 100]) {
    precondition(
      !maxDetections.isEmpty && maxDetections.allSatisfy { $0 > 0 },
      "limits of detections must be positive, got \(maxDetections)")
    overlapThresholds = Self.evenly(0.5, 0.95, count: 10)
    recallThresholds = Self.evenly(0, 1, count: 101)
    areaRanges = [
      AreaRange("all", 0, 1e10), AreaRange("small", 0, 1024), AreaRange("medium", 1024, 9216),
      AreaRange("large", 9216, 1e10),
    ]
    self.maxDetections = maxDetections.sorted()
  }

  /// The places of the overlap thresholds that a number takes: all, or the one of a value, which
  /// may differ from its decimals in the last bits.
  func thresholds(at value: Double?) -> [Int] {
    overlapThresholds.indices.filter { place in
      value.map { abs(overlapThresholds[place] - $0) < 1e-9 } ?? true
    }
  }

  /// The overlap from which on detections are right where one is meant: half of the union, as
  /// everywhere, or what the protocol has in its place.
  public var mainOverlap: Double {
    thresholds(at: 0.5).first.map { overlapThresholds[$0] } ?? overlapThresholds[0]
  }

  /// Whether an object is a crowd: any number of detections can match it.
  func isCrowd(_ object: CocoAnnotation) -> Bool { object.isCrowd && !isFederated }

  /// Whether an object is there at all: of federated annotations those with an area alone are, and no
  /// other tells that its image shows a class.
  ///
  /// Source: lvis-dataset/lvis-api, `lvis/lvis.py`, `get_ann_ids`, by which both files are loaded.
  func counts(_ object: CocoAnnotation) -> Bool { !isFederated || object.area > 0 }

  /// Whether a detection is there at all: of federated annotations those with an area alone are, as the
  /// loader takes it.
  func counts(_ detection: CocoDetection) -> Bool { !isFederated || detection.area > 0 }

  /// Whether an object need not be found, whatever its size.
  func isIgnored(_ object: CocoAnnotation, by type: OverlapType) -> Bool {
    isCrowd(object) || ignoresMarked && object.isIgnored
      || type == .keypoints && object.labelledKeypoints == 0
  }

  private static func evenly(_ low: Double, _ high: Double, count: Int) -> [Double] {
    let step = (high - low) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? high : Double($0) * step + low }
  }
}
