import FileSupport
import Foundation

/// One split of an ImageNet-style data set: a folder a class, images inside.
///
/// Classes and files are in byte order of their names, as the usual loaders sort them, so a class
/// has the same index everywhere. Names are kept in one block of bytes: 1.28 million images take
/// about 50 MB.
public struct ImageFolder: Sendable {
  /// The split's folder.
  public let root: String
  /// Class names in the order of their indices.
  public let classNames: [String]
  /// The class index of every image.
  public let labels: [Int32]
  /// Classes whose folder holds no image.
  public let emptyClasses: [String]
  /// Files in class folders that are no images by their extension.
  public let ignoredFileCount: Int
  /// Images that are left out: hidden ones, or in hidden folders, whose names begin with a dot, and
  /// those beside the class folders, which belong to no class.
  public let hiddenImages: [String], strayImages: [String]
  private let names: [UInt8]
  private let ends: [Int]

  /// Extensions that count as images, in lower case.
  public static let extensions: Set<String> = [
    "jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp",
  ]

  /// How many images there are.
  public var count: Int { labels.count }

  /// The path of an image relative to the split's folder: `class/file`.
  public func relativePath(_ index: Int) -> String {
    let start = index == 0 ? 0 : ends[index - 1]
    let file = String(decoding: names[start..<ends[index]], as: UTF8.self)
    let label = Int(labels[index])
    return flat ? file : folders[label] + "/" + file
  }

  /// The path of an image.
  public func path(_ index: Int) -> String { root + "/" + relativePath(index) }

  private let flat: Bool
  // The classes as this split's folders are spelled, which may differ in how accents are composed.
  private let folders: [String]

  /// Lists a split.
  ///
  /// A `val` folder that holds its images side by side is accepted when it or its parent has a
  /// `val_map.txt` with one `file class` pair a line.
  ///
  /// - Parameters:
  ///   - root: The split's folder.
  ///   - classNames: The classes of the training split; a class it lacks is an error. Nil takes
  ///     the folders as they are.
  /// - Throws: `DatasetError` naming the folder and the remedy.
  public init(root: String, classNames known: [String]? = nil) throws(DatasetError) {
    let entries = try Self.list(root)
    for entry in entries where entry.isDeadLink && !entry.isHidden && !Self.isImage(entry.name) {
      throw FileTree.deadLink(root + "/" + entry.name)
    }
    let folders = entries.filter { $0.isFolder && !$0.isHidden }.map(\.name)
    if folders.isEmpty {
      self = try ImageFolder(
        flat: root, entries: entries.filter { !$0.isHidden }.map(\.name),
        hiddenImages: Self.images(hidden: try FileTree.files(below: root).hidden), known: known)
      return
    }
    if let known {
      let unknown = folders.filter { !Set(known).contains($0) }
      if let first = unknown.first {
        throw DatasetError(
          path: root + "/" + first,
          problem: "is a class that the training split does not have"
            + (unknown.count > 1 ? " (and \(unknown.count - 1) more)" : ""),
          remedy: "make the class folders of both splits agree")
      }
    }
    let classes = known ?? folders
    let present = Dictionary(folders.map { ($0, $0) }, uniquingKeysWith: { first, _ in first })
    guard present.count == folders.count else {
      throw DatasetError(
        path: root,
        problem: "has two class folders whose names differ only in how accents are "
          + "composed", remedy: "join them")
    }
    var hidden: [String] = []
    for entry in entries where entry.isHidden {
      let inside =
        entry.isFolder ? (try? FileTree.files(below: root + "/" + entry.name)) : nil
      hidden +=
        entry.isFolder
        ? (inside.map { $0.files + $0.hidden } ?? []).map { entry.name + "/" + $0 } : [entry.name]
    }
    var labels: [Int32] = []
    var names: [UInt8] = []
    var ends: [Int] = []
    var empty: [String] = []
    var ignored = 0
    for (label, name) in classes.enumerated() {
      let before = labels.count
      guard let folder = present[name] else {
        empty.append(name)
        continue
      }
      let found = try FileTree.files(below: root + "/" + folder)
      hidden += found.hidden.map { folder + "/" + $0 }
      for file in found.files {
        guard Self.isImage(file) else {
          if found.deadLinks.contains(file) {
            throw FileTree.deadLink("\(root)/\(folder)/\(file)")
          }
          ignored += 1
          continue
        }
        names.append(contentsOf: file.utf8)
        ends.append(names.count)
        labels.append(Int32(label))
      }
      if labels.count == before { empty.append(name) }
    }
    guard !labels.isEmpty else {
      throw DatasetError(
        path: root, problem: "has \(folders.count) class folders but no image in them",
        remedy: "check that the archive was unpacked whole")
    }
    self.root = root
    self.classNames = classes
    self.labels = labels
    self.names = names
    self.ends = ends
    emptyClasses = empty
    ignoredFileCount = ignored
    hiddenImages = Self.images(hidden: hidden)
    strayImages = entries.filter { !$0.isFolder && !$0.isHidden }.map(\.name).filter(Self.isImage)
    flat = false
    self.folders = classes.map { present[$0] ?? $0 }
  }

