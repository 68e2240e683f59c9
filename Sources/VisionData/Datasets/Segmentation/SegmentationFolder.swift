import FileSupport
import Foundation
import Geometry

/// One split of a segmentation data set: pictures, and a label map for each.
///
/// A picture's map has its name, but for the suffixes of the layout. Files are in byte order of their names. Folders inside a split are walked, too.
public struct SegmentationFolder: Sendable, Equatable {
  /// The two splits and the folder names they may have.
  public enum Split: String, Sendable, CaseIterable {
    case training, validation

    var folders: [String] { self == .training ? ["training", "train"] : ["validation", "val"] }
  }

  /// The data set's folder.
  public let root: String
  /// Folders of the pictures and of the label maps, relative to the data set.
  public let imageFolder, labelFolder: String
  /// Hidden images and maps, which are left out.
  public let hidden: [String]
  /// Relative paths inside these folders, with extension, in the order of the images.
  private let imageFiles, labelFiles: [String]

  /// How many images there are.
  public var count: Int { imageFiles.count }
  /// The name of an image: its path inside the split without extension.
  public func name(_ index: Int) -> String { (imageFiles[index] as NSString).deletingPathExtension }
  /// The picture's path relative to the data set.
  public func relativeImagePath(_ index: Int) -> String { imageFolder + "/" + imageFiles[index] }
  /// The label map's path relative to the data set.
  public func relativeLabelPath(_ index: Int) -> String { labelFolder + "/" + labelFiles[index] }
  /// The picture's path.
  public func imagePath(_ index: Int) -> String { root + "/" + relativeImagePath(index) }
  /// The label map's path.
  public func labelPath(_ index: Int) -> String { root + "/" + relativeLabelPath(index) }

  /// Lists a split.
  ///
  /// - Throws: `DatasetError` when a folder is missing or empty, or an image has no label map.
  public init(_ layout: SegmentationLayout, split: Split) throws(DatasetError) {
    let listing = try SegmentationListing(layout, split: split)
    if let first = listing.unlabelled.first {
      let count = listing.unlabelled.count
      throw DatasetError(
        path: "\(layout.root)/\(listing.folder.imageFolder)/\(first)",
        problem: "has no label map in \(listing.folder.labelFolder)"
          + (count > 1 ? " (and \(count - 1) more)" : ""),
        remedy: listing.remedy(for: first) + " or remove the image")
    }
    self = listing.folder
  }

  /// Lists a split of a folder with any layout.
  ///
  /// - Throws: As above.
  public init(root: String, split: Split) throws(DatasetError) {
    try self.init(SegmentationLayout.expect(root), split: split)
  }

  fileprivate init(
    root: String, imageFolder: String, labelFolder: String, imageFiles: [String],
    labelFiles: [String], hidden: [String]
  ) {
    self.root = root
    self.hidden = hidden
    self.imageFolder = imageFolder
    self.labelFolder = labelFolder
    self.imageFiles = imageFiles
    self.labelFiles = labelFiles
  }

  /// The same split with some of the images only.
  ///
  /// - Throws: `DatasetError` when none is left.
  public func keeping(_ indices: [Int]) throws(DatasetError) -> SegmentationFolder {
    guard !indices.isEmpty else {
      throw DatasetError.noneDecodes(in: "\(root)/\(imageFolder)")
    }
    return SegmentationFolder(
      root: root, imageFolder: imageFolder, labelFolder: labelFolder,
      imageFiles: indices.map { imageFiles[$0] }, labelFiles: indices.map { labelFiles[$0] },
      hidden: hidden)
  }

  /// Reads an image, turned as its EXIF data say, and the class indices of its pixels (255 ignored).
  ///
  /// - Throws: `ImageError` when one of the files cannot be read; `DatasetError` when their sizes
  ///   differ or the map holds values that are no labels.
  public func load(
    _ index: Int, _ encoding: LabelEncoding
  ) throws -> (image: RGBImage, labels: LabelMap) {
    let map = try ImageFile.decodeLabels(path: labelPath(index))
    let image = try ImageFile.decode(path: imagePath(index), for: (map.width, map.height))
    guard image.width == map.width, image.height == map.height else {
      throw DatasetError(
        path: labelPath(index),
        problem: "is \(map.width)x\(map.height), its image \(image.width)x\(image.height)",
        remedy: "use the label map of this image, at the image's size")
    }
    return (image, try encoding.decode(map, path: labelPath(index)))
  }

