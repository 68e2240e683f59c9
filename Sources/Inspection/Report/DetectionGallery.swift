import CocoFormat
import FileSupport
import Foundation
import Geometry
import Models
import Reporting
import VisionData

/// Boxes and masks over images: the annotated ones, and those that runs found.
final class DetectionGallery {
  /// Detections below this score are drawn only where there is no other.
  private static let leastScore = 0.3
  /// How many are drawn: the best of all below that score, and at most of those above.
  private static let (fewest, most) = (3, RunImages.drawnDetections)

  private let images: RunImages
  private let truth: CocoAnnotations?
  private let fault: String?

  /// Reads the annotations beside the images.
  init(_ images: RunImages) {
    self.images = images
    guard let part = DetectionLayout.part(ofImages: images.root) else {
      (truth, fault) = (nil, "no annotations of the images in \(images.root) are found beside them")
      return
    }
    do {
      (truth, fault) = (try DetectionDataset(part, use: .testing).annotations, nil)
    } catch {
      (truth, fault) = (nil, "\(error)")
    }
  }

  /// What is annotated and what each run found, for images by their ids.
  func views(of ids: [Int], by runs: [StoredRun]) -> [Int: [GalleryView]] {
    guard let truth else { return each(ids, [.missing(fault ?? "no annotations")]) }
    let labels = truth.labelsOfCategories
    let found = runs.map { DetectionsOfRun($0, images: Set(ids), truth: truth, labels: labels) }
    var views: [Int: [GalleryView]] = [:]
    for id in ids {
      guard let index = truth.imageIndex(id: id), let path = images.path(of: id) else {
        views[id] = [.missing("\(GalleryError.unlisted(id))")]
        continue
      }
      let size = (width: truth.images[index].width, height: truth.images[index].height)
      func drawn(_ items: [DetectionOverlay.Item]) throws -> RGBImage {
        let file = images.root + "/" + path
        let image = try ImageFile.decode(path: file, for: size).fitted
        return DetectionOverlay().image(
          image,
          items: items.map { $0.resized(from: size, to: (image.width, image.height)) })
      }
      let objects = annotated(index, truth, labels)
      views[id] = [
        Gallery.view("annotated: \(objects.count)") { _ in try drawn(objects) }(id)
      ]
      for (run, said) in zip(runs, found) {
        switch said.found(index) {
        case .success(let all):
          let (items, words) = Self.shown(all)
          views[id]?.append(Gallery.view("\(run.name): \(words)") { _ in try drawn(items) }(id))
        case .failure(let reason): views[id]?.append(.missing("\(run.name) \(reason)"))
        }
      }
    }
    return views
  }

  private func each(_ ids: [Int], _ views: [GalleryView]) -> [Int: [GalleryView]] {
    Dictionary(ids.map { ($0, views) }, uniquingKeysWith: { first, _ in first })
  }

  private func annotated(
    _ image: Int, _ truth: CocoAnnotations, _ labels: [Int]
  ) -> [DetectionOverlay.Item] {
    truth.annotationIndices(ofImage: image).map { at in
      let object = truth.annotations[Int(at)]
      return DetectionOverlay.Item(
        box: CornerBox(object.box),
        mask: ((try? truth.mask(of: Int(at))) ?? nil).map { LabelMap($0) },
        caption: truth.categories[object.category].name + (object.isCrowd ? " (crowd)" : ""),
        label: labels[object.category])
    }
  }

  /// The detections that are drawn, the best on top, and how they were chosen.
  private static func shown(
    _ all: [DetectionsOfRun.Found]
  ) -> (items: [DetectionOverlay.Item], words: String) {
    let sorted = all.enumerated().sorted {
      ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
    }.map(\.element)
    let sure = sorted.prefix { $0.score >= leastScore }
    let score = String(format: "%.1f", leastScore)
    let chosen = sure.isEmpty ? sorted.prefix(fewest) : sure.prefix(most)
    let words =
      all.isEmpty
      ? "nothing found"
      : sure.isEmpty
        ? "the best \(chosen.count), none reaches score \(score)"
        : sure.count >= most
          ? "the best \(most) from score \(score) on" : "\(sure.count) from score \(score) on"
    return (chosen.reversed().map(\.item), words)
  }
}
