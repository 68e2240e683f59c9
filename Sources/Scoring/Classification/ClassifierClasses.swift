import FileSupport
import Foundation
import VisionData

/// The classes of a classifier in the order of its numbers, as `--class-map` gives them.
package enum ClassifierClasses {
  /// The lines of a file, or the strings of a JSON list.
  ///
  /// - Throws: `FileError` for what cannot be read, `DatasetError` for what is no such list.
  package static func read(_ path: String) throws -> [String] {
    let bytes = try FileBytes.readText(path, readsPipes: true)
    let names: [String]
    func fault(_ problem: String) -> DatasetError {
      DatasetError(
        path: path, problem: problem,
        remedy: "give the classifier's classes in the order of its numbers, a line each")
    }
    let isJSON = bytes.first { $0 > 32 }.map { "[{".utf8.contains($0) } ?? false
    let json = isJSON ? try JSONValue(bytes, of: path, remedy: "correct the file") : nil
    switch json {
    case .array(let list):
      names = list.compactMap(\.stringValue)
      guard names.count == list.count else { throw fault("is a list with items that are no text") }
    case .object: throw fault("is a JSON object, which has no order")
    default:
      // An empty line would move all classes behind it; at the end it is none.
      var lines = String(decoding: bytes, as: UTF8.self)
        .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      while lines.last == "" { lines.removeLast() }
      if let empty = lines.firstIndex(of: "") { throw fault("has no class in line \(empty + 1)") }
      names = lines
    }
    guard !names.isEmpty, Set(names).count == names.count else {
      throw fault(names.isEmpty ? "names no class" : "names a class twice")
    }
    return names
  }
}
