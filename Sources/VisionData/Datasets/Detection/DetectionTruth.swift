import CocoFormat
import FileSupport

/// The annotations of a split, whatever format they are in, without its images.
public struct DetectionTruth: Sendable {
  /// The annotations.
  public let annotations: CocoAnnotations
  /// The files of other formats that they were read from, below their folder.
  private let markup: (folder: String, files: [String])?

  /// Reads the annotations of a split.
  ///
  /// - Throws: `FileError` or `DatasetError` when a file is missing or no annotations.
  public init(_ part: DetectionLayout.Part) throws {
    if let folder = part.markup {
      let read = try VOCAnnotations(part, markup: folder).read()
      (annotations, markup) = (read.annotations, (folder, read.files))
    } else {
      (annotations, markup) = (try CocoAnnotations(path: part.annotations), nil)
    }
  }

  /// Takes annotations that are in memory.
  init(_ annotations: CocoAnnotations) { (self.annotations, markup) = (annotations, nil) }

  /// The names of the classes, by ascending id.
  public var classNames: [String] {
    annotations.categoriesByLabel.map { annotations.categories[$0].name }
  }

  /// A hash of the files that the annotations were read from.
  ///
  /// - Throws: `FileError` for one that cannot be read any more.
  public func hash(_ digests: FileDigests = FileDigests(folder: nil)) throws(FileError) -> String {
    guard let markup else { return try SHA256.digest(file: annotations.path) }
    var hash = SHA256()
    hash.update("classes\t\(classNames.joined(separator: "\t"))\n")
    for (file, digest) in zip(markup.files, digests.digests(of: markup.files, in: markup.folder)) {
      hash.update("\(file)\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }
}
