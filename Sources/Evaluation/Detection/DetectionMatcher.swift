import CocoFormat

/// Matches the detections of one image after another to its objects.
///
/// Greedy as in the source: in the order of scores every detection takes the free object that it
/// overlaps most, at each threshold on its own. What an overlap is and what counts are values: the
/// rules of LVIS, of boundaries and of keypoints take the same way.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`, `evaluateImg`, and
/// lvis-dataset/lvis-api, `lvis/eval.py`.
struct DetectionMatcher {
  private let groundTruth: CocoAnnotations
  private let detections: CocoDetections
  private let overlapType: OverlapType
  private let settings: CocoProtocol
  /// The label of every category, by its index in the ground truth; −1 for those that do not count.
  private let labels: [Int32]
  private let lowestThreshold: Double
  /// Categories whose objects are left out: of masks, those without any.
  private let leftOut: Set<Int>
  // The objects and detections of the image at hand, by label.
  private var objectsByLabel: [[Int]]
  private var detectionsByLabel: [[Int]]
  /// The labels that have any of both.
  private var present: [Int] = []
  /// Whether to keep which object each detection has at the first threshold.
  private let keepsPairs: Bool
  // One cell: overlaps, and which thresholds an object is taken at.
  private var overlaps: DetectionOverlaps
  private var taken: [UInt16] = []
  private var order: [Int] = []
  private var ranking: [(score: Double, index: Int)] = []
  private var found: [Int] = []
  // The column that the detection at hand has at the first threshold.
  private var firstMatch: Int?
  private(set) var output = MatchedImages()

