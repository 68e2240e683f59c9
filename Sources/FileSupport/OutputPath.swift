import Foundation

/// Where a user wants something written, held against what is read.
public enum OutputPath {
  /// Makes sure that writing does not replace what was read.
  ///
  /// A new file beside others of a folder that is read is no harm; one of those others is.
  ///
  /// - Parameters:
  ///   - output: The file to write.
  ///   - inputs: Files and folders that are read; those that are not there do not matter.
  /// - Throws: `FileError` where the file is one of them, lies in one or is a folder.
  public static func check(
    _ output: String, against inputs: some Sequence<String>
  ) throws(FileError) {
    guard let place = resolved(output) else { return }
    guard !FileTree.isFolder(place) else { throw .system(output, doing: "write", code: EISDIR) }
    for input in inputs {
      guard let read = resolved(input) else { continue }
      guard place == read || place.hasPrefix(read == "/" ? read : read + "/") else { continue }
      throw FileError(
        path: output,
        problem: "is to be written and is "
          + (place == read ? "read as \(input)" : "there already, in \(input), which is read"),
        remedy: "name another file, so that nothing is lost", exitCode: .cannotWrite)
    }
  }

  /// Makes sure that a folder of results does not lie among what is read: the next run would read it,
  /// too.
  ///
  /// - Parameters:
  ///   - output: The folder, there or not.
  ///   - inputs: Folders that are read with all that lies in them.
  /// - Throws: `FileError` where it is one of them or would lie in one.
  public static func checkFolder(
    _ output: String, outside inputs: some Sequence<String>
  ) throws(FileError) {
    guard let there = resolved(nearest(output)) else { return }
    for input in inputs {
      guard let read = resolved(input), there == read || there.hasPrefix(read + "/") else {
        continue
      }
      throw FileError(
        path: output, problem: "lies in \(input), whose images are read",
        remedy: "write to another folder", exitCode: .cannotWrite)
    }
  }

  /// What is there already on the way to a path: itself, or the nearest folder above it.
  public static func nearest(_ path: String) -> String {
    var place = path
    while resolved(place) == nil, !["", ".", "/"].contains(place) {
      place = RelativePath.folder(of: place)
    }
    return place.isEmpty ? "." : place
  }

  /// Makes sure that files can be written, all of them before the first is.
  ///
  /// - Throws: `FileError` where a folder has a file's name, or a file a folder's.
  public static func checkFiles(_ outputs: some Sequence<String>) throws(FileError) {
    for output in outputs {
      let place = nearest(output)
      let isThere = RelativePath.plain(place) == RelativePath.plain(output)
      guard FileTree.isFolder(place) == isThere else { continue }
      throw FileError(
        path: place,
        problem: isThere
          ? "is a folder where a file is to be written" : "is a file where a folder is needed",
        remedy: "move it away or choose another place", exitCode: .cannotWrite)
    }
  }

  /// Makes sure that several things are not written to one file.
  ///
  /// - Throws: `FileError` that names the file.
  public static func checkDistinct(_ outputs: [String]) throws(FileError) {
    var seen: Set<String> = []
    for output in outputs where !seen.insert(RelativePath.plain(output)).inserted {
      throw FileError(
        path: output, problem: "is named for two things to write", remedy: "name another file",
        exitCode: .usage)
    }
  }

  /// The path without links, of what is there.
  private static func resolved(_ path: String) -> String? {
    guard let name = realpath(path, nil) else { return nil }
    defer { free(name) }
    return String(cString: name)
  }
}
