import Foundation

/// What lies in a folder: every name, or an error that says which one cannot be used.
public enum FileTree {
  /// One name in a folder.
  public struct Entry: Sendable, Equatable {
    /// The name.
    public let name: String
    /// Whether it is a folder, or a link to one.
    public let isFolder: Bool
    /// Whether it is a link that leads nowhere.
    public let isDeadLink: Bool
    /// Whether its name begins with a dot.
    public var isHidden: Bool { name.utf8.first == UInt8(ascii: ".") }
  }

  /// Lists a folder in byte order of the names.
  ///
  /// - Throws: `DatasetError` when it is none, may not be read, or holds a name that is not UTF-8.
  public static func entries(_ path: String) throws(DatasetError) -> [Entry] {
    guard let folder = opendir(path) else { throw unreadable(path, errno) }
    defer { closedir(folder) }
    var entries: [Entry] = []
    while let item = readdir(folder) {
      let kind = Int32(item.pointee.d_type)
      let name = try withUnsafePointer(to: &item.pointee.d_name) {
        (field) throws(DatasetError) -> String in
        let text = UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self)
        guard let name = String(validatingCString: text) else {
          throw DatasetError(
            path: path,
            problem: "holds '\(String(cString: text))', a name that is not UTF-8",
            remedy: "rename it (convmv does whole folders)")
        }
        return name
      }
      guard name != ".", name != ".." else { continue }
      let (isFolder, isDeadLink) =
        switch kind {
        case Int32(DT_DIR): (true, false)
        case Int32(DT_LNK), Int32(DT_UNKNOWN):
          (self.isFolder(path + "/" + name), access(path + "/" + name, F_OK) != 0)
        default: (false, false)
        }
      entries.append(Entry(name: name, isFolder: isFolder, isDeadLink: isDeadLink))
    }
    return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// What lies below a folder, in relative paths.
  public struct Listing: Sendable, Equatable {
    /// All files: those of a folder in byte order, then those of its sub-folders.
    public fileprivate(set) var files: [String] = []
    /// Hidden files, and what lies in hidden folders.
    public fileprivate(set) var hidden: [String] = []
    /// Those of the files that are links which lead nowhere.
    public fileprivate(set) var deadLinks: Set<String> = []
  }

  /// Lists what lies below a folder.
  ///
  /// Links are followed; hidden files and folders are listed apart.
  ///
  /// - Throws: `DatasetError` as `entries` does, and for a link that leads back to a folder above.
  public static func files(below root: String) throws(DatasetError) -> Listing {
    var listing = Listing()
    try walk(root, prefix: "", above: [], &listing)
    return listing
  }

  /// The error for a link that leads nowhere.
  public static func deadLink(_ path: String) -> DatasetError {
    DatasetError(
      path: path, problem: "is a symbolic link that leads nowhere",
      remedy: "mend the link or remove it", exitCode: .missingFile)
  }

  /// What is wrong with a link that could not be followed; nil where no link is at fault.
  ///
  /// - Parameter code: The error of the system call that followed it.
  static func brokenLink(_ path: String, code: Int32) -> (problem: String, remedy: String)? {
    var info = stat()
    guard [ENOENT, ELOOP].contains(code), lstat(path, &info) == 0,
      info.st_mode & S_IFMT == S_IFLNK
    else { return nil }
    guard code == ELOOP else {
      let dead = deadLink(path)
      return (dead.problem, dead.remedy)
    }
    return ("is a symbolic link that leads back to itself", "mend the link or remove it")
  }

  /// The one folder of these names that is there, or nil; links to one folder are that folder.
  ///
  /// - Throws: `DatasetError` where several are: which is meant cannot be known.
  public static func only(_ names: [String], in root: String) throws(DatasetError) -> String? {
    let found = names.filter { isFolder("\(root)/\($0)") }
    let places = Set(
      found.map { URL(fileURLWithPath: "\(root)/\($0)").resolvingSymlinksInPath().path })
    guard places.count < 2 else {
      throw DatasetError(
        path: root, problem: "has both \(found.joined(separator: " and "))",
        remedy: "keep the one that is meant, or name it from elsewhere")
    }
    return found.first
  }

  /// Whether a path is a folder, or a link to one.
  public static func isFolder(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  private struct Identity: Hashable {
    let device: UInt64, node: UInt64
  }

  private static func walk(
    _ root: String, prefix: String, above: Set<Identity>, _ listing: inout Listing
  ) throws(DatasetError) {
    let path = prefix.isEmpty ? root : root + "/" + prefix.dropLast()
    var info = stat()
    guard stat(path, &info) == 0 else { throw unreadable(path, errno) }
    let identity = Identity(device: UInt64(info.st_dev), node: UInt64(info.st_ino))
    guard !above.contains(identity) else {
      throw DatasetError(
        path: lastLink(in: prefix.dropLast(), below: root) ?? path,
        problem: "is a link to a folder above it", remedy: "remove the link")
    }
    let entries = try entries(path)
    for entry in entries where !entry.isFolder {
      if entry.isHidden {
        listing.hidden.append(prefix + entry.name)
      } else {
        listing.files.append(prefix + entry.name)
        if entry.isDeadLink { listing.deadLinks.insert(prefix + entry.name) }
      }
    }
    for entry in entries where entry.isFolder {
      let inside = prefix + entry.name + "/"
      guard entry.isHidden else {
        try walk(root, prefix: inside, above: above.union([identity]), &listing)
        continue
      }
      // Whatever a hidden folder holds, it spoils nothing but its own listing.
      var apart = Listing()
      try? walk(root, prefix: inside, above: above.union([identity]), &apart)
      listing.hidden += apart.files + apart.hidden
    }
  }

  /// The deepest link on the way to what lies below a folder: the folder in which a circle shows
  /// itself may be a plain one behind it.
  private static func lastLink(in path: some StringProtocol, below root: String) -> String? {
    var path = "\(root)/\(path)"
    while path.count > root.count {
      var info = stat()
      if lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFLNK { return path }
      path = RelativePath.folder(of: path)
    }
    return nil
  }

  /// The folder that a file names which was a link before it was copied as text.
  private static func linkText(_ path: String) -> String? {
    var info = stat()
    guard stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size < 4096,
      let bytes = try? FileBytes.read(path)
    else { return nil }
    let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(
      in: .whitespacesAndNewlines)
    let parent = RelativePath.folder(of: path)
    let target = text.hasPrefix("/") || parent.isEmpty ? text : parent + "/" + text
    return !text.isEmpty && isFolder(target) ? text : nil
  }

  private static func unreadable(_ path: String, _ code: Int32) -> DatasetError {
    if let link = brokenLink(path, code: code) {
      return DatasetError(
        path: path, problem: link.problem, remedy: link.remedy, exitCode: .missingFile)
    }
    return switch code {
    case EACCES, EPERM:
      DatasetError(
        path: path, problem: "may not be read by this user", remedy: "change its permissions",
        exitCode: .missingFile)
    case ENOTDIR:
      DatasetError(
        path: path, problem: "is no folder" + (linkText(path).map { ", but names '\($0)'" } ?? ""),
        remedy: linkText(path) == nil
          ? "give a folder" : "it was a symbolic link once; link it again or give that folder")
    case ENOENT:
      DatasetError(
        path: path, problem: "does not exist", remedy: "check the path", exitCode: .missingFile)
    default:
      DatasetError(
        path: path, problem: "could not be read (\(String(cString: strerror(code))))",
        remedy: "check the disk", exitCode: .missingFile)
    }
  }
}