  /// A hash of every image's and map's relative path and contents: the same files, the same hash,
  /// wherever they lie and whenever they were unpacked.
  public func manifestHash(_ digests: FileDigests = FileDigests(folder: nil)) -> String {
    let paths = (0..<count).flatMap { [relativeImagePath($0), relativeLabelPath($0)] }
    var hash = SHA256()
    for (path, digest) in zip(paths, digests.digests(of: paths, in: root)) {
      hash.update("\(path)\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }
}

/// What lies in the folders of a split, paired and unpaired.
struct SegmentationListing {
  /// Images that have a label map.
  let folder: SegmentationFolder
  /// Images without a map and maps without an image; paths inside the split's folders.
  let unlabelled, unused: [String]
  /// Files that are no images by their extension, or belong to other data.
  let ignoredFileCount: Int
  private let layout: SegmentationLayout
  /// A map without an image that may belong to the first image without one.
  private let near: NearFile?

  /// - Throws: `DatasetError` when a folder is missing or has no image.
  init(_ layout: SegmentationLayout, split: SegmentationFolder.Split) throws(DatasetError) {
    let part = try layout.part(split)
    let (root, images, labels) = (layout.root, part.images, part.labels)
    let (imageFiles, hiddenImages) = try Self.files(root, images)
    let (labelFiles, hiddenLabels) = try Self.files(root, labels)
    func stem(_ file: String) -> String {
      let name = (file as NSString).deletingPathExtension
      let isMap = !layout.labelSuffix.isEmpty && name.hasSuffix(layout.labelSuffix)
      return String(name.dropLast((isMap ? layout.labelSuffix : layout.imageSuffix).count))
    }
    func sorted(_ files: [String], ending suffix: String, not other: String = "") -> [String] {
      files.filter { file in
        guard ImageFolder.isImage(file) else { return false }
        let name = (file as NSString).deletingPathExtension
        return name.hasSuffix(suffix) && (other.isEmpty || !name.hasSuffix(other))
      }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
    var pictures = sorted(
      imageFiles, ending: layout.imageSuffix, not: images == labels ? layout.labelSuffix : "")
    var maps = sorted(labelFiles, ending: layout.labelSuffix)
    if let list = part.list {
      let names = Set(try VOCFolder.names(list))
      (pictures, maps) = (
        pictures.filter { names.contains(stem($0)) }, maps.filter { names.contains(stem($0)) }
      )
      if let name = names.subtracting(pictures.map(stem)).min() {
        throw DatasetError(
          path: "\(root)/\(images)/\(name).jpg", problem: "does not exist, but \(list) names it",
          remedy: "unpack it there or take its line out", exitCode: .missingFile)
      }
    }
    guard !pictures.isEmpty else {
      throw DatasetError(
        path: root + "/" + images, problem: "holds no image",
        remedy: "check that the archive was unpacked whole")
    }
    var mapOf: [String: String] = [:]
    for map in maps {
      if let other = mapOf.updateValue(map, forKey: stem(map)) {
        throw DatasetError(
          path: "\(root)/\(labels)/\(map)", problem: "has the same name as \(other)",
          remedy: "remove one of them: an image has one label map")
      }
    }
    var pictureOf: [String: String] = [:]
    for picture in pictures {
      if let other = pictureOf.updateValue(picture, forKey: stem(picture)) {
        throw DatasetError(
          path: "\(root)/\(images)/\(picture)",
          problem: "has the same name as \(other), so both would have one label map",
          remedy: "rename or remove one of them")
      }
    }
    let paired = pictures.filter { mapOf[stem($0)] != nil }
    folder = SegmentationFolder(
      root: root, imageFolder: images, labelFolder: labels, imageFiles: paired,
      labelFiles: paired.compactMap { mapOf[stem($0)] }, hidden: hiddenImages + hiddenLabels)
    unlabelled = pictures.filter { mapOf[stem($0)] == nil }
    unused = maps.filter { pictureOf[stem($0)] == nil }
    ignoredFileCount =
      part.list == nil && images != labels
      ? imageFiles.count - pictures.count + labelFiles.count - maps.count : 0
    self.layout = layout
    near = unlabelled.first.map(stem).flatMap { name in
      NearFile.find(name, among: labelFiles.filter(ImageFolder.isImage))
    }
  }

  /// What helps an image without a map.
  func remedy(for image: String) -> String {
    if let near, !near.suffix.isEmpty, near.suffix != layout.labelSuffix {
      return "give --label-suffix \(near.suffix) if \(near.file) is one,"
    }
    let name = (image as NSString).deletingPathExtension.dropLast(layout.imageSuffix.count)
    return "add \(name)\(layout.labelSuffix).png there"
  }

  /// Visible files, and hidden images.
  private static func files(
    _ root: String, _ folder: String
  ) throws(DatasetError) -> (visible: [String], hidden: [String]) {
    let listing = try FileTree.files(below: root + "/" + folder)
    // What is no image would be passed over, though it may have been a folder of them.
    if let dead = listing.deadLinks.filter({ !ImageFolder.isImage($0) }).min() {
      throw FileTree.deadLink("\(root)/\(folder)/\(dead)")
    }
    return (
      listing.files, ImageFolder.images(hidden: listing.hidden).map { folder + "/" + $0 }
    )
  }
}

/// A whole segmentation data set: its splits and the class table.
public struct SegmentationData: Sendable {
  /// Where the network learns; nil where nothing is trained.
  public let training: SegmentationFolder?
  /// Where it is scored.
  public let testing: SegmentationFolder
  /// The classes, and how the maps store them.
  public let classes: SegmentationClasses

  /// Lists the splits that are needed.
  ///
  /// - Parameters:
  ///   - tested: The split that is scored.
  ///   - scoresOnly: Whether nothing is trained.
  ///   - classes: As for `SegmentationClasses.find`.
  ///   - labels: How maps store classes; nil for what the table says.
  /// - Throws: `DatasetError` naming the folder or file and the remedy.
  public init(
    _ layout: SegmentationLayout, tested: SegmentationFolder.Split = .validation,
    scoresOnly: Bool = false, classes choice: String = "", labels kind: LabelEncoding.Kind? = nil
  ) throws(DatasetError) {
    training = scoresOnly ? nil : try SegmentationFolder(layout, split: .training)
    testing =
      if tested == .training, let training {
        training
      } else {
        try SegmentationFolder(layout, split: tested)
      }
    classes = try SegmentationClasses.of(layout, choice, labels: kind)
  }
}
