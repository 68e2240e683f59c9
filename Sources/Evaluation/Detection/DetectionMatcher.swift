import CocoFormat
import Geometry

// The inner loops of matching live here together with what they call: without optimisation across
// files nothing would be inlined.

/// Matches the detections of one image after another to its objects.
///
/// Greedy as in the source: in the order of scores every detection takes the free object that it
/// overlaps most, at each threshold on its own. Overlaps below the lowest threshold are never
/// looked at, so where area and bounds already show that two masks stay below it, their pixels
/// are not compared; all results are the same to the bit.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`, `computeIoU`, `evaluateImg`.
struct DetectionMatcher {
  private let groundTruth: CocoAnnotations
  private let detections: CocoDetections
  private let overlapType: OverlapType
  private let settings: CocoProtocol
  /// The label of every category, by its index in the ground truth.
  private let labels: [Int32]
  private let lowestThreshold: Double
  /// Categories whose objects are left out: of masks, those without any.
  private let leftOut: Set<Int>
  private let intervals = MaskIntervals()
  // The objects and detections of the image at hand, by label.
  private var objectsByLabel: [[Int]]
  private var detectionsByLabel: [[Int]]
  // One cell: overlaps [detections, objects], and which thresholds an object is taken at.
  private var overlaps: [Double] = []
  private var taken: [UInt16] = []
  private var order: [Int] = []
  private(set) var output = MatchedImages()

  init(
    groundTruth: CocoAnnotations, detections: CocoDetections, overlapType: OverlapType,
    settings: CocoProtocol, labels: [Int32], labelCount: Int, leftOut: Set<Int>
  ) {
    self.leftOut = leftOut
    self.groundTruth = groundTruth
    self.detections = detections
    self.overlapType = overlapType
    self.settings = settings
    self.labels = labels
    lowestThreshold = min(settings.overlapThresholds[0], 1 - 1e-10)
    objectsByLabel = Array(repeating: [], count: labelCount)
    detectionsByLabel = objectsByLabel
  }

  /// Matches one image.
  ///
  /// - Parameters:
  ///   - image: Its index in the ground truth.
  ///   - place: Its place among the ids.
  mutating func add(image: Int, place: Int) {
    for index in groundTruth.annotationIndices(ofImage: image) {
      let category = groundTruth.annotations[Int(index)].category
      if leftOut.contains(category) { continue }
      objectsByLabel[Int(labels[category])].append(Int(index))
    }
    for index in detections.indices(ofImage: image) {
      detectionsByLabel[Int(labels[detections.detections[Int(index)].category])].append(Int(index))
    }
    if settings.usesCategories {
      for label in objectsByLabel.indices
      where !objectsByLabel[label].isEmpty || !detectionsByLabel[label].isEmpty {
        addCell(
          objectsByLabel[label], detectionsByLabel[label], category: label, image: image,
          place: place)
      }
    } else if objectsByLabel.contains(where: { !$0.isEmpty })
      || detectionsByLabel.contains(where: { !$0.isEmpty })
    {
      addCell(
        objectsByLabel.flatMap { $0 }, detectionsByLabel.flatMap { $0 }, category: 0, image: image,
        place: place)
    }
    for label in objectsByLabel.indices {
      objectsByLabel[label].removeAll(keepingCapacity: true)
      detectionsByLabel[label].removeAll(keepingCapacity: true)
    }
  }

  private mutating func addCell(
    _ objects: [Int], _ all: [Int], category: Int, image: Int, place: Int
  ) {
    let found = ranked(all)
    output.cells.append(
      MatchedImages.Cell(
        category: Int32(category), image: Int32(place), detectionCount: Int32(found.count)))
    for index in found { output.scores.append(detections.detections[index].score) }
    var areas = found.map { detections.detections[$0].area }
    if !objects.isEmpty, !found.isEmpty {
      if overlapType == .bbox {
        computeBoxOverlaps(objects, found)
      } else {
        computeMaskOverlaps(objects, found, image: image, areas: &areas)
      }
    } else if overlapType == .segm, settings.takesMaskArea {
      takeMaskAreas(found, image: image, into: &areas)
    }
    let ranges = settings.areaRanges.count
    let firstFlag = output.matched.count
    output.matched.append(contentsOf: repeatElement(0, count: found.count * ranges))
    output.ignored.append(contentsOf: repeatElement(0, count: found.count * ranges))
    for range in 0..<ranges { match(objects, areas, range: range, firstFlag: firstFlag) }
  }

  /// The best detections by descending score, equal ones in the file's order.
  private func ranked(_ all: [Int]) -> [Int] {
    guard all.count > 1 else { return all }
    let ordered = all.enumerated().map { (score: detections.detections[$1].score, place: $0) }
      .sorted { $0.score > $1.score || ($0.score == $1.score && $0.place < $1.place) }
    return ordered.prefix(settings.maxDetections.last ?? 0).map { all[$0.place] }
  }

  // MARK: Overlaps

  private mutating func resizeOverlaps(_ count: Int) {
    overlaps.removeAll(keepingCapacity: true)
    overlaps.append(contentsOf: repeatElement(0, count: count))
  }

