import FileSupport
import Foundation

/// What a folder holds, told by the names in it: the one place that knows how data lie on disk.
///
/// A folder can hold several kinds: PASCAL VOC's has boxes and label maps.
public enum DataLayout: Sendable, Equatable {
  case classification(ClassificationLayout)
  case detection(DetectionLayout)
  case segmentation(SegmentationLayout)

  /// Everything that a folder holds; nothing where no layout fits.
  ///
  /// - Parameter labelSuffix: As for `SegmentationLayout.find`.
  /// - Throws: `DatasetError` for several data sets in one folder, or a folder that cannot be read.
  public static func find(
    _ root: String, labelSuffix: String? = nil
  ) throws(DatasetError) -> [DataLayout] {
    var found: [DataLayout] = []
    if let layout = try DetectionLayout.find(root) { found.append(.detection(layout)) }
    if let layout = try SegmentationLayout.find(root, labelSuffix: labelSuffix) {
      found.append(.segmentation(layout))
    }
    // Splits with pictures of another kind look like class folders.
    if found.isEmpty, let layout = try ClassificationLayout.find(root) {
      found.append(.classification(layout))
    }
    return found
  }

  /// What it is, for people.
  public var summary: String {
    switch self {
    case .classification(let layout): "classes, \(layout.source.rawValue)"
    case .detection(let layout): "boxes and masks, \(layout.source.rawValue)"
    case .segmentation(let layout): "label maps, \(layout.source.rawValue)"
    }
  }
}
