import FileSupport
import Foundation
import Reporting
import VisionData

/// Pictures for a report's gallery: images with what is true, and what a row and its baseline said.
///
/// Everything is drawn from what runs stored and from the data set where they left it; what is not
/// there is named instead.
final class Gallery {
  /// The longer side of a picture, in pixels; smaller ones stay as they are.
  static let side = 320

  private var detections: [String: DetectionGallery] = [:]
  private var classified: [String: ClassificationGallery] = [:]

  /// Pictures of images by their positions in the data set.
  func pictures(_ row: StoredRun, _ base: StoredRun, _ images: [Int]) -> [GalleryPictures] {
    let lists = [row, base].compactMap { RunImages(folder: $0.path) }
    guard let listed = lists.first(where: { !$0.root.isEmpty }) else {
      return images.map { _ in
        GalleryPictures(missing: ["\(row.name) does not say where its images lie"])
      }
    }
    let views: [Int: [GalleryView]]
    switch row.result.task {
    case TaskDescription.coco.name:
      let known = detections[listed.root] ?? DetectionGallery(listed)
      detections[listed.root] = known
      views = known.views(of: images, by: [base, row])
    case TaskDescription.ade20k.name:
      views = SegmentationGallery(listed, row.result).views(of: images, by: [base, row])
    default: views = classification(of: listed, row.result).views(of: images, listed)
    }
    return images.map { index in
      // A run may bring a picture of its own, whatever the task.
      let own = [base, row].compactMap { run -> GalleryView? in
        let file = "\(run.path)/gallery/\(index).png"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        do {
          // A browser shows nothing of a damaged picture, and says nothing.
          _ = try ImageFile.decode(path: file)
          let bytes = try FileBytes.read(file)
          return .picture(.init(caption: run.name, bytes: bytes, mediaType: "image/png"))
        } catch {
          return .missing("\(run.name): \(error)")
        }
      }
      return Self.gathered(own.isEmpty ? views[index] ?? [] : own)
    }
  }

  /// Pictures that a run brings by itself: where its network looks.
  func pictures(_ run: StoredRun) -> [RunPictures] {
    AttentionGallery.pictures(of: run) { [self] listed, index in
      try classification(of: listed, run.result).image(listed, index)
    }
  }

  private func classification(
    of listed: RunImages, _ result: RunResult
  ) -> ClassificationGallery {
    if let known = classified[listed.root] { return known }
    let made = ClassificationGallery(listed, result)
    classified[listed.root] = made
    return made
  }

  private static func gathered(_ views: [GalleryView]) -> GalleryPictures {
    var gathered = GalleryPictures()
    for view in views {
      switch view {
      case .picture(let picture): gathered.pictures.append(picture)
      case .missing(let reason): gathered.missing.append(reason)
      }
    }
    return gathered
  }

  /// A view of an image that may turn out not to be at hand.
  static func view(
    _ caption: String, isLegend: Bool = false, _ draw: @escaping (Int) throws -> RGBImage
  ) -> (Int) -> GalleryView {
    { index in
      do {
        return .picture(
          try .init(caption: caption, photograph: draw(index), isLegend: isLegend))
      } catch {
        return .missing("\(caption): \(error)")
      }
    }
  }
}

extension GalleryPictures.Picture {
  /// A picture that is kept as JPEG.
  init(caption: String, photograph image: RGBImage, isLegend: Bool = false) throws {
    self.init(
      caption: caption, bytes: try ImageFile.jpeg(image, quality: 85, subsamplesColor: false),
      mediaType: "image/jpeg", isLegend: isLegend)
  }
}

/// What a gallery shows of an image at one place: a picture, or why there is none.
enum GalleryView {
  case picture(GalleryPictures.Picture)
  case missing(String)
}

/// Why there is no picture.
enum GalleryError: Error, CustomStringConvertible {
  case unlisted(Int)
  case notStored(String)

  var description: String {
    switch self {
    case .unlisted(let index): "the run lists no image \(index), or one outside of its folder."
    case .notStored(let what): what
    }
  }
}

extension RGBImage {
  /// The image, made smaller where it is larger than a gallery shows.
  var fitted: RGBImage {
    let (width, height) = fittedSize
    return width == self.width ? self : resized(width: width, height: height, filter: .bicubic)
  }

  /// The size of that.
  private var fittedSize: (width: Int, height: Int) {
    let scale = min(1, Double(Gallery.side) / Double(max(width, height)))
    return (max(1, Int(Double(width) * scale)), max(1, Int(Double(height) * scale)))
  }
}