  private mutating func computeBoxOverlaps(_ objects: [Int], _ found: [Int]) {
    resizeOverlaps(objects.count * found.count)
    for (column, object) in objects.enumerated() {
      let annotation = groundTruth.annotations[object]
      for (row, index) in found.enumerated() {
        overlaps[row * objects.count + column] = boxOverlap(
          detections.detections[index].box, annotation.box, isCrowd: annotation.isCrowd)
      }
    }
  }

  private mutating func computeMaskOverlaps(
    _ objects: [Int], _ found: [Int], image: Int, areas: inout [Double]
  ) {
    resizeOverlaps(objects.count * found.count)
    intervals.removeAll()
    let (height, width) = (groundTruth.images[image].height, groundTruth.images[image].width)
    let drawn = objects.map {
      groundTruth.segmentations.draw($0, into: intervals, height: height, width: width)
    }
    for (row, index) in found.enumerated() {
      let own = draw(detection: index, height: height, width: width)
      if settings.takesMaskArea { areas[row] = Double(own.slot.area) }
      for (column, other) in drawn.enumerated() {
        // Masks of other sizes have the overlap −1 in the source; like 0 it matches nothing.
        guard own.height == other.height, own.width == other.width else { continue }
        overlaps[row * objects.count + column] = intervals.overlap(
          own.slot, other.slot,
          isCrowd: groundTruth.annotations[objects[column]].isCrowd, atLeast: lowestThreshold)
      }
    }
  }

  private func draw(detection: Int, height: Int, width: Int) -> CocoSegmentations.Drawn {
    detections.drawMask(detection, into: intervals, height: height, width: width)
  }

  private mutating func takeMaskAreas(_ found: [Int], image: Int, into areas: inout [Double]) {
    let (height, width) = (groundTruth.images[image].height, groundTruth.images[image].width)
    for (row, index) in found.enumerated() {
      intervals.removeAll()
      areas[row] = Double(draw(detection: index, height: height, width: width).slot.area)
    }
  }

  // MARK: Matching

  private mutating func match(
    _ objects: [Int], _ areas: [Double], range: Int, firstFlag: Int
  ) {
    let limits = settings.areaRanges[range]
    let ranges = settings.areaRanges.count
    func isIgnored(_ object: Int) -> Bool {
      let annotation = groundTruth.annotations[object]
      return annotation.isCrowd || limits.excludes(annotation.area)
    }
    // Columns of the overlaps: objects to be found first, then those that are ignored.
    order.removeAll(keepingCapacity: true)
    for column in objects.indices where !isIgnored(objects[column]) { order.append(column) }
    let soughtCount = order.count
    for column in objects.indices where isIgnored(objects[column]) { order.append(column) }
    output.objectCounts.append(Int32(soughtCount))
    taken.removeAll(keepingCapacity: true)
    taken.append(contentsOf: repeatElement(0, count: objects.count))
    for row in areas.indices {
      let at = firstFlag + row * ranges + range
      if !objects.isEmpty {
        matchOne(objects, row: row, soughtCount: soughtCount, at: at)
      }
      if limits.excludes(areas[row]) {
        let all = UInt16(truncatingIfNeeded: (1 << settings.overlapThresholds.count) - 1)
        output.ignored[at] |= ~output.matched[at] & all
      }
    }
  }

  private mutating func matchOne(_ objects: [Int], row: Int, soughtCount: Int, at: Int) {
    let first = row * objects.count
    var largest = 0.0
    for column in objects.indices { largest = max(largest, overlaps[first + column]) }
    for (step, threshold) in settings.overlapThresholds.enumerated() {
      var best = min(threshold, 1 - 1e-10)
      guard largest >= best else { continue }
      let bit = UInt16(1) << UInt16(step)
      var match = -1
      for place in order.indices {
        let column = order[place]
        if taken[column] & bit != 0, !groundTruth.annotations[objects[column]].isCrowd { continue }
        if match >= 0, match < soughtCount, place >= soughtCount { break }
        let overlap = overlaps[first + column]
        if overlap < best { continue }
        best = overlap
        match = place
      }
      guard match >= 0 else { continue }
      let column = order[match]
      taken[column] |= bit
      if match >= soughtCount { output.ignored[at] |= bit }
      if !settings.missesZeroID || groundTruth.annotations[objects[column]].id != 0 {
        output.matched[at] |= bit
      }
    }
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
    let width = min(mask.maxX, object.maxX) - max(mask.minX, object.minX)
    let height = min(mask.maxY, object.maxY) - max(mask.minY, object.minY)
    guard width > 0, height > 0 else { return 0 }
    // Both pixels in common and the quotient can be no larger than this.
    let most = min(width * height, min(mask.area, object.area))
    let sum = mask.area + object.area
    guard Double(most) / Double(isCrowd ? mask.area : sum - most) >= threshold else { return 0 }
    let common = intersectionArea(mask, object)
    guard common > 0 else { return 0 }
    return Double(common) / Double(isCrowd ? mask.area : sum - common)
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
