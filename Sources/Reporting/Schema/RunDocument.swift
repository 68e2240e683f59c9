import FileSupport
import Foundation

/// A JSON file of a run that is no part of its result: it adds to a report, and carries no digest.
enum RunDocument {
  /// The document, or nil where the run has none.
  ///
  /// - Throws: `FileError` for one that is damaged.
  static func read(_ name: String, in folder: String) throws(FileError) -> JSONValue? {
    let path = folder + "/" + name
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try JSONValue(FileBytes.read(path), of: path, remedy: remedy)
  }

  /// The error for a document of another form.
  static func fault(_ name: String, in folder: String, _ problem: String) -> FileError {
    FileError(path: folder + "/" + name, problem: problem, remedy: remedy, exitCode: .badData)
  }

  private static let remedy = "run the benchmark again, with --restart"
}
