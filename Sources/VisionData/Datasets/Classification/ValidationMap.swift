import FileSupport
import Foundation

/// A `val_map.txt`: the class of every image of a split that has no class folders.
///
/// A line is a file and its class, parted by the last tab, comma or space, so that file names may
/// hold spaces. Classes are names; where every one is a whole number below the number of classes
/// and no class is called so, they are indices, as in the Swin authors' own file.
struct ValidationMap {
  private let path: String
  private let classes: [String: String]

  /// Reads the map in a folder or the one above; nil where there is none.
  ///
  /// - Throws: `DatasetError` for a line that is no pair, and for a file with two classes.
  static func find(root: String) throws(DatasetError) -> ValidationMap? {
    let parent = (root as NSString).deletingLastPathComponent
    for path in [root + "/val_map.txt", parent + "/val_map.txt"]
    where FileManager.default.fileExists(atPath: path) {
      return try ValidationMap(path: path)
    }
    return nil
  }

  private init(path: String) throws(DatasetError) {
    self.path = path
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try FileBytes.readText(path)
    } catch {
      throw DatasetError(path: path, problem: error.problem, remedy: error.remedy)
    }
    let text = String(decoding: bytes, as: UTF8.self)
    var classes: [String: String] = [:]
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .enumerated()
    {
      let line = line.trimmingCharacters(in: .whitespaces)
      if line.isEmpty { continue }
      guard let split = Self.split(line) else {
        throw DatasetError(
          path: path, problem: "line \(number + 1) is not 'file class'",
          remedy: "write one file name and one class name a line")
      }
      if let other = classes.updateValue(split.label, forKey: split.file), other != split.label {
        throw DatasetError(
          path: path,
          problem: "line \(number + 1) gives '\(split.file)' the class '\(split.label)', an "
            + "earlier one '\(other)'", remedy: "keep one of them")
      }
    }
    self.classes = classes
  }

  private static func split(_ line: String) -> (file: String, label: String)? {
    for separators in ["\t", ",", " "] {
      guard let at = line.lastIndex(where: { separators.contains($0) }) else { continue }
      let file = line[..<at].trimmingCharacters(in: .whitespaces)
      let label = line[line.index(after: at)...].trimmingCharacters(in: .whitespaces)
      guard !file.isEmpty, !label.isEmpty else { return nil }
      return ((file as NSString).lastPathComponent, label)
    }
    return nil
  }

  /// A function that gives the class index of a file.
  ///
  /// It throws `DatasetError` for a file without a line, and for a class that is not known.
  func lookup(classes known: [String]) -> (_ file: String, _ root: String) throws(DatasetError)
    -> Int32
  {
    let index = Dictionary(known.enumerated().map { ($1, Int32($0)) }) { first, _ in first }
    let areIndices = classes.values.allSatisfy { label in
      Int(label).map { known.indices.contains($0) && index[label] == nil } ?? false
    }
    return { (file, root) throws(DatasetError) -> Int32 in
      guard let label = classes[file] else {
        throw DatasetError(
          path: root + "/" + file, problem: "has no line in val_map.txt",
          remedy: "add its class there or remove the file")
      }
      guard let found = areIndices ? Int32(label) : index[label] else {
        throw DatasetError(
          path: root + "/" + file, problem: "has class '\(label)', which the training split lacks",
          remedy: "correct \(path)")
      }
      return found
    }
  }
}
