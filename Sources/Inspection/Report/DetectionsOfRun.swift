import CocoFormat
import FileSupport
import Foundation
import Geometry
import Models
import Reporting
import VisionData

/// What a run stores of the detections of some images: its own lines, or of predictions made elsewhere
/// the best of each image.
struct DetectionsOfRun {
  /// A detection as it is drawn, and how sure it is.
  typealias Found = (item: DetectionOverlay.Item, score: Double)

  /// Why nothing of an image can be drawn, as the end of a sentence that begins with the run.
  enum Missing: Error, CustomStringConvertible {
    case notStored, otherSize

    var description: String {
      switch self {
      case .notStored: "stores no detections, so none are drawn"
      case .otherSize: "stores masks of another size than the image"
      }
    }
  }

  private let truth: CocoAnnotations
  private let names: [String]
  private let labels: [Int]
  private let lines: [Int: JSONValue]
  private let results: CocoDetections?

  /// Reads what a run stores of images by their ids.
  ///
  /// - Parameter labels: The label of each category.
  init(_ run: StoredRun, images: Set<Int>, truth: CocoAnnotations, labels: [Int]) {
    self.truth = truth
    self.labels = labels
    names = truth.categoriesByLabel.map { truth.categories[$0].name }
    let path = run.path + "/" + RunImages.detections
    lines = (try? Detection.rows(path, ofImages: images)) ?? [:]
    let best = RunImages.bestDetections(in: run.path)
    results =
      lines.isEmpty && FileManager.default.fileExists(atPath: best)
      ? try? CocoDetections(path: best, groundTruth: truth) : nil
  }

  /// The detections of an image by its index in the annotations.
  func found(_ image: Int) -> Result<[Found], Missing> {
    let entry = truth.images[image]
    let found: [Found]
    if let line = lines[entry.id] {
      guard let all = Detection.detections(line, classCount: names.count) else {
        return .failure(.notStored)
      }
      found = all.map { (DetectionOverlay.Item($0, names: names), Double($0.score)) }
    } else if let results {
      found = results.indices(ofImage: image).map { item(Int($0), results, entry) }
    } else {
      return .failure(.notStored)
    }
    let isOfImage = found.allSatisfy {
      $0.item.mask.map { $0.width == entry.width && $0.height == entry.height } ?? true
    }
    return isOfImage ? .success(found) : .failure(.otherSize)
  }

  private func item(_ at: Int, _ results: CocoDetections, _ image: CocoImage) -> Found {
    let one = results.detections[at]
    let mask = try? results.segmentations.mask(at, height: image.height, width: image.width)
    let name = truth.categories[one.category].name
    return (
      DetectionOverlay.Item(
        box: CornerBox(one.box), mask: (mask ?? nil).map { LabelMap($0) },
        caption: name + String(format: " %.2f", one.score),
        label: labels[one.category]), one.score
    )
  }
}

extension CornerBox {
  /// A box of COCO's by its corners.
  init(_ box: CocoBox) {
    self.init(
      Float(box.x), Float(box.y), Float(box.x + box.width), Float(box.y + box.height))
  }
}
