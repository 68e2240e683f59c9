import CocoFormat
import FileSupport
import Foundation
import Reporting
import VisionData

/// Some images of an annotation file as a file of their own.
enum AnnotationSubset {
  /// Writes the file, named by its contents, and returns its path.
  ///
  /// - Parameter images: Indices of the images.
  /// - Throws: `FileError` when the source cannot be read again or the copy not written.
  static func write(
    _ annotations: CocoAnnotations, images: [Int], in folder: String
  ) throws -> String {
    let source = try FileBytes.read(annotations.path)
    guard let document = JSONValue(parsing: source), case .object(var members) = document else {
      throw FileError(
        path: annotations.path, problem: "could not be read a second time",
        remedy: "check the disk", exitCode: .badData)
    }
    let ids = Set(images.map { annotations.images[$0].id })
    func kept(_ list: String, _ key: String) -> JSONValue {
      .array(
        (members[list]?.arrayValue ?? []).filter { item in
          item[key]?.intValue.map { ids.contains($0) } ?? false
        })
    }
    members["images"] = kept("images", "id")
    members["annotations"] = kept("annotations", "image_id")
    let text = JSONValue.object(members).text()
    let path = "\(folder)/annotations/\(SHA256.digest(text).prefix(16)).json"
    if !FileManager.default.fileExists(atPath: path) { try AtomicFile.write(text: text, to: path) }
    return path
  }
}
