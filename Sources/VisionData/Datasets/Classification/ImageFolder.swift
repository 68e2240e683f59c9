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
    return label < 0 ? file : flat ? file : classNames[label] + "/" + file
  }

  /// At most `limit` images, the first of every class in turn, in the folder's order; nil is all.
  public func evenly(_ limit: Int?) -> [Int] {
    guard let limit, limit < count else { return Array(0..<count) }
    var byClass = [[Int]](repeating: [], count: classNames.count)
    for (index, label) in labels.enumerated() { byClass[Int(label)].append(index) }
    var chosen: [Int] = []
    var round = 0
    while chosen.count < limit {
      for images in byClass where round < images.count && chosen.count < limit {
        chosen.append(images[round])
      }
      round += 1
    }
    return chosen.sorted()
  }

  /// The path of an image.
  public func path(_ index: Int) -> String { root + "/" + relativePath(index) }

  private let flat: Bool

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
    let folders = entries.filter { Self.isFolder(root + "/" + $0) }
    if folders.isEmpty {
      self = try ImageFolder(flat: root, entries: entries, known: known)
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
    let present = Set(folders)
    var labels: [Int32] = []
    var names: [UInt8] = []
    var ends: [Int] = []
    var empty: [String] = []
    var ignored = 0
    for (label, name) in classes.enumerated() {
      let before = labels.count
      for file in present.contains(name) ? try Self.list(root + "/" + name) : [] {
        guard Self.isImage(file) else {
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
    flat = false
  }

  private init(flat root: String, entries: [String], known: [String]?) throws(DatasetError) {
    let images = entries.filter(Self.isImage)
    guard !images.isEmpty else {
      throw DatasetError(
        path: root, problem: "has no class folders and no images",
        remedy: "give a folder with one sub-folder a class, for example train/n01440764/*.JPEG")
    }
    let map = try Self.readMap(root: root)
    guard let map, let known else {
      throw DatasetError(
        path: root,
        problem: "holds \(images.count) images side by side, without class folders",
        remedy: "sort them into one folder a class, or put a val_map.txt with one "
          + "'file class' pair a line beside them")
    }
    let index = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, Int32($0)) })
    var labels: [Int32] = []
    var names: [UInt8] = []
    var ends: [Int] = []
    for file in images {
      guard let name = map[file] else {
        throw DatasetError(
          path: root + "/" + file, problem: "has no line in val_map.txt",
          remedy: "add its class there or remove the file")
      }
      guard let label = index[name] else {
        throw DatasetError(
          path: root + "/" + file, problem: "has class '\(name)', which the training split lacks",
          remedy: "correct val_map.txt")
      }
      names.append(contentsOf: file.utf8)
      ends.append(names.count)
      labels.append(label)
    }
    self.root = root
    classNames = known
    self.labels = labels
    self.names = names
    self.ends = ends
    let used = Set(labels)
    emptyClasses = known.enumerated().filter { !used.contains(Int32($0.offset)) }.map(\.element)
    ignoredFileCount = entries.count - images.count
    flat = true
  }

  private static func readMap(root: String) throws(DatasetError) -> [String: String]? {
    let parent = (root as NSString).deletingLastPathComponent
    for path in [root + "/val_map.txt", parent + "/val_map.txt"] {
      guard let bytes = try? FileBytes.read(path) else { continue }
      var map: [String: String] = [:]
      let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      for (number, line) in lines.enumerated() {
        let fields = line.split { " \t,".contains($0) }
        guard fields.count == 2 else {
          throw DatasetError(
            path: path, problem: "line \(number + 1) is not 'file class'",
            remedy: "write one file name and one class name a line")
        }
        map[String(fields[0])] = String(fields[1])
      }
      return map
    }
    return nil
  }

  private static func list(_ path: String) throws(DatasetError) -> [String] {
    var info = stat()
    guard stat(path, &info) == 0 else {
      let denied = errno == EACCES
      throw DatasetError(
        path: path, problem: denied ? "may not be read by this user" : "does not exist",
        remedy: denied
          ? "change its permissions"
          : "give the folder that holds train and val, or make a sample with bench-data make",
        exitCode: .missingFile)
    }
    guard info.st_mode & S_IFMT == S_IFDIR else {
      throw DatasetError(path: path, problem: "is no folder", remedy: "give a folder")
    }
    guard let entries = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      throw DatasetError(
        path: path, problem: "may not be read by this user", remedy: "change its permissions",
        exitCode: .missingFile)
    }
    return entries.filter { !$0.hasPrefix(".") }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func isFolder(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  static func isImage(_ file: String) -> Bool {
    guard let dot = file.lastIndex(of: ".") else { return false }
    return extensions.contains(file[file.index(after: dot)...].lowercased())
  }

  /// A hash of every image's relative path, label and size in bytes: the same folder, the same
  /// hash, wherever it lies and whenever it was unpacked.
  public func manifestHash() -> String {
    var hash = SHA256()
    for index in 0..<count {
      var info = stat()
      let size = stat(path(index), &info) == 0 ? Int(info.st_size) : -1
      hash.update("\(relativePath(index))\t\(labels[index])\t\(size)\n")
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
