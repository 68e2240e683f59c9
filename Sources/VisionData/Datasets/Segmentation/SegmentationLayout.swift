import FileSupport
import Foundation

/// Where the pictures and label maps of a segmentation data set lie, and how they pair.
///
///     ADE20K       images/training/….jpg            annotations/training/….png
///     Cityscapes   leftImg8bit/train/*/*_leftImg8bit.png   gtFine/train/*/*_gtFine_labelIds.png
///     PASCAL VOC   ImageSets/Segmentation/train.txt   JPEGImages/….jpg   SegmentationClass/….png
///     others       img_dir/train and ann_dir/train, train/images and train/masks, …
public struct SegmentationLayout: Sendable, Equatable {
  /// Who names folders so.
  public enum Source: String, Sendable, CaseIterable {
    case ade20k = "ADE20K"
    case cityscapes = "Cityscapes"
    case voc = "PASCAL VOC"
    case folders = "folders"
  }

  /// The folders of one split, relative to the data set.
  public struct Part: Sendable, Equatable {
    /// Of the pictures and of the label maps.
    public let images, labels: String
    /// A file with the names of the split; nil where all of the folders belong to it.
    public var list: String?
  }

  /// The data set's folder.
  public let root: String
  /// Whose layout it is.
  public let source: Source
  /// What follows the common name in the files of pictures and of label maps.
  public let imageSuffix, labelSuffix: String
  private var parts: [SegmentationFolder.Split: Part] = [:]
  // Whether it was looked for without asking for pictures.
  private var mapsOnly = false

  private init(
    _ root: String, _ source: Source, imageSuffix: String = "", labelSuffix: String = ""
  ) {
    self.root = root
    self.source = source
    self.imageSuffix = imageSuffix
    self.labelSuffix = labelSuffix
  }

  /// The classes that the layout has by itself, where no table says others.
  public var classes: SegmentationClasses? {
    switch source {
    case .cityscapes: .cityscapes
    case .voc: .voc
    case .ade20k, .folders: nil
    }
  }

  /// Whether a split is there.
  public func has(_ split: SegmentationFolder.Split) -> Bool { parts[split] != nil }

  /// The folders of a split.
  ///
  /// - Throws: `DatasetError` where it has none.
  func part(_ split: SegmentationFolder.Split) throws(DatasetError) -> Part {
    if let part = parts[split] { return part }
    let path: String =
      switch source {
      case .ade20k, .folders: Self.missingFolder(root, split)
      case .cityscapes: "\(root)/leftImg8bit/\(split.folders.last ?? "")"
      case .voc: "\(root)/ImageSets/Segmentation/\(split.folders.last ?? "").txt"
      }
    throw DatasetError(
      path: path, problem: "does not exist",
      remedy: "give the folder that holds images/{training,validation} and "
        + "annotations/{training,validation}, or Cityscapes' or PASCAL VOC's folders",
      exitCode: .missingFile)
  }

  /// The first folder of ADE20K's layout that is not there.
  private static func missingFolder(_ root: String, _ split: SegmentationFolder.Split) -> String {
    let tops = ["images", "annotations"]
    let missing = tops.first { top in
      !split.folders.contains { FileTree.isFolder("\(root)/\(top)/\($0)") }
    }
    return "\(root)/\(missing ?? tops[0])/\(split.folders[0])"
  }

  // MARK: Finding

  /// The layout of a folder; nil where it holds no label maps.
  ///
  /// - Parameters:
  ///   - labelSuffix: What follows a picture's name in its map's; nil is what is usual.
  ///   - mapsOnly: Whether pictures are not needed.
  /// - Throws: `DatasetError` for several data sets in one folder, or a folder that cannot be read.
  public static func find(
    _ root: String, labelSuffix: String? = nil, mapsOnly: Bool = false
  ) throws(DatasetError) -> SegmentationLayout? {
    if let found = try cityscapes(root, labelSuffix, mapsOnly) { return found }
    if let found = try voc(root, labelSuffix) { return found }
    let found = try folders(root, labelSuffix, mapsOnly)
    return found.parts.isEmpty ? nil : found
  }

  /// The layout of a folder that must have one; ADE20K's where nothing else fits, so that what it
  /// lacks is named.
  ///
  /// - Throws: As `find`.
  public static func expect(
    _ root: String, labelSuffix: String? = nil
  ) throws(DatasetError) -> SegmentationLayout {
    try find(root, labelSuffix: labelSuffix)
      ?? SegmentationLayout(root, .ade20k, labelSuffix: labelSuffix ?? "")
  }

