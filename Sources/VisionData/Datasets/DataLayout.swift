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
    // What is not there at all is named by whoever needs it.
    if FileStamp(path: root) != nil, !FileTree.isFolder(root) { _ = try FileTree.entries(root) }
    var found: [DataLayout] = []
    if let layout = try DetectionLayout.find(root) { found.append(.detection(layout)) }
    if let layout = try SegmentationLayout.find(root, labelSuffix: labelSuffix) {
      found.append(.segmentation(layout))
    }
    // Splits with pictures of another kind look like class folders.
    if let layout = try ClassificationLayout.find(root),
      try layout.isWhole(beside: found)
    {
      found.append(.classification(layout))
    }
    return found
  }

  /// The data sets of a folder: what it holds itself, or else what the folders in it hold.
  ///
  /// - Parameter problem: Called with what is wrong with a folder that is passed over.
  /// - Returns: Folders with what they hold, in byte order of the names.
  /// - Throws: `DatasetError` for a folder that cannot be read.
  public static func all(
    in root: String, labelSuffix: String? = nil, problem: (DatasetError) -> Void
  ) throws(DatasetError) -> [(folder: String, layouts: [DataLayout])] {
    var own: [DataLayout] = []
    do throws(DatasetError) {
      own = try find(root, labelSuffix: labelSuffix).filter { $0.root == root }
    } catch {
      // What is wrong with a folder below is said of that one.
      if error.path == root { throw error }
    }
    guard own.isEmpty else { return [(root, own)] }
    var found: [(folder: String, layouts: [DataLayout])] = []
    for entry in try FileTree.entries(root) where entry.isFolder && !entry.isHidden {
      let folder = root + "/" + entry.name
      do throws(DatasetError) {
        let layouts = try find(folder, labelSuffix: labelSuffix)
        if !layouts.isEmpty { found.append((folder, layouts)) }
      } catch {
        problem(error)
      }
    }
    return found
  }

  /// The folders of the pictures that have boxes or label maps, and of the maps.
  var pictureFolders: [String] {
    switch self {
    case .classification: []
    case .detection(let layout):
      [layout.training, layout.validation, layout.whole].flatMap { $0?.images ?? [] }
    case .segmentation(let layout):
      SegmentationFolder.Split.allCases.compactMap { try? layout.part($0) }
        .flatMap { [$0.images, $0.labels] }.map { layout.root + "/" + $0 }
    }
  }

  /// The data set's folder.
  public var root: String {
    switch self {
    case .classification(let layout): layout.root
    case .detection(let layout): layout.root
    case .segmentation(let layout): layout.root
    }
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
