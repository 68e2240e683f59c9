import FileSupport
import Foundation

/// One split of an ImageNet-style data set: a folder a class, images inside; or the same in tar
/// archives.
///
/// Classes and files are in byte order of their names, as the usual loaders sort them, so a class
/// has the same index everywhere.
public struct ImageFolder: Sendable {
  /// The split's folder.
  public let root: String
  /// Class names in the order of their indices; none where images have no classes.
  public let classNames: [String]
  /// The class index of every image; 0 where images have no classes.
  public let labels: [Int32]
  /// Classes whose folder holds no image.
  public let emptyClasses: [String]
  /// Files in class folders that are no images by their extension.
  public let ignoredFileCount: Int
  /// Images that are left out: hidden ones, or in hidden folders, whose names begin with a dot, and
  /// those beside the class folders, which belong to no class.
  public let hiddenImages: [String], strayImages: [String]
  /// Images that the file of a split's classes names and that are not there.
  public let absentImages: [String]
  /// Paths of images: inside of their class's folder, or of the split where classes have none.
  private let paths: PathTable
  // Which image of the archives each one is.
  private let archives: (images: ImageArchives, order: [Int])?

  /// Extensions that count as images, in lower case: also of kinds that are not read, which is an
  /// error then and no file to pass by.
  public static let extensions: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp", "gif", "heic",
    "avif", "jp2",
  ]

  /// How many images there are.
  public var count: Int { labels.count }

  /// The path of an image relative to the split's folder, or in its archive: `class/file`.
  public func relativePath(_ index: Int) -> String {
    let path = paths[index]
    return folders.isEmpty ? path : folders[Int(labels[index])] + "/" + path
  }

  /// Where an image is, for people: its path, or that of its archive with its name inside.
  public func path(_ index: Int) -> String {
    archives.map { $0.images.path($0.order[index]) + ":" + relativePath(index) }
      ?? root + "/" + relativePath(index)
  }

  /// Whether the classes are numbers that archives hold beside the images.
  var isNumbered: Bool { archives?.images.numbers.isEmpty == false }

  /// The bytes of an image's file.
  ///
  /// - Throws: `FileError` when it cannot be read, or its archive was changed.
  public func contents(_ index: Int) throws(FileError) -> [UInt8] {
    if let archives { return try archives.images.contents(archives.order[index]) }
    return try FileBytes.read(root + "/" + relativePath(index))
  }

  /// An image.
  ///
  /// - Throws: `ImageError` when it cannot be read or decoded.
  public func image(_ index: Int) throws(ImageError) -> RGBImage {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try contents(index)
    } catch {
      throw ImageError(name: path(index), problem: error.problem, exitCode: error.exitCode)
    }
    return try ImageFile.decode(bytes: bytes, name: path(index))
  }

  /// What changes with every write to an image's file.
  func stamp(_ index: Int) -> String {
    if let archives {
      let image = archives.order[index]
      return archives.images.stamps[Int(archives.images.archives[image])].text
        + " \(archives.images.starts[image])"
    }
    return FileStamp(path: root + "/" + relativePath(index))?.text ?? "none"
  }

  // The classes as this split's folders are spelled, which may differ in how accents are composed;
  // empty where paths say everything.
  private let folders: [String]

  /// A split whose paths say everything.
  init(
    root: String, classNames: [String], labels: [Int32], paths: PathTable, emptyClasses: [String],
    ignoredFileCount: Int, hiddenImages: [String], strayImages: [String],
    absentImages: [String] = [], archives: (images: ImageArchives, order: [Int])?
  ) {
    self.root = root
    self.classNames = classNames
    self.labels = labels
    self.paths = paths
    self.emptyClasses = emptyClasses
    self.ignoredFileCount = ignoredFileCount
    self.hiddenImages = hiddenImages
    self.strayImages = strayImages
    self.absentImages = absentImages
    self.archives = archives
    folders = []
  }

  /// Lists a split.
  ///
  /// A `val` folder that holds its images side by side, or in folders that are no classes, is
  /// accepted when it or its parent has a file with their classes, as `val_map.txt`.
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
    let areClasses = known.map { !Set($0).isDisjoint(with: folders) } ?? true
    let map = areClasses ? nil : try ValidationMap.find(root: root)
    if folders.isEmpty || map != nil {
      let listing = try FileTree.files(below: root)
      self = try ImageFolder(
        flat: root, files: listing.files, hiddenImages: Self.images(hidden: listing.hidden),
        known: known)
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
    var paths = PathTable()
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
        paths.append(file.utf8)
        labels.append(Int32(label))
      }
      if labels.count == before { empty.append(name) }
    }
    // A file of classes beside class folders is not needed, but must not say otherwise.
    if let known, let map = (try? ValidationMap.find(root: root)) ?? nil,
      let problem = map.contradiction(
        of: labels.indices.map { (paths[$0], labels[$0]) }, classes: known)
    {
      throw DatasetError(
        path: map.path, problem: problem, remedy: "remove the file, or sort the images anew")
    }
    guard !labels.isEmpty else {
      throw DatasetError(
        path: root, problem: "has \(folders.count) class folders but no image in them",
        remedy: "check that the archive was unpacked whole")
    }
    self.root = root
    self.classNames = classes
    self.labels = labels
    self.paths = paths
    archives = nil
    emptyClasses = empty
    ignoredFileCount = ignored
    hiddenImages = Self.images(hidden: hidden)
    strayImages = entries.filter { !$0.isFolder && !$0.isHidden }.map(\.name).filter(Self.isImage)
    absentImages = []
    self.folders = classes.map { present[$0] ?? $0 }
  }

  private init(
    flat root: String, files: [String], hiddenImages: [String], known: [String]?
  ) throws(DatasetError) {
    let images = files.filter(Self.isImage)
    guard !images.isEmpty else {
      throw DatasetError(
        path: root, problem: "has no class folders and no images",
        remedy: "give a folder with one sub-folder a class, for example train/n01440764/*.JPEG")
    }
    func unsorted(_ remedy: String) -> DatasetError {
      DatasetError(
        path: root, problem: "holds \(images.count) images side by side, without class folders",
        remedy: remedy)
    }
    // The classes are those of the training images' folders.
    guard let known else { throw unsorted("sort them into one folder a class") }
    guard let map = try ValidationMap.find(root: root) else {
      throw unsorted(
        "sort them into one folder a class, or put a val_map.txt with one 'file class' pair a line "
          + "beside them")
    }
    var labels: [Int32] = []
    var paths = PathTable()
    let lookup = map.lookup(classes: known)
    var names: Set<String> = []
    for file in images where !names.insert((file as NSString).lastPathComponent).inserted {
      throw DatasetError(
        path: root + "/" + file,
        problem: "is called as an image in another folder, so that the file of classes means both",
        remedy: "give every image a name of its own")
    }
    for file in images {
      labels.append(try lookup(file, root))
      paths.append(file.utf8)
    }
    let used = Set(labels)
    self.init(
      root: root, classNames: known, labels: labels, paths: paths,
      emptyClasses: known.enumerated().filter { !used.contains(Int32($0.offset)) }.map(\.element),
      ignoredFileCount: files.count - images.count, hiddenImages: hiddenImages, strayImages: [],
      absentImages: map.absent(among: images), archives: nil)
  }

  /// Lists all images of a folder, or of archives, which have no classes.
  ///
  /// - Throws: As above.
  init(unlabelled part: ClassificationLayout.Part) throws(DatasetError) {
    switch part {
    case .archives(let files, let root): try self.init(unlabelled: files, in: root)
    case .unlabelled(let part): try self.init(unlabelled: part)
    case .folder(let root):
      let listing = try FileTree.files(below: root)
      let images = listing.files.filter(Self.isImage)
      guard !images.isEmpty else {
        throw DatasetError(
          path: root, problem: "has no images in it or in its sub-folders",
          remedy: "give the folder that holds them")
      }
      var paths = PathTable()
      for image in images { paths.append(image.utf8) }
      self.init(
        root: root, classNames: [], labels: [Int32](repeating: 0, count: images.count),
        paths: paths, emptyClasses: [], ignoredFileCount: listing.files.count - images.count,
        hiddenImages: Self.images(hidden: listing.hidden), strayImages: [], archives: nil)
    }
  }

  private static func list(_ path: String) throws(DatasetError) -> [FileTree.Entry] {
    guard FileManager.default.fileExists(atPath: path) else {
      throw DatasetError(
        path: path, problem: "does not exist",
        remedy: ClassificationLayout.likelySplit(for: path).map {
          "rename '\($0)' to '\((path as NSString).lastPathComponent)' if that is it"
        } ?? "give the folder that holds train and val, or make a sample with bench-data make",
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
  ///
  /// - Parameter contents: What `contentDigests` gave; nil asks it.
  public func manifestHash(
    _ digests: FileDigests = FileDigests(folder: nil), contents: [String?]? = nil
  ) -> String {
    let paths = (0..<count).map { relativePath($0) }
    var hash = SHA256()
    if let (images, order) = archives {
      // Archives are read whole, once; where an image lies in one tells its contents.
      let contents = digests.digests(of: images.files, in: images.root)
      for (index, image) in order.enumerated() {
        let digest = contents[Int(images.archives[image])] ?? "unreadable"
        hash.update(
          "\(paths[index])\t\(labels[index])\t\(digest)\t\(images.starts[image])\n")
      }
      return hash.finish()
    }
    for (index, digest) in (contents ?? digests.digests(of: paths, in: root)).enumerated() {
      hash.update("\(paths[index])\t\(labels[index])\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }

  /// Hashes of every image's file; nil of images in archives, which are read whole.
  public func contentDigests(_ digests: FileDigests) -> [String?]? {
    archives == nil ? digests.digests(of: (0..<count).map { relativePath($0) }, in: root) : nil
  }
}