  private static func cityscapes(
    _ root: String, _ suffix: String?, _ mapsOnly: Bool
  ) throws(DatasetError) -> SegmentationLayout? {
    guard mapsOnly || FileTree.isFolder(root + "/leftImg8bit"), FileTree.isFolder(root + "/gtFine")
    else { return nil }
    var layout = SegmentationLayout(
      root, .cityscapes, imageSuffix: "_leftImg8bit", labelSuffix: suffix ?? "_gtFine_labelIds")
    layout.mapsOnly = mapsOnly
    try layout.add(images: { "leftImg8bit/\($0)" }, labels: { "gtFine/\($0)" })
    return layout.parts.isEmpty ? nil : layout
  }

  private static func voc(
    _ root: String, _ suffix: String?
  ) throws(DatasetError) -> SegmentationLayout? {
    guard let base = try VOCFolder.find(root), FileTree.isFolder(base + "/SegmentationClass") else {
      return nil
    }
    var layout = SegmentationLayout(base, .voc, labelSuffix: suffix ?? "")
    for (split, names) in [
      (SegmentationFolder.Split.training, ["train", "trainval"]), (.validation, ["val", "test"]),
    ] {
      guard let list = VOCFolder.list(names, of: "Segmentation", in: base) else { continue }
      layout.parts[split] = Part(images: "JPEGImages", labels: "SegmentationClass", list: list)
    }
    return layout.parts.isEmpty ? nil : layout
  }

  private static let imageFolders = ["images", "image", "imgs", "img", "img_dir"]
  private static let labelFolders = [
    "annotations", "ann_dir", "masks", "mask", "labels", "label", "gt",
  ]

  private static func folders(
    _ root: String, _ suffix: String?, _ mapsOnly: Bool
  ) throws(DatasetError) -> SegmentationLayout {
    var layout = SegmentationLayout(root, .ade20k, labelSuffix: suffix ?? "")
    layout.mapsOnly = mapsOnly
    try layout.add(images: { "images/\($0)" }, labels: { "annotations/\($0)" })
    guard layout.parts.isEmpty else { return layout }
    layout = SegmentationLayout(root, .folders, labelSuffix: suffix ?? "")
    layout.mapsOnly = mapsOnly
    for images in imageFolders {
      for labels in labelFolders {
        try layout.add(images: { "\(images)/\($0)" }, labels: { "\(labels)/\($0)" })
        try layout.add(images: { "\($0)/\(images)" }, labels: { "\($0)/\(labels)" })
      }
    }
    // Pictures and maps side by side are told apart by the suffix alone.
    if let suffix, !suffix.isEmpty { try layout.add(images: { $0 }, labels: { $0 }) }
    return layout
  }

  /// Takes the folders of splits that are there and hold maps.
  ///
  /// - Throws: `DatasetError` for a split under two names.
  private mutating func add(
    images: (String) -> String, labels: (String) -> String
  ) throws(DatasetError) {
    func holdsMaps(_ folder: String) -> Bool {
      FileTree.isFolder("\(root)/\(folder)")
        && (source != .folders || Self.holdsMap("\(root)/\(folder)"))
    }
    for split in SegmentationFolder.Split.allCases where parts[split] == nil {
      let known = split.folders.filter { FileTree.isFolder("\(root)/\(images($0))") }
      guard !known.isEmpty || !mapsOnly else {
        let maps = try FileTree.only(split.folders.map(labels).filter(holdsMaps), in: root)
        guard let maps, let name = split.folders.first(where: { labels($0) == maps }) else {
          continue
        }
        parts[split] = Part(images: images(name), labels: maps, list: nil)
        continue
      }
      var mapsOf: [String: String] = [:]
      for name in known {
        mapsOf[images(name)] = ([name] + split.folders).map(labels).first(where: holdsMaps)
      }
      let pictures = try FileTree.only(
        known.map(images).filter { mapsOf[$0] != nil }, in: root)
      guard let pictures, let maps = mapsOf[pictures] else { continue }
      parts[split] = Part(images: pictures, labels: maps, list: nil)
    }
  }

  /// Whether a folder holds a PNG: detectors' folders have the same names.
  private static func holdsMap(_ folder: String) -> Bool {
    guard let handle = opendir(folder) else { return false }
    defer { closedir(handle) }
    while let item = readdir(handle) {
      let isMap = withUnsafePointer(to: &item.pointee.d_name) {
        String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self)).lowercased()
          .hasSuffix(".png")
      }
      if isMap { return true }
    }
    return false
  }
}
