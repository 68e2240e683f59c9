import FileSupport
import Reporting
import VisionData

/// The images that runs classified: files below a folder, or in the tar archives that lie there.
final class ClassificationGallery {
  /// The images in archives by their paths; nil where images are files.
  private let archived: Result<(folder: ImageFolder, places: [String: Int]), DatasetError>?

  /// Lists the archives beside which the images of a run lie.
  init(_ images: RunImages, _ result: RunResult) {
    let names = result.classes.map(\.name)
    do throws(DatasetError) {
      guard let part = ClassificationLayout.archives(ofImages: images.root) else {
        archived = nil
        return
      }
      let folder = try ImageFolder(part, classNames: names.isEmpty ? nil : names)
      var places: [String: Int] = [:]
      for index in 0..<folder.count { places[folder.relativePath(index)] = index }
      archived = .success((folder, places))
    } catch {
      archived = .failure(error)
    }
  }

  /// The images at positions of a run's list.
  func views(of indices: [Int], _ images: RunImages) -> [Int: [GalleryView]] {
    Dictionary(
      indices.map { ($0, [Gallery.view("the image") { try self.image(images, $0).fitted }($0)]) },
      uniquingKeysWith: { first, _ in first })
  }

  /// One of them.
  ///
  /// - Throws: Why it is not at hand.
  func image(_ images: RunImages, _ index: Int) throws -> RGBImage {
    guard let path = images.path(of: index) else { throw GalleryError.unlisted(index) }
    guard let (folder, places) = try archived?.get() else {
      return try ImageFile.decode(path: images.root + "/" + path)
    }
    guard let place = places[path] else {
      throw GalleryError.notStored("no \(path) is found in the archives of \(images.root)")
    }
    return try folder.image(place)
  }
}
