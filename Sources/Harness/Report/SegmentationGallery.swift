import FileSupport
import Foundation
import Geometry
import Reporting
import VisionData

/// Label maps over images: the annotated one, and those that runs predicted, with a legend.
struct SegmentationGallery {
  private let images: RunImages
  private let overlay: SegmentationOverlay?

  /// Takes the classes of a result, with the colours that the data set gives them.
  init(_ images: RunImages, _ result: RunResult) {
    self.images = images
    let names = result.classes.map(\.name)
    guard let kind = result.data["labels"].flatMap(LabelEncoding.Kind.init),
      (1...LabelEncoding.classLimit).contains(names.count)
    else {
      overlay = nil
      return
    }
    let own = SegmentationClasses(names: names, labels: kind)
    let stored = try? SegmentationClasses(path: images.root + "/classes.json").stored(as: kind)
    overlay = SegmentationOverlay(classes: stored?.names == names ? stored ?? own : own)
  }

  /// What is annotated and what each run predicted, for images by their positions.
  func views(of indices: [Int], by runs: [StoredRun]) -> [Int: [GalleryView]] {
    var views: [Int: [GalleryView]] = [:]
    for index in indices { views[index] = self.views(of: index, by: runs) }
    return views
  }

  private func views(of index: Int, by runs: [StoredRun]) -> [GalleryView] {
    guard let overlay else {
      return [.missing("the run does not say how its label maps store classes")]
    }
    guard let path = images.path(of: index), let place = Place(path) else {
      return [.missing("\(GalleryError.unlisted(index))")]
    }
    var shown: [LabelMap] = []
    func drawn(_ labels: LabelMap) throws -> RGBImage {
      let image = try ImageFile.decode(
        path: images.root + "/" + path, for: (labels.width, labels.height))
      guard image.width == labels.width, image.height == labels.height else {
        throw GalleryError.notStored("the image has another size than its label map.")
      }
      let small = image.fitted
      shown.append(labels)
      return overlay.mixed(
        small, labels.nearestResized(width: small.width, height: small.height))
    }
    var views = [
      Gallery.view("annotated") { _ in
        let file = images.root + "/" + place.labels
        return try drawn(
          try overlay.classes.encoding.decode(try ImageFile.decodeLabels(path: file), path: file))
      }(index)
    ]
    for run in runs {
      let file = SegmentorInference.mapPath(place.name, in: run.path)
      guard FileManager.default.fileExists(atPath: file) else {
        views.append(.missing("\(run.name) stores no label maps, so none are drawn"))
        continue
      }
      views.append(
        Gallery.view(run.name) { _ in try drawn(try ImageFile.decodeLabels(path: file)) }(index))
    }
    if !shown.isEmpty {
      views.append(
        Gallery.view("classes, parts of all pixels") { _ in
          overlay.legend(for: shown, width: Gallery.side)
        }(index))
    }
    return views
  }

  /// Where the parts of an image lie: `images/validation/a/b.jpg`.
  private struct Place {
    /// The label map's path, and the name without folder and extension.
    let labels, name: String

    init?(_ image: String) {
      let parts = image.split(separator: "/").map(String.init)
      guard parts.count > 2, parts[0] == "images" else { return nil }
      name = (parts.dropFirst(2).joined(separator: "/") as NSString).deletingPathExtension
      labels = "annotations/\(parts[1])/\(name).png"
    }
  }
}
