import FileSupport
import Foundation

/// Label maps in a folder, by their names without extension.
public struct LabelMapFolder: Sendable {
  /// The folder itself.
  public let root: String
  /// Names in byte order.
  public let names: [String]
  private let files: [String: String]

  /// Lists a folder, or the validation maps of a data set's folder.
  ///
  /// - Throws: `DatasetError` when it does not exist or holds no PNG.
  public init(_ path: String) throws(DatasetError) {
    let choices = ["annotations/validation", "annotations/val"].map { path + "/" + $0 }
    root = choices.first { FileManager.default.fileExists(atPath: $0) } ?? path
    var files: [String: String] = [:]
    let listing = try FileTree.files(below: root)
    for file in listing.deadLinks.sorted() { throw FileTree.deadLink("\(root)/\(file)") }
    if let hidden = listing.hidden.first(where: Self.isVisibleName) {
      throw DatasetError(
        path: "\(root)/\(hidden)", problem: "is hidden or in a hidden folder",
        remedy: "rename or remove it; every PNG here is scored")
    }
    for file in listing.files
    where (file as NSString).pathExtension.lowercased() == "png" {
      if let other = files.updateValue(file, forKey: (file as NSString).deletingPathExtension) {
        throw DatasetError(
          path: "\(root)/\(file)", problem: "has the same name as \(other)",
          remedy: "remove one of them: an image has one label map")
      }
    }
    guard !files.isEmpty else {
      throw DatasetError(
        path: root, problem: "holds no PNG", remedy: "give the folder of the label maps")
    }
    self.files = files
    names = files.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Whether a hidden path is that of a PNG that somebody meant; macOS writes others (`._1.png`).
  private static func isVisibleName(_ path: String) -> Bool {
    let name = path as NSString
    return name.pathExtension.lowercased() == "png" && !name.lastPathComponent.hasPrefix("._")
  }

  /// The path of a map, or nil.
  public func path(_ name: String) -> String? { files[name].map { root + "/" + $0 } }

  /// The validation split that these maps are the labels of; nil where they are no part of one.
  public var dataset: SegmentationFolder? {
    let top = RelativePath.folder(of: root)
    guard
      let folder = try? SegmentationFolder(
        root: RelativePath.folder(of: top), split: .validation),
      (0..<folder.count).map({ folder.name($0) }) == names
    else { return nil }
    return folder
  }

  /// A hash of every map's name and size in bytes.
  public func manifestHash() -> String {
    var hash = SHA256()
    for name in names {
      var info = stat()
      let size = path(name).map { stat($0, &info) == 0 ? Int(info.st_size) : -1 } ?? -1
      hash.update("\(name)\t\(size)\n")
    }
    return hash.finish()
  }

  /// The class table that belongs to maps here: named, or beside the data set they are part of.
  ///
  /// - Throws: `DatasetError` when there is none, or it cannot be read.
  public func classes(
    _ choice: String, labels: LabelEncoding.Kind?
  ) throws(DatasetError) -> SegmentationClasses {
    let url = URL(fileURLWithPath: root)
    let dataset = url.deletingLastPathComponent().deletingLastPathComponent()
    let table = try SegmentationClasses.find(choice, roots: [root, dataset.path])
    return if let labels { try table.stored(as: labels) } else { table }
  }
}