  init(
    groundTruth: CocoAnnotations, detections: CocoDetections, overlapType: OverlapType,
    settings: CocoProtocol, labels: [Int32], labelCount: Int, leftOut: Set<Int>,
    keepsPairs: Bool = false
  ) {
    self.keepsPairs = keepsPairs
    overlaps = DetectionOverlaps(
      groundTruth: groundTruth, detections: detections, type: overlapType, settings: settings)
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
      let object = groundTruth.annotations[Int(index)]
      let category = object.category
      if labels[category] < 0 || leftOut.contains(category) || !settings.counts(object) { continue }
      if settings.leavesCrowdsOut, object.isCrowd { continue }
      note(Int(labels[category]))
      objectsByLabel[Int(labels[category])].append(Int(index))
    }
    for index in counting(image) {
      let detection = detections.detections[Int(index)]
      if labels[detection.category] < 0 || detection.score < settings.lowestScore { continue }
      guard settings.counts(detection) else { continue }
      note(Int(labels[detection.category]))
      detectionsByLabel[Int(labels[detection.category])].append(Int(index))
    }
    if settings.isFederated { dropUnknown(image) }
    present.sort()
    if settings.usesCategories {
      for label in present where !objectsByLabel[label].isEmpty || !detectionsByLabel[label].isEmpty
      {
        addCell(
          objectsByLabel[label], detectionsByLabel[label], category: label, image: image,
          place: place)
      }
    } else if present.contains(where: {
      !objectsByLabel[$0].isEmpty || !detectionsByLabel[$0].isEmpty
    }) {
      addCell(
        objectsByLabel.flatMap { $0 }, detectionsByLabel.flatMap { $0 }, category: 0, image: image,
        place: place)
    }
    for label in present {
      objectsByLabel[label].removeAll(keepingCapacity: true)
      detectionsByLabel[label].removeAll(keepingCapacity: true)
    }
    present.removeAll(keepingCapacity: true)
  }

  /// Notes that an object or a detection of a label is there, before it is added.
  private mutating func note(_ label: Int) {
    if objectsByLabel[label].isEmpty, detectionsByLabel[label].isEmpty { present.append(label) }
  }

  /// The detections of an image that count: the best where their number is limited.
  private func counting(_ image: Int) -> ArraySlice<Int32> {
    let all = detections.indices(ofImage: image)
    guard let limit = settings.imageLimit, all.count > limit else { return all }
    return detections.best(limit, ofImage: image)
  }

  /// Forgets detections of classes of which it is not known whether the image shows them.
  private mutating func dropUnknown(_ image: Int) {
    for label in present {
      let isPresent = !objectsByLabel[label].isEmpty
      detectionsByLabel[label].removeAll {
        !groundTruth.knows(
          detections.detections[$0].category, isPresent: isPresent, inImage: image)
      }
    }
  }

  private mutating func addCell(
    _ objects: [Int], _ all: [Int], category: Int, image: Int, place: Int
  ) {
    rank(all)
    output.cells.append(
      MatchedImages.Cell(
        category: Int32(category), image: Int32(place), detectionCount: Int32(found.count)))
    for index in found { output.scores.append(detections.detections[index].score) }
    let partial =
      settings.isFederated
      ? found.map { groundTruth.isPartial(detections.detections[$0].category, inImage: image) } : []
    if !objects.isEmpty, !found.isEmpty {
      overlaps.compute(objects, found, image: image, atLeast: lowestThreshold)
      if !settings.usesCategories, partial.contains(true) {
        // Whether such a detection is wrong on another object is not known.
        overlaps.forget(columns: objects.count) { row, column in
          partial[row]
            && detections.detections[found[row]].category
              != groundTruth.annotations[objects[column]].category
        }
      }
    }
    let areas = overlaps.areas(found, image: image)
    if keepsPairs {
      output.found += found.map { Int32($0) }
      output.partners += repeatElement(-1, count: found.count)
    }
    let ranges = settings.areaRanges.count
    let firstFlag = output.matched.count
    output.matched.append(contentsOf: repeatElement(0, count: found.count * ranges))
    output.ignored.append(contentsOf: repeatElement(0, count: found.count * ranges))
    guard !objects.isEmpty else {
      return leaveUnmatched(areas, firstFlag: firstFlag, partial: partial)
    }
    for range in 0..<ranges {
      match(objects, areas, range: range, firstFlag: firstFlag, partial: partial)
    }
  }

  /// Most cells have no object, so that nothing can match.
  private mutating func leaveUnmatched(
    _ areas: [Double], firstFlag: Int, partial: [Bool]
  ) {
    let all = UInt16(truncatingIfNeeded: (1 << settings.overlapThresholds.count) - 1)
    let ranges = settings.areaRanges
    output.objectCounts.append(contentsOf: repeatElement(0, count: ranges.count))
    var at = firstFlag
    for (row, area) in areas.enumerated() {
      let isPartial = !partial.isEmpty && partial[row]
      for range in ranges {
        if isPartial || range.excludes(area) { output.ignored[at] = all }
        at += 1
      }
    }
  }

  /// Puts the best detections into `found`, by descending score, equal ones in the file's order.
  private mutating func rank(_ all: [Int]) {
    found.removeAll(keepingCapacity: true)
    guard all.count > 1 else { return found.append(contentsOf: all) }
    ranking.removeAll(keepingCapacity: true)
    // Inserting is quick for the few of a cell, all the more as files are often in order.
    for index in all {
      let score = detections.detections[index].score
      var place = ranking.count
      if all.count <= 32 {
        while place > 0, ranking[place - 1].score < score { place -= 1 }
      }
      ranking.insert((score, index), at: place)
    }
    if all.count > 32 {
      let ordered = ranking.enumerated().sorted {
        $0.element.score > $1.element.score
          || ($0.element.score == $1.element.score && $0.offset < $1.offset)
      }
      for (place, entry) in ordered.enumerated() { ranking[place] = entry.element }
    }
    for entry in ranking.prefix(settings.maxDetections.last ?? 0) { found.append(entry.index) }
  }

  // MARK: Matching

  /// Matches a cell.
  ///
  /// - Parameter partial: Whether the class of each detection is annotated in part; empty where all
  ///   are whole.
  private mutating func match(
    _ objects: [Int], _ areas: [Double], range: Int, firstFlag: Int, partial: [Bool]
  ) {
    let limits = settings.areaRanges[range]
    let ranges = settings.areaRanges.count
    func isIgnored(_ object: Int) -> Bool {
      let annotation = groundTruth.annotations[object]
      return settings.isIgnored(annotation, by: overlapType) || limits.excludes(annotation.area)
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
      matchOne(objects, row: row, soughtCount: soughtCount, at: at)
      if keepsPairs, range == 0, let object = firstMatch {
        output.partners[output.partners.count - areas.count + row] = Int32(objects[object])
      }
      if limits.excludes(areas[row]) || !partial.isEmpty && partial[row] {
        let all = UInt16(truncatingIfNeeded: (1 << settings.overlapThresholds.count) - 1)
        output.ignored[at] |= ~output.matched[at] & all
      }
    }
  }

  private mutating func matchOne(_ objects: [Int], row: Int, soughtCount: Int, at: Int) {
    let first = row * objects.count
    var largest = 0.0
    for column in objects.indices { largest = max(largest, overlaps.values[first + column]) }
    firstMatch = nil
    for (step, threshold) in settings.overlapThresholds.enumerated() {
      var best = min(threshold, 1 - 1e-10)
      guard largest >= best else { continue }
      let bit = UInt16(1) << UInt16(step)
      var match = -1
      for place in order.indices {
        let column = order[place]
        if taken[column] & bit != 0, !settings.isCrowd(groundTruth.annotations[objects[column]]) {
          continue
        }
        if match >= 0, match < soughtCount, place >= soughtCount { break }
        let overlap = overlaps.values[first + column]
        if overlap < best { continue }
        best = overlap
        match = place
      }
      guard match >= 0 else { continue }
      let column = order[match]
      taken[column] |= bit
      if step == 0 { firstMatch = column }
      if match >= soughtCount { output.ignored[at] |= bit }
      if !settings.missesZeroID || groundTruth.annotations[objects[column]].id != 0 {
        output.matched[at] |= bit
      }
    }
  }
}
