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
      throw Self.noMaps(root, listing.files)
    }
    self.files = files
    names = files.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The error for a folder without a PNG, which says what it holds.
  private static func noMaps(_ root: String, _ files: [String]) -> DatasetError {
    let kinds = Dictionary(grouping: files) { ($0 as NSString).pathExtension.lowercased() }
    let most = kinds.filter { !$0.key.isEmpty }.max {
      ($0.value.count, $1.key) < ($1.value.count, $0.key)
    }
    guard let (kind, same) = most, let first = same.min() else {
      return DatasetError(
        path: root, problem: "holds no PNG", remedy: "give the folder of the label maps")
    }
    return DatasetError(
      path: root,
      problem: "holds no PNG, but \(same.count) .\(kind) "
        + (same.count == 1 ? "file" : "files") + " (\(first))",
      remedy: "label maps are 8-bit gray PNG"
        + (["jpg", "jpeg"].contains(kind)
          ? "; write them anew, since JPEG changes their values"
          : "; convert them if these are ones")
        + ", or give their folder")
  }

  /// Whether a hidden path is that of a PNG that somebody meant; macOS writes others (`._1.png`).
  private static func isVisibleName(_ path: String) -> Bool {
    let name = path as NSString
    return name.pathExtension.lowercased() == "png" && !name.lastPathComponent.hasPrefix("._")
  }

  /// The path of a map, or nil.
  public func path(_ name: String) -> String? { files[name].map { root + "/" + $0 } }
}
