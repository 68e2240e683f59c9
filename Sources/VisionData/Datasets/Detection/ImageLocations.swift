import CocoFormat
import FileSupport
import Foundation

/// Where the images that annotations name lie.
///
/// Names are those of the machine that wrote them: with other slashes, with folders that are not
/// there, or with accents composed in another way.
struct ImageLocations: Sendable {
  /// The folder that most of them are in.
  let folder: String
  /// Names below the folder that differ from those in the annotations, by image.
  private let others: [Int: String]
  private let images: [CocoImage]

  /// How many names tell which folder it is.
  private static let probes = 64

  /// Looks for images.
  ///
  /// - Parameters:
  ///   - used: Indices of those that are needed.
  ///   - folders: Where they may be, the likeliest first.
  /// - Throws: `DatasetError` for two images that would be one file.
  init(
    of images: [CocoImage], used: [Int], in folders: [String], from path: String
  ) throws(DatasetError) {
    self.images = images
    let folder = Self.likeliest(folders, images, used)
    self.folder = folder
    let missing = used.filter { !Self.isThere(images[$0].fileName, in: folder) }
    var others: [Int: String] = [:]
    var owners: [String: Int] = [:]
    var composed: [String: String]?
    let taken = Set(missing.isEmpty ? [] : used.map { images[$0].fileName })
    for image in missing where !images[image].fileName.isEmpty {
      let name = images[image].fileName
      var found = Self.spellings(name).first { Self.isThere($0, in: folder) }
      if found == nil, name.utf8.contains(where: { $0 >= 0x80 }) {
        // Texts are equal whichever way their accents are composed.
        let known = composed ?? Self.names(below: folder)
        composed = known
        found = known[name]
      }
      // What another record names is that one's image.
      guard let found, found == name || !taken.contains(found) else { continue }
      if let other = owners.updateValue(image, forKey: found) {
        throw DatasetError(
          path: path,
          problem: "names '\(images[other].fileName)' and '\(name)', which would both be "
            + "\(folder)/\(found)",
          remedy: "give each image its file")
      }
      others[image] = found
    }
    self.others = others
  }

  /// The path of an image below the folder.
  func relativePath(_ image: Int) -> String {
    let name = images[image].fileName
    return others[image]
      ?? (RelativePath.staysInside(name) || name.isEmpty
        ? name : (name as NSString).lastPathComponent)
  }

  private static func likeliest(
    _ folders: [String], _ images: [CocoImage], _ used: [Int]
  ) -> String {
    guard folders.count > 1, !used.isEmpty else { return folders.first ?? "." }
    let names = evenPlaces(probes, of: used.count).map { images[used[$0]].fileName }
    // By any spelling of the names; of equal ones that which needs no other spelling.
    let hits = folders.map { folder in
      (
        all: names.count { name in spellings(name).contains { isThere($0, in: folder) } },
        whole: names.count { isThere($0, in: folder) }
      )
    }
    if let most = hits.max(by: { ($0.all, $0.whole) < ($1.all, $1.whole) }), most.all > 0,
      let best = hits.firstIndex(where: { $0 == most })
    {
      return folders[best]
    }
    return folders.first(where: FileTree.isFolder) ?? folders[0]
  }

  /// A name with the slashes of this system, and without its folders.
  private static func spellings(_ name: String) -> [String] {
    let plain = name.replacing("\\", with: "/")
    return [plain, (plain as NSString).lastPathComponent]
  }

  private static func isThere(_ name: String, in folder: String) -> Bool {
    RelativePath.staysInside(name) && access("\(folder)/\(name)", F_OK) == 0
  }

  private static func names(below folder: String) -> [String: String] {
    guard let files = try? FileTree.files(below: folder).files else { return [:] }
    return Dictionary(files.map { ($0, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
