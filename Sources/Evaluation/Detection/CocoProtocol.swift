/// What overlap is measured between.
public enum OverlapType: String, Sendable, CaseIterable, Codable {
  /// Boxes.
  case bbox
  /// Masks.
  case segm
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

/// The parameters of COCO's evaluation.
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
  /// Whether a detection's size is that of its mask also in files of boxes and masks, where the
  /// source takes the box.
  ///
  /// Only mask AP by size depends on it.
  public var takesMaskArea = false

  /// COCO's own parameters, to the last bit.
  public static let standard = CocoProtocol()

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

  private static func evenly(_ low: Double, _ high: Double, count: Int) -> [Double] {
    let step = (high - low) / Double(count - 1)
    return (0..<count).map { $0 == count - 1 ? high : Double($0) * step + low }
  }
}
