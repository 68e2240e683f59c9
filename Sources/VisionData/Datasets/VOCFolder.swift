import FileSupport
import Foundation

/// The folders of PASCAL VOC's development kit: `JPEGImages` with `Annotations` or
/// `SegmentationClass` beside it, and lists of names under `ImageSets`.
enum VOCFolder {
  /// The folder that holds the images of one year: the given one, or one a level or two below.
  ///
  /// - Throws: `DatasetError` where there are several years.
  static func find(_ root: String) throws(DatasetError) -> String? {
    if FileTree.isFolder(root + "/JPEGImages") { return root }
    for kit in [root, root + "/VOCdevkit"] where FileTree.isFolder(kit) {
      let years = try FileTree.entries(kit).filter {
        $0.isFolder && $0.name.hasPrefix("VOC") && FileTree.isFolder("\(kit)/\($0.name)/JPEGImages")
      }
      guard let first = years.first else { continue }
      guard years.count == 1 else {
        throw DatasetError(
          path: kit, problem: "holds \(years.map(\.name).joined(separator: " and "))",
          remedy: "give the folder of one of them, such as \(kit)/\(first.name)")
      }
      return "\(kit)/\(first.name)"
    }
    return nil
  }

  /// The first of some lists that is there.
  static func list(_ names: [String], of task: String, in base: String) -> String? {
    names.map { "\(base)/ImageSets/\(task)/\($0).txt" }.first { access($0, F_OK) == 0 }
  }

  /// The names in a list: the first word of each line.
  ///
  /// - Throws: `DatasetError` for a list that cannot be read, is empty, or repeats a name.
  static func names(_ list: String) throws(DatasetError) -> [String] {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try FileBytes.readText(list)
    } catch {
      throw DatasetError(
        path: list, problem: error.problem, remedy: error.remedy, exitCode: error.exitCode)
    }
    let names = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .compactMap { $0.split(whereSeparator: \.isWhitespace).first.map(String.init) }
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted {
      throw DatasetError(
        path: list, problem: "names '\(name)' twice", remedy: "remove one of the lines")
    }
    for name in names where !RelativePath.staysInside(name) {
      throw DatasetError(
        path: list, problem: "names '\(name)', which leads out of the data set",
        remedy: "write names of images without their folder")
    }
    guard !names.isEmpty else {
      throw DatasetError(path: list, problem: "names no image", remedy: "write one name a line")
    }
    return names
  }
}
