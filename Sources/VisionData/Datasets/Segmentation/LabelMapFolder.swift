import FileSupport
import Foundation

/// Label maps in a folder, by their names without extension.
public struct LabelMapFolder: Sendable {
  /// The folder itself.
  public let root: String
  /// Names in byte order.
  public let names: [String]
  private let files: [String: String]

  /// Lists a folder.
  ///
  /// - Throws: `DatasetError` when it does not exist or holds no PNG.
  public init(_ path: String) throws(DatasetError) {
    root = path
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
}
