import Evaluation
import FileSupport
import Foundation
import Reporting
import VisionData

/// ImageNet-C as it is published: `<corruption>/<severity>/<class>/…`, the corruptions in a folder or in
/// those of their kinds (`noise`, `blur`, `weather`, `digital`).
struct CorruptedImages {
  /// One corruption in one strength.
  struct Part {
    let corruption: String
    let severity: Int
    let images: ImageFolder
  }

  /// Every part; all have the same images.
  let parts: [Part]
  /// What bench-data corrupt says of the folder; nil where it is the published one.
  let record: CorruptionRecord?

  /// Finds the parts below a folder; nil where there is no corruption.
  ///
  /// - Throws: `DatasetError` where a strength is missing or holds other images.
  init?(_ root: String) throws(DatasetError) {
    record = try CorruptionRecord(in: root)
    if let record, !record.isComplete {
      throw DatasetError(
        path: root, problem: "holds a part of the images that bench-data corrupt makes",
        remedy: "give it the same command again, which goes on")
    }
    let severities = record?.severities ?? Array(1...CorruptionErrors.severityCount)
    var found: [Part] = []
    for (kind, names) in CorruptionErrors.kinds + [("extra", CorruptionErrors.extra)] {
      for name in names {
        let places = ["\(root)/\(name)", "\(root)/\(kind)/\(name)"]
        guard let place = places.first(where: FileTree.isFolder) else { continue }
        for severity in severities {
          let folder = "\(place)/\(severity)"
          guard FileTree.isFolder(folder) else {
            throw DatasetError(
              path: folder, problem: "does not exist",
              remedy: "unpack all \(severities.count) strengths of \(name), or remove its folder")
          }
          let images = try ImageFolder(root: folder)
          if let first = found.first?.images,
            first.count != images.count || first.classNames != images.classNames
              || !(0..<images.count).allSatisfy({
                first.relativePath($0) == images.relativePath($0)
              })
          {
            throw DatasetError(
              path: folder, problem: "holds other images than \(first.root)",
              remedy: "unpack the same images for every corruption and strength")
          }
          found.append(Part(corruption: name, severity: severity, images: images))
        }
      }
    }
    guard !found.isEmpty else { return nil }
    parts = found
  }

  /// The corruptions that there are.
  var corruptions: [String] {
    parts.filter { $0.severity == parts[0].severity }.map(\.corruption)
  }

  /// How many strengths each has.
  var strengths: Int { parts.count / corruptions.count }

  /// AlexNet's errors, by corruption.
  ///
  /// - Throws: `FileError` when the file of published figures is missing or wrong.
  static func reference() throws(FileError) -> [String: Double] {
    CorruptionErrors.reference(
      try PublishedFigures(path: SuppliedFiles.path("reports/reference/imagenet_c.json")))
  }

  /// Makes sure of that file before the images are seen, where their mCE needs it.
  ///
  /// - Parameters:
  ///   - strengths: How many strengths each corruption has.
  ///   - remedy: What else would do.
  /// - Throws: As `reference`.
  static func requireReference(strengths: Int, or remedy: String = "") throws(FileError) {
    guard strengths == CorruptionErrors.severityCount else { return }
    do {
      _ = try reference()
    } catch {
      guard error.exitCode == .missingFile else { throw error }
      throw FileError(
        path: error.path, problem: "does not exist, and mCE is relative to AlexNet's errors in it",
        remedy: "start the program in the checkout or in a folder with a copy of it" + remedy,
        exitCode: .missingFile)
    }
  }
}
