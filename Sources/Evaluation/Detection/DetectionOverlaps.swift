import CocoFormat
import Foundation
import Geometry

// The inner loops of overlaps live here together with what they call: without optimisation across
// files nothing would be inlined.

/// How much the detections of one image after another overlap its objects, by whatever is compared.
///
/// Overlaps below the lowest threshold are never looked at, so where area and bounds already show
/// that two masks stay below it, their pixels are not compared; what is at or above it is the same
/// to the bit.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`, `computeIoU`, `computeOks`, and
/// bowenc0221/boundary-iou-api, `computeBoundaryIoU`.
struct DetectionOverlaps {
  private let groundTruth: CocoAnnotations
  private let detections: CocoDetections
  private let type: OverlapType
  private let settings: CocoProtocol
  /// (2σ)² of each keypoint.
  private let variances: [Double]
  private let intervals = MaskIntervals()
  /// Overlaps `[detections, objects]` of what was computed last.
  private(set) var values: [Double] = []

  init(
    groundTruth: CocoAnnotations, detections: CocoDetections, type: OverlapType,
    settings: CocoProtocol
  ) {
    self.groundTruth = groundTruth
    self.detections = detections
    self.type = type
    self.settings = settings
    variances = settings.keypointSigmas.map { 4 * $0 * $0 }
  }

  /// Compares detections with objects of an image.
  ///
  /// - Parameter threshold: Overlaps that are sure to be smaller may be given as 0.
  mutating func compute(
    _ objects: [Int], _ found: [Int], image: Int, atLeast threshold: Double
  ) {
    values.removeAll(keepingCapacity: true)
    values.append(contentsOf: repeatElement(0, count: objects.count * found.count))
    switch type {
    case .bbox: computeBoxes(objects, found)
    case .keypoints: computeKeypoints(objects, found)
    case .segm, .boundary: computeMasks(objects, found, image: image, atLeast: threshold)
    }
  }

  /// Makes overlaps 0 where detection and object, by row and column, are not compared.
  mutating func forget(columns: Int, where isForgotten: (_ row: Int, _ column: Int) -> Bool) {
    for at in values.indices where isForgotten(at / columns, at % columns) { values[at] = 0 }
  }

  private mutating func computeBoxes(_ objects: [Int], _ found: [Int]) {
    for (column, object) in objects.enumerated() {
      let annotation = groundTruth.annotations[object]
      let isCrowd = settings.isCrowd(annotation)
      for (row, index) in found.enumerated() {
        values[row * objects.count + column] = boxOverlap(
          detections.detections[index].box, annotation.box, isCrowd: isCrowd)
      }
    }
  }

  // MARK: Masks

  /// A mask with its boundary, which is drawn when it is first needed.
  private struct Drawn {
    let mask: CocoSegmentations.Drawn
    var boundary: MaskIntervals.Slot?
  }

  private mutating func computeMasks(
    _ objects: [Int], _ found: [Int], image: Int, atLeast threshold: Double
  ) {
    intervals.removeAll()
    let (height, width) = (groundTruth.images[image].height, groundTruth.images[image].width)
    var drawn = objects.map {
      Drawn(mask: groundTruth.segmentations.draw($0, into: intervals, height: height, width: width))
    }
    for (row, index) in found.enumerated() {
      // Most detections are far from every object, and need not be drawn to see it.
      if let extent = detections.segmentations.extent(of: index),
        !zip(drawn, objects).contains(where: { other, object in
          extent.canOverlap(
            other.mask.slot.extent, isCrowd: settings.isCrowd(groundTruth.annotations[object]),
            atLeast: threshold)
        })
      {
        continue
      }
      var own = Drawn(
        mask: detections.drawMask(index, into: intervals, height: height, width: width))
      for column in drawn.indices {
        let other = drawn[column].mask
        // Masks of other sizes have the overlap −1 in the source; like 0 it matches nothing.
        guard own.mask.height == other.height, own.mask.width == other.width else { continue }
        let isCrowd = settings.isCrowd(groundTruth.annotations[objects[column]])
        var overlap = intervals.overlap(
          own.mask.slot, other.slot, isCrowd: isCrowd, atLeast: threshold)
        if type == .boundary, !isCrowd, overlap >= threshold {
          overlap = min(
            overlap,
            intervals.overlap(
              boundary(&own), boundary(&drawn[column]), isCrowd: false, atLeast: threshold))
        }
        values[row * objects.count + column] = overlap
      }
    }
  }