  private init(
    flat root: String, entries: [String], hiddenImages: [String], known: [String]?
  ) throws(DatasetError) {
    let images = entries.filter(Self.isImage)
    guard !images.isEmpty else {
      throw DatasetError(
        path: root, problem: "has no class folders and no images",
        remedy: "give a folder with one sub-folder a class, for example train/n01440764/*.JPEG")
    }
    guard let known, let map = try ValidationMap.find(root: root) else {
      throw DatasetError(
        path: root,
        problem: "holds \(images.count) images side by side, without class folders",
        remedy: "sort them into one folder a class, or put a val_map.txt with one "
          + "'file class' pair a line beside them")
    }
    var labels: [Int32] = []
    var names: [UInt8] = []
    var ends: [Int] = []
    let lookup = map.lookup(classes: known)
    for file in images {
      labels.append(try lookup(file, root))
      names.append(contentsOf: file.utf8)
      ends.append(names.count)
    }
    self.root = root
    classNames = known
    self.labels = labels
    self.names = names
    self.ends = ends
    let used = Set(labels)
    emptyClasses = known.enumerated().filter { !used.contains(Int32($0.offset)) }.map(\.element)
    ignoredFileCount = entries.count - images.count
    self.hiddenImages = hiddenImages
    strayImages = []
    flat = true
    folders = []
  }

  private static func list(_ path: String) throws(DatasetError) -> [FileTree.Entry] {
    guard FileManager.default.fileExists(atPath: path) else {
      throw DatasetError(
        path: path, problem: "does not exist",
        remedy: "give the folder that holds train and val, or make a sample with bench-data make",
        exitCode: .missingFile)
    }
    return try FileTree.entries(path)
  }

  /// The images among hidden files; those that macOS writes beside each file (`._1.jpg`) are none.
  static func images(hidden: [String]) -> [String] {
    hidden.filter { isImage($0) && !($0 as NSString).lastPathComponent.hasPrefix("._") }
  }

  static func isImage(_ file: String) -> Bool {
    guard let dot = file.lastIndex(of: ".") else { return false }
    return extensions.contains(file[file.index(after: dot)...].lowercased())
  }

  /// A hash of every image's relative path, label and contents: the same folder, the same hash,
  /// wherever it lies and whenever it was unpacked.
  public func manifestHash(_ digests: FileDigests = FileDigests(folder: nil)) -> String {
    let paths = (0..<count).map { relativePath($0) }
    var hash = SHA256()
    for (index, digest) in digests.digests(of: paths, in: root).enumerated() {
      hash.update("\(paths[index])\t\(labels[index])\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }
}

/// The two splits of an ImageNet-style data set.
public struct ClassificationData: Sendable {
  /// Where the linear classifier learns.
  public let train: ImageFolder
  /// Where it is scored.
  public let validation: ImageFolder

  /// Lists `train` and `val` (or `validation`) under a folder.
  ///
  /// - Throws: `DatasetError` naming the folder and the remedy.
  public init(root: String) throws(DatasetError) {
    train = try ImageFolder(root: root + "/train")
    let names = ["val", "validation"].map { root + "/" + $0 }
    let path = names.first { FileManager.default.fileExists(atPath: $0) } ?? names[0]
    validation = try ImageFolder(root: path, classNames: train.classNames)
    if let empty = train.emptyClasses.first {
      throw DatasetError(
        path: train.root + "/" + empty,
        problem: "holds no image"
          + (train.emptyClasses.count > 1
            ? " (and \(train.emptyClasses.count - 1) more class folders)" : ""),
        remedy: "unpack the class again or remove its folder from both splits")
    }
  }
}
