import CocoFormat

/// Finds the kind of error of every detection of one image after another.
///
/// Source: tidecv 1.0.1, `quantify.py`, `TIDEExample` and `TIDERun`.
struct ErrorClassifier {
  private let groundTruth: CocoAnnotations
  private let detections: CocoDetections
  private let labels: [Int32]
  private let foreground, background: Double
  private let limit: Int
  private let overlapType: OverlapType
  private let settings: CocoProtocol
  private var overlaps: DetectionOverlaps
  private(set) var output: ErrorOutcome

  init(
    groundTruth: CocoAnnotations, detections: CocoDetections, overlapType: OverlapType,
    labels: [Int32], labelCount: Int, foreground: Double, background: Double, limit: Int,
    isFederated: Bool
  ) {
    self.groundTruth = groundTruth
    self.detections = detections
    self.overlapType = overlapType
    settings = isFederated ? .lvis(overlapType, limit: limit) : .standard
    overlaps = DetectionOverlaps(
      groundTruth: groundTruth, detections: detections, type: overlapType, settings: settings)
    self.labels = labels
    self.foreground = foreground
    self.background = background
    self.limit = limit
    output = ErrorOutcome(labelCount: labelCount)
  }

  /// An object to be found.
  private struct Sought {
    let label: Int32
    var isMatched = false
    /// The best detection that would match it if one error were put right.
    var bestPoint: Int?
  }

  mutating func add(image: Int) {
    let members = groundTruth.annotationIndices(ofImage: image).map { Int($0) }
      .filter { label(ofObject: $0) >= 0 }
    func isIgnored(_ object: Int) -> Bool {
      settings.isIgnored(groundTruth.annotations[object], by: overlapType)
    }
    let objects = members.filter { !isIgnored($0) }
    let crowds = members.filter { isIgnored($0) }
    let present = Set(members.map { label(ofObject: $0) })
    var sought = objects.map { Sought(label: label(ofObject: $0)) }
    for object in sought { output.objects[Int(object.label)] += 1 }
    let found = ranked(
      detections.indices(ofImage: image).map { Int($0) }.filter { label(ofDetection: $0) >= 0 })
    // What is sure to lie below the background threshold is 0.
    overlaps.compute(objects + crowds, found, image: image, atLeast: background)
    let (values, columns) = (overlaps.values, members.count)
    let isMatched = match(found, &sought, values, columns)
    for (row, index) in found.enumerated() {
      let own = label(ofDetection: index)
      let isOnCrowd =
        !isMatched[row]
        && crowds.indices.contains { column in
          label(ofObject: crowds[column]) == own
            && values[row * columns + objects.count + column] > foreground
        }
      addPoint(
        index, own, values[row * columns..<row * columns + objects.count], &sought,
        isMatched: isMatched[row],
        isIgnored: isOnCrowd
          || !isMatched[row] && isUnjudged(index, isPresent: present.contains(own), image))
    }
    for object in sought where !object.isMatched {
      output.unmatched[Int(object.label)] += 1
      if let best = object.bestPoint {
        output.points[best].correctedLabel = object.label
      } else {
        output.missed[Int(object.label)] += 1
      }
    }
  }

  /// Whether it is not known if a detection that has no object is wrong.
  private func isUnjudged(_ index: Int, isPresent: Bool, _ image: Int) -> Bool {
    guard settings.isFederated else { return false }
    let category = detections.detections[index].category
    return !groundTruth.knows(category, isPresent: isPresent, inImage: image)
      || groundTruth.isPartial(category, inImage: image)
  }

  private func label(ofObject index: Int) -> Int32 {
    labels[groundTruth.annotations[index].category]
  }

  private func label(ofDetection index: Int) -> Int32 {
    labels[detections.detections[index].category]
  }

  /// The best detections of all classes, equal scores in the file's order.
  private func ranked(_ all: [Int]) -> [Int] {
    all.sorted { a, b in
      let (first, second) = (detections.detections[a].score, detections.detections[b].score)
      return first > second || (first == second && a < b)
    }.prefix(limit).map { $0 }
  }

  /// Gives every detection in turn the free object of its class that it overlaps most.
  private func match(
    _ found: [Int], _ sought: inout [Sought], _ overlaps: [Double], _ columns: Int
  ) -> [Bool] {
    found.enumerated().map { row, index in
      let own = label(ofDetection: index)
      var (best, column) = (0.0, -1)
      for candidate in sought.indices
      where !sought[candidate].isMatched && sought[candidate].label == own {
        let overlap = overlaps[row * columns + candidate]
        if overlap > best { (best, column) = (overlap, candidate) }
      }
      guard column >= 0, best >= foreground else { return false }
      sought[column].isMatched = true
      return true
    }
  }

  private mutating func addPoint(
    _ index: Int, _ own: Int32, _ overlaps: ArraySlice<Double>, _ sought: inout [Sought],
    isMatched: Bool, isIgnored: Bool
  ) {
    var outcome = ErrorOutcome.Outcome.right
    if !isMatched {
      let (kind, object) = kind(own, overlaps, sought)
      outcome = .error(kind)
      // Detections come by descending score: the first that reaches for an object is the best.
      if let object, !sought[object].isMatched, sought[object].bestPoint == nil {
        sought[object].bestPoint = output.points.count
      }
    }
    output.points.append(
      ErrorOutcome.Point(
        score: detections.detections[index].score, label: own, outcome: outcome,
        isIgnored: isIgnored, correctedLabel: -1))
  }

  /// The kind of an error, and the object that correcting it would match.
  private func kind(
    _ own: Int32, _ overlaps: ArraySlice<Double>, _ sought: [Sought]
  ) -> (kind: DetectionErrorKind, object: Int?) {
    func largest(where isWanted: (Sought) -> Bool) -> (overlap: Double, object: Int) {
      var (best, object) = (0.0, 0)
      for candidate in sought.indices where isWanted(sought[candidate]) {
        let overlap = overlaps[overlaps.startIndex + candidate]
        if overlap > best { (best, object) = (overlap, candidate) }
      }
      return (best, object)
    }
    guard !sought.isEmpty else { return (.background, nil) }
    let sameClass = largest { $0.label == own }
    if sameClass.overlap >= background, sameClass.overlap <= foreground {
      return (.localization, sameClass.object)
    }
    let otherClass = largest { $0.label != own }
    if otherClass.overlap >= foreground { return (.classification, otherClass.object) }
    if largest(where: { $0.label == own && $0.isMatched }).overlap >= foreground {
      return (.duplicate, nil)
    }
    return (max(sameClass.overlap, otherClass.overlap) <= background ? .background : .both, nil)
  }
}