  private func boundary(_ drawn: inout Drawn) -> MaskIntervals.Slot {
    if let boundary = drawn.boundary { return boundary }
    let (height, width) = (drawn.mask.height, drawn.mask.width)
    let boundary = intervals.appendBoundary(
      of: drawn.mask.slot, height: height,
      distance: MaskIntervals.boundaryDistance(
        height: height, width: width, ratio: settings.boundaryRatio))
    drawn.boundary = boundary
    return boundary
  }

  /// The sizes of detections.
  func areas(_ found: [Int], image: Int) -> [Double] {
    switch settings.detectionSize {
    case .mask where type.needsMasks:
      let (height, width) = (groundTruth.images[image].height, groundTruth.images[image].width)
      return found.map { index in
        intervals.removeAll()
        let drawn = detections.drawMask(index, into: intervals, height: height, width: width)
        return Double(drawn.slot.area)
      }
    case .box: return found.map { detections.detections[$0].box.area }
    default: return found.map { detections.detections[$0].area }
    }
  }

  // MARK: Keypoints

  private mutating func computeKeypoints(_ objects: [Int], _ found: [Int]) {
    for (column, object) in objects.enumerated() {
      for (row, index) in found.enumerated() {
        values[row * objects.count + column] = similarity(
          of: detections.keypoints[index], to: groundTruth.keypoints[object],
          groundTruth.annotations[object])
      }
    }
  }

  /// The mean over labelled keypoints of how near they are, 1 where exactly there; where none is
  /// labelled, of how near all are to twice the object's box.
  private func similarity(
    of points: ArraySlice<Double>, to own: ArraySlice<Double>, _ object: CocoAnnotation
  ) -> Double {
    // Without keypoints of the object, or with other ones, nothing can be compared.
    guard points.count == 3 * variances.count, own.count == points.count else { return 0 }
    let (first, other) = (points.startIndex, own.startIndex)
    let isLabelled = variances.indices.contains { own[other + 3 * $0 + 2] > 0 }
    let box = object.box
    let (left, right) = (box.x - box.width, box.x + box.width * 2)
    let (top, bottom) = (box.y - box.height, box.y + box.height * 2)
    // The last term is the distance from 1 to the next double, as in the source.
    let area = object.area + 0x1p-52
    var (sum, count) = (0.0, 0)
    for (place, variance) in variances.enumerated() {
      let (x, y) = (points[first + 3 * place], points[first + 3 * place + 1])
      if isLabelled, own[other + 3 * place + 2] <= 0 { continue }
      let dx = isLabelled ? x - own[other + 3 * place] : max(0, left - x) + max(0, x - right)
      let dy = isLabelled ? y - own[other + 3 * place + 1] : max(0, top - y) + max(0, y - bottom)
      sum += exp(-((dx * dx + dy * dy) / variance / area / 2))
      count += 1
    }
    return sum / Double(count)
  }
}

/// Intersection over union of two boxes; over the first box alone where the second is a crowd.
func boxOverlap(_ box: CocoBox, _ object: CocoBox, isCrowd: Bool) -> Double {
  let width = min(box.width + box.x, object.width + object.x) - max(box.x, object.x)
  guard width > 0 else { return 0 }
  let height = min(box.height + box.y, object.height + object.y) - max(box.y, object.y)
  guard height > 0 else { return 0 }
  let common = width * height
  return common / (isCrowd ? box.area : box.area + object.area - common)
}

extension MaskIntervals {
  /// Intersection over union of two masks, or 0 where it is sure to be below a threshold.
  func overlap(_ mask: Slot, _ object: Slot, isCrowd: Bool, atLeast threshold: Double) -> Double {
    guard mask.extent.canOverlap(object.extent, isCrowd: isCrowd, atLeast: threshold) else {
      return 0
    }
    let common = intersectionArea(mask, object)
    guard common > 0 else { return 0 }
    return Double(common) / Double(isCrowd ? mask.area : mask.area + object.area - common)
  }
}

extension CocoDetections {
  /// Draws the mask of a detection; one without gives its box, as the reference loader does.
  ///
  /// A mask that could not be read is no reason to score the box in its place: it covers nothing.
  func drawMask(
    _ index: Int, into intervals: MaskIntervals, height: Int, width: Int
  ) -> CocoSegmentations.Drawn {
    if segmentations.hasMask(index) || segmentations.isDamaged(index) {
      return segmentations.draw(index, into: intervals, height: height, width: width)
    }
    return CocoSegmentations.drawn(
      detections[index].box, into: intervals, height: height, width: width)
  }
}
