import FileSupport
import Foundation

/// Where the splits of a classification data set lie.
///
///     folders        train/<class>/…            val/<class>/…, or val/… and val_map.txt
///     Tiny-ImageNet  train/<class>/images/…     val/images/… and val/val_annotations.txt
///     tar archives   ILSVRC2012_img_train.tar   ILSVRC2012_img_val.tar and val_map.txt
///     WebDataset     train/*.tar or *train*.tar val/*.tar or *val*.tar
public struct ClassificationLayout: Sendable, Equatable {
  /// Who names files so.
  public enum Source: String, Sendable, CaseIterable {
    case folders = "folders"
    case archives = "tar archives"
  }

  /// One split: a folder of classes, archives in a folder, or all images of either without classes.
  public indirect enum Part: Sendable, Equatable {
    case folder(String)
    case archives([String], in: String)
    case unlabelled(Part)
  }

  /// The data set's folder.
  public let root: String
  /// Whose layout it is.
  public let source: Source
  /// Its splits.
  public let training, validation: Part

  private static let splits = [["train"], ["val", "validation", "valid"]]
  /// What others call folders of splits, in lower case and without numbers behind it.
  private static let splitNames: Set = [
    "train", "training", "val", "valid", "validation", "test", "testing",
  ]

  /// The layout of a folder; nil where it has no training images.
  ///
  /// - Throws: `DatasetError` for a folder that cannot be read.
  public static func find(_ root: String) throws(DatasetError) -> ClassificationLayout? {
    guard FileTree.isFolder(root), let training = try part(root, splits[0]) else { return nil }
    return ClassificationLayout(
      root: root, source: isFolder(training) ? .folders : .archives, training: training,
      validation: try part(root, splits[1]) ?? .folder("\(root)/\(splits[1][0])"))
  }

  /// The layout of a folder, or folders that are named as not being there.
  ///
  /// - Throws: As `find`.
  public static func expect(_ root: String) throws(DatasetError) -> ClassificationLayout {
    if let found = try find(root) { return found }
    // What is not there at all, or is no folder, is said of itself.
    if !FileTree.isFolder(root) { _ = try FileTree.entries(root) }
    return ClassificationLayout(
      root: root, source: .folders, training: .folder(root + "/train"),
      validation: .folder(root + "/val"))
  }

  /// The layout of a data set of which images are only scored: as `expect`; a folder without training
  /// images is one split, or has one, which stands for both.
  ///
  /// - Throws: As `find`.
  public static func scored(_ root: String) throws(DatasetError) -> ClassificationLayout {
    if let whole = try find(root) { return whole }
    var split = Part.folder(root)
    if FileTree.isFolder(root) {
      if let own = try part(root, splits[1]) { split = own } else { split = try part(of: root) }
    }
    return ClassificationLayout(
      root: root, source: isFolder(split) ? .folders : .archives, training: split,
      validation: split)
  }

  /// The same without validation images, where nothing is scored: the training images stand for both.
  public var trainingAlone: ClassificationLayout {
    ClassificationLayout(root: root, source: source, training: training, validation: training)
  }

  /// The layout of images that are learnt from without classes: those of a training split without
  /// class folders, or of archives without validation images, or all below a folder without splits;
  /// nil where the images have classes, or are not there.
  ///
  /// - Throws: `DatasetError` for a data set of boxes or label maps, and for splits of other names,
  ///   whose validation images would be learnt from; as `find`.
  public static func unlabelled(_ root: String) throws(DatasetError) -> ClassificationLayout? {
    guard FileTree.isFolder(root) else { return nil }
    let images: Part
    if let training = try part(root, splits[0]) {
      let validation = try part(root, splits[1])
      switch training {
      case .folder(let place):
        guard try !FileTree.entries(place).contains(where: { $0.isFolder && !$0.isHidden }) else {
          return nil
        }
      default: guard validation == nil else { return nil }
      }
      images = training
    } else {
      guard try part(root, splits[1]) == nil else { return nil }
      if let other = try DataLayout.find(root).first {
        throw DatasetError(
          path: root,
          problem: "holds \(other.summary), and no folder 'train' of images to learn from",
          remedy: "give the folder of its training images, so that no others are learnt from")
      }
      if let split = try FileTree.entries(root).first(where: { $0.isFolder && isSplit($0.name) }) {
        throw DatasetError(
          path: root, problem: "holds '\(split.name)', which may be a split, and no folder 'train'",
          remedy: "give the folder of its training images, so that no others are learnt from")
      }
      images = try part(of: root)
    }
    return ClassificationLayout(
      root: root, source: isFolder(images) ? .folders : .archives, training: .unlabelled(images),
      validation: .unlabelled(images))
  }

  /// Whether a folder is called as some split is by somebody.
  private static func isSplit(_ name: String) -> Bool {
    splitNames.contains(plainName(name))
  }

  private static func plainName(_ name: String) -> String {
    name.lowercased().trimmingCharacters(in: .decimalDigits.union(["_", "-"]))
  }

