import FileSupport
import Foundation
import Geometry
import Reporting
import VisionData

/// Label maps over images: the annotated one, and those that runs predicted, with a legend.
struct SegmentationGallery {
  private let images: RunImages
  private let overlay: SegmentationOverlay?
  /// The images of the data set by their paths.
  private let places: [String: Place]

  /// Where an image's label map lies, and the image's name in its split.
  private struct Place {
    let labels, name: String
  }

  /// Takes the classes of a result, with the colours that the data set gives them.
  init(_ images: RunImages, _ result: RunResult) {
    self.images = images
    var places: [String: Place] = [:]
    let layout = (try? SegmentationLayout.find(images.root)) ?? nil
    for split in SegmentationFolder.Split.allCases {
      guard let layout, let folder = try? SegmentationFolder(layout, split: split) else { continue }
      for index in 0..<folder.count {
        places[folder.relativeImagePath(index)] = Place(
          labels: folder.labelPath(index), name: folder.name(index))
      }
    }
    self.places = places
    let names = result.classes.map(\.name)
    guard let kind = result.data["labels"].flatMap(LabelEncoding.Kind.init),
      (1...LabelEncoding.classLimit).contains(names.count)
    else {
      overlay = nil
      return
    }
    let own = SegmentationClasses(names: names, labels: kind)
    let known =
      layout?.classes ?? (try? SegmentationClasses(path: images.root + "/classes.json"))
    let stored = try? known?.stored(as: kind)
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
    guard let path = images.path(of: index) else {
      return [.missing("\(GalleryError.unlisted(index))")]
    }
    guard let place = places[path] else {
      return [.missing("no label map of \(path) is found in \(images.root)")]
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
        try drawn(
          try overlay.classes.encoding.decode(
            try ImageFile.decodeLabels(path: place.labels), path: place.labels))
      }(index)
    ]
    for run in runs {
      let file = RunImages.predictedMap(of: place.name, in: run.path)
      guard FileManager.default.fileExists(atPath: file) else {
        views.append(.missing("\(run.name) stores no label maps, so none are drawn"))
        continue
      }
      views.append(
        Gallery.view(run.name) { _ in try drawn(try ImageFile.decodeLabels(path: file)) }(index))
    }
    if !shown.isEmpty {
      views.append(
        Gallery.view("classes, parts of all pixels", isLegend: true) { _ in
          overlay.legend(for: shown, width: Gallery.side)
        }(index))
    }
    return views
  }
}
