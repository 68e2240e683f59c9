import FileSupport
import Foundation

extension ImageFolder {
  /// Lists a split that lies in tar archives.
  ///
  /// - Parameters:
  ///   - root: The folder of the archives.
  ///   - archives: Their names.
  ///   - classNames: The classes of the training split; nil takes what the archives hold.
  /// - Throws: `DatasetError` naming the archive and the remedy.
  init(root: String, archives: [String], classNames known: [String]?) throws(DatasetError) {
    let found = try Self.images(of: archives, in: root)
    try self.init(found, sorted: Self.classes(of: found, known: known))
  }

  /// Lists the images of archives without their classes.
  ///
  /// - Throws: As above.
  init(unlabelled archives: [String], in root: String) throws(DatasetError) {
    let found = try Self.images(of: archives, in: root)
    let labels = [Int32](repeating: 0, count: found.paths.count)
    try self.init(found, sorted: ([], labels, Self.pathsByArchive(found)))
  }

  private static func images(
    of archives: [String], in root: String
  ) throws(DatasetError) -> ImageArchives {
    let found = try ImageArchives.of(root: root, files: archives)
    guard found.paths.count > 0 else {
      throw DatasetError(
        path: root + "/" + archives[0], problem: "holds no image",
        remedy: "give archives of JPEG or PNG files")
    }
    return found
  }

  private init(
    _ found: ImageArchives,
    sorted classification: (names: [String], labels: [Int32], paths: PathTable)
  ) throws(DatasetError) {
    let (classes, labels, paths) = classification
    // Classes and files in byte order, as from folders.
    let order = labels.indices.sorted { first, second in
      labels[first] != labels[second]
        ? labels[first] < labels[second]
        : paths.bytes(first).lexicographicallyPrecedes(paths.bytes(second))
    }
    var sorted = PathTable()
    for (place, index) in order.enumerated() {
      sorted.append(paths.bytes(index))
      guard place > 0, case let before = order[place - 1], labels[before] == labels[index],
        paths.bytes(before) == paths.bytes(index)
      else { continue }
      throw DatasetError(
        path: found.path(index), problem: "holds '\(paths[index])' twice",
        remedy: "pack it anew; of what was added again the last counts for tar")
    }
    let used = Set(labels)
    self.init(
      root: found.root, classNames: classes, labels: order.map { labels[$0] }, paths: sorted,
      emptyClasses: classes.indices.filter { !used.contains(Int32($0)) }.map { classes[$0] },
      ignoredFileCount: found.ignoredCount, hiddenImages: found.hidden, strayImages: [],
      archives: (found, order))
  }

  private static func classes(
    of found: ImageArchives, known: [String]?
  ) throws(DatasetError) -> (names: [String], labels: [Int32], paths: PathTable) {
    if let most = found.numbers.max() {
      return try numbered(found, count: Int(most) + 1, known: known)
    }
    let depth = sharedDepth(found.paths)
    var paths = PathTable()
    var folders: [String] = []
    var isFlat = true
    for index in 0..<found.paths.count {
      let parts = found.paths.bytes(index).split(separator: UInt8(ascii: "/")).dropFirst(depth)
      if parts.count > 1, let folder = parts.first {
        isFlat = false
        folders.append(String(decoding: folder, as: UTF8.self))
      } else {
        folders.append("")
      }
      paths.append(parts.joined(separator: [UInt8(ascii: "/")]))
    }
    if isFlat {
      let stems = found.files.map { ImageArchives.stem($0) }
      let areClasses = known.map { Set(stems).isSubset(of: $0) } ?? (stems.count > 1)
      guard areClasses else { return try mapped(found, paths, known) }
      guard found.ignoredCount < found.paths.count else {
        throw DatasetError(
          path: found.path(0),
          problem: "holds images side by side with files that say more of them, and no .cls",
          remedy: "pack each image's class behind it as a .cls file, the only one that is read")
      }
      folders = found.archives.map { stems[Int($0)] }
      paths = PathTable()
      for index in 0..<found.paths.count {
        paths.append(
          Array(folders[index].utf8) + [UInt8(ascii: "/")]
            + (found.paths.bytes(index).split(separator: UInt8(ascii: "/")).last ?? []))
      }
    }
    var spellings: [String: String] = [:]
    for folder in folders {
      guard let other = spellings[folder] else {
        spellings[folder] = folder
        continue
      }
      guard other.utf8.elementsEqual(folder.utf8) else {
        throw DatasetError(
          path: found.path(0),
          problem:
            "or an archive beside it spells the class '\(folder)' in two ways, by how accents "
            + "are composed", remedy: "give the folders one name")
      }
    }
    let classes =
      known
      ?? spellings.keys.filter { !$0.isEmpty }.sorted {
        $0.utf8.lexicographicallyPrecedes($1.utf8)
      }
    let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int32($0)) })
    var labels: [Int32] = []
    for (index, folder) in folders.enumerated() {
      guard let label = places[folder] else {
        throw DatasetError(
          path: found.path(index),
          problem: folder.isEmpty
            ? "holds '\(found.paths[index])' outside of any class's folder"
            : "holds a class that the training split does not have, '\(folder)'",
          remedy: "pack the same classes in both splits")
      }
      labels.append(label)
    }
    return (classes, labels, paths)
  }

  /// How many folders all paths begin with, as `train/`.
  private static func sharedDepth(_ paths: PathTable) -> Int {
    func folders(_ index: Int) -> [ArraySlice<UInt8>] {
      Array(paths.bytes(index).split(separator: UInt8(ascii: "/")).dropLast())
    }
    var shared = folders(0)
    for index in 1..<max(1, paths.count) where !shared.isEmpty {
      shared = zip(shared, folders(index)).prefix { $0.0 == $0.1 }.map(\.0)
    }
    return shared.count
  }

  /// Samples whose classes are numbers.
  private static func numbered(
    _ found: ImageArchives, count: Int, known: [String]?
  ) throws(DatasetError) -> (names: [String], labels: [Int32], paths: PathTable) {
    let classes = known ?? (0..<count).map(String.init)
    guard count <= classes.count else {
      throw DatasetError(
        path: found.path(0),
        problem: "or an archive beside it has class \(count - 1) where training has "
          + "\(classes.count) classes",
        remedy: "give shards of the same data set for both splits")
    }
    return (classes, found.numbers, pathsByArchive(found))
  }

  /// Paths that begin with the archive's: samples of several shards may have one name.
  private static func pathsByArchive(_ found: ImageArchives) -> PathTable {
    var paths = PathTable()
    for index in 0..<found.paths.count {
      paths.append(
        Array(found.files[Int(found.archives[index])].utf8) + [UInt8(ascii: "/")]
          + found.paths.bytes(index))
    }
    return paths
  }

  /// Images side by side, whose classes are in a file beside the archives.
  private static func mapped(
    _ found: ImageArchives, _ paths: PathTable, _ known: [String]?
  ) throws(DatasetError) -> (names: [String], labels: [Int32], paths: PathTable) {
    guard let known, let map = try ValidationMap.find(root: found.root) else {
      throw DatasetError(
        path: found.path(0), problem: "holds images side by side, without classes",
        remedy: "put a val_map.txt with one 'file class' pair a line beside it, as the archive "
          + "of ImageNet's validation images needs")
    }
    let lookup = map.lookup(classes: known)
    var labels: [Int32] = []
    for index in 0..<paths.count {
      labels.append(
        try lookup((paths[index] as NSString).lastPathComponent, found.path(index)))
    }
    return (known, labels, paths)
  }
}
