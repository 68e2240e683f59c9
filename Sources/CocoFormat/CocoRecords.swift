import Geometry

/// An image of a COCO file.
public struct CocoImage: Sendable, Equatable {
  /// The file's own number for it.
  public let id: Int
  /// The image's file, relative to the folder of its split.
  public let fileName: String
  /// Size in pixels.
  public let width, height: Int
  /// Ids of categories that are sure not to be in the image; nil but in a file of LVIS.
  public let negativeCategoryIDs: [Int]?
  /// Ids of categories of which not every object is annotated.
  public let notExhaustiveCategoryIDs: [Int]

  /// No image has a longer side; a file that says so would have masks of gigabytes drawn.
  public static let longestSide = 1_000_000

  /// Describes an image.
  public init(
    id: Int, fileName: String, width: Int, height: Int, negativeCategoryIDs: [Int]? = nil,
    notExhaustiveCategoryIDs: [Int] = []
  ) {
    self.id = id
    self.fileName = fileName
    self.width = width
    self.height = height
    self.negativeCategoryIDs = negativeCategoryIDs
    self.notExhaustiveCategoryIDs = notExhaustiveCategoryIDs
  }
}

/// A category of a COCO file; ids may have gaps.
public struct CocoCategory: Sendable, Equatable {
  /// The file's own number for it, 1...90 in COCO with ten missing.
  public let id: Int
  /// Its name and the name of the group it belongs to.
  public let name, supercategory: String
  /// Names of the keypoints that its objects have; empty where they have none.
  public let keypointNames: [String]
  /// How often it is in LVIS's training images; nil in other files.
  public let frequency: Frequency?

  /// LVIS's groups of categories.
  public enum Frequency: String, Sendable, CaseIterable {
    /// In up to 10 training images.
    case rare = "r"
    /// In 11 to 100.
    case common = "c"
    /// In more.
    case frequent = "f"
  }

  /// Describes a category.
  public init(
    id: Int, name: String, supercategory: String = "", keypointNames: [String] = [],
    frequency: Frequency? = nil
  ) {
    self.id = id
    self.name = name
    self.supercategory = supercategory
    self.keypointNames = keypointNames
    self.frequency = frequency
  }
}

/// A box as COCO writes it: left, top, width, height in continuous pixel coordinates.
public struct CocoBox: Sendable, Hashable {
  /// Left and top edge.
  public var x, y: Double
  /// Size; nothing is added.
  public var width, height: Double

  /// A box by its left and top edge and its size.
  public init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// Width times height.
  public var area: Double { width * height }

  /// The corners in the order in which the reference loader makes a polygon of a box.
  var polygon: [Double] {
    [x, y, x, y + height, x + width, y + height, x + width, y]
  }
}

/// One object of an image, as the file annotates it.
///
/// Its mask is kept apart, by the same index.
public struct CocoAnnotation: Sendable, Equatable {
  /// The file's own number for it.
  public let id: Int
  /// Indices into the file's images and categories.
  public let image, category: Int
  /// The object's box.
  public let box: CocoBox
  /// The area that decides whether it is small, medium or large: pixels of its mask in COCO.
  public let area: Double
  /// Whether it marks a group that is not told apart.
  public let isCrowd: Bool
  /// Whether its record says that it is no training target, by `ignore`; COCO's scores do not look at
  /// it, those of LVIS do.
  public let isIgnored: Bool
  /// How many of its keypoints are labelled, by its record.
  public let labelledKeypoints: Int
}

/// The shape of an object.
public enum CocoSegmentation: Sendable, Equatable {
  /// There is none.
  case none
  /// The union of polygons, each x0, y0, x1, y1, … in pixels.
  case polygons([[Double]])
  /// Run lengths; `isCompressed` tells in which form the file has them.
  case runs(RunLengthMask, isCompressed: Bool)
}

/// One detection of a result file.
///
/// Its mask is kept apart, by the same index.
public struct CocoDetection: Sendable, Equatable {
  /// Indices into the images and categories of the ground truth.
  public let image, category: Int
  /// The box, or the bounds of the mask where the file has none.
  public let box: CocoBox
  /// The area that the reference loader gives it: that of the box in a file of boxes, else the
  /// pixels of the mask.
  public internal(set) var area: Double
  /// How sure the detector is.
  public let score: Double
}