  /// The folder that may be a split which is not there under its name; nil where none is.
  static func likelySplit(for path: String) -> String? {
    let wanted = (path as NSString).lastPathComponent
    let isTraining = wanted == splits[0][0]
    let folders = (try? FileTree.entries(RelativePath.folder(of: path)))?.filter(\.isFolder)
    return folders?.map(\.name).first {
      isSplit($0) && !splits.joined().contains($0)
        && plainName($0).hasPrefix("train") == isTraining
    }
  }

  /// Images side by side in a folder that holds no folders; nil for any other.
  ///
  /// - Throws: As `find`.
  static func sideBySide(_ root: String) throws(DatasetError) -> ClassificationLayout? {
    guard FileTree.isFolder(root) else { return nil }
    let entries = try FileTree.entries(root).filter { !$0.isHidden }
    guard !entries.contains(where: \.isFolder),
      entries.contains(where: { ImageFolder.isImage($0.name) })
    else { return nil }
    let images = Part.unlabelled(.folder(root))
    return ClassificationLayout(
      root: root, source: .folders, training: images, validation: images)
  }

  /// Whether it is no part of data of other kinds in the same folder: beside them it has splits of its
  /// own, and classes in these.
  ///
  /// - Throws: As `find`.
  func isWhole(beside others: [DataLayout]) throws(DatasetError) -> Bool {
    guard !others.isEmpty else { return true }
    switch training {
    case .unlabelled: return true
    // Beside annotations any archive may be one of pictures: train2017.tar.
    case .archives(let files, let place):
      return place != root || files.contains { $0.hasPrefix("ILSVRC2012") }
    case .folder(let place):
      let own = RelativePath.plain(place)
      let isTaken = others.flatMap(\.pictureFolders).map(RelativePath.plain).contains {
        $0 == own || $0.hasPrefix(own + "/")
      }
      if isTaken { return false }
      return try FileTree.entries(place).contains { $0.isFolder && !$0.isHidden }
    }
  }

  /// Whether its one split stands for both.
  public var isOneSplit: Bool { training == validation }

  /// The archives in whose folder the images of a run lie, by the layouts of that folder and the one
  /// around it: those of the validation images; nil where images are files.
  public static func archives(ofImages folder: String) -> Part? {
    let wanted = RelativePath.plain(folder)
    for root in [folder, RelativePath.above(folder)] {
      guard let layout = (try? find(root)) ?? nil else { continue }
      if case .archives(_, let place) = layout.validation, RelativePath.plain(place) == wanted {
        return layout.validation
      }
    }
    // A split may have been scored alone.
    guard FileTree.isFolder(folder), let part = try? part(of: folder), !isFolder(part) else {
      return nil
    }
    return part
  }

  /// The split that a folder is: its archives, or itself.
  ///
  /// - Throws: As `find`.
  public static func part(of folder: String) throws(DatasetError) -> Part {
    let entries = try FileTree.entries(folder).filter { !$0.isHidden }
    let archives = entries.map(\.name).filter { $0.hasSuffix(".tar") }
    let hasFolders = entries.contains { $0.isFolder }
    if !hasFolders { try checkPlain(entries, in: folder) }
    return archives.isEmpty || hasFolders ? .folder(folder) : .archives(archives, in: folder)
  }

  /// Refuses archives that are compressed as a whole, which would be passed by.
  private static func checkPlain(
    _ entries: [FileTree.Entry], in folder: String
  ) throws(DatasetError) {
    let packed = [".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".tar.lz4"]
    for entry in entries where packed.contains(where: entry.name.lowercased().hasSuffix) {
      throw DatasetError(
        path: "\(folder)/\(entry.name)", problem: "is a compressed archive, which is not read",
        remedy: "unpack it to a .tar; images are compressed already")
    }
  }

  private static func isFolder(_ part: Part) -> Bool {
    if case .folder = part { true } else { false }
  }

  private static func part(_ root: String, _ names: [String]) throws(DatasetError) -> Part? {
    if let name = try FileTree.only(names, in: root) { return try part(of: "\(root)/\(name)") }
    let entries = try FileTree.entries(root)
    let archives = entries.filter {
      !$0.isFolder && !$0.isHidden && $0.name.hasSuffix(".tar")
    }.map(\.name)
    let whole = names.flatMap { ["ILSVRC2012_img_\($0).tar", $0 + ".tar"] }
    if let file = whole.first(where: archives.contains) { return .archives([file], in: root) }
    let shards = archives.filter { file in names.contains { file.contains($0) } }
    guard shards.isEmpty else { return .archives(shards, in: root) }
    try checkPlain(
      entries.filter { entry in names.contains { entry.name.contains($0) } }, in: root)
    return nil
  }
}

extension ImageFolder {
  /// Lists a split.
  ///
  /// - Throws: As the other initialisers.
  public init(_ part: ClassificationLayout.Part, classNames: [String]? = nil) throws(DatasetError) {
    switch part {
    case .folder(let root): try self.init(root: root, classNames: classNames)
    case .archives(let files, let root):
      try self.init(root: root, archives: files, classNames: classNames)
    case .unlabelled(let part): try self.init(unlabelled: part)
    }
  }
}
