import FileSupport
import Foundation
import Reporting
import VisionData

/// Pictures for a report's gallery.
enum GalleryPicture {
  /// Side of a picture, in pixels.
  static let size = 96

  /// An image of a run as PNG: what the run drew of it, else the image itself made small.
  ///
  /// - Returns: nil when neither is at hand, as on another machine than the run's.
  static func png(of index: Int, in run: StoredRun) -> [UInt8]? {
    if let drawn = try? FileBytes.read("\(run.path)/gallery/\(index).png") { return drawn }
    guard let images = RunImages(folder: run.path), let path = images.path(of: index),
      let image = try? ImageFile.decode(path: images.root + "/" + path)
    else { return nil }
    let side = min(size, min(image.width, image.height))
    return try? ImageFile.png(
      image.resized(shorterSide: side, filter: .bicubic).centerCropped(side))
  }
}
