import Threads

/// Precision over recall of every category, prepared so that images can be weighed anew at once.
///
/// A resample of the images gives each a whole number of copies; with these as weights the curves
/// are those of the resampled set, exactly. Only detections that are matched at some threshold have
/// to be looked at there: false positives between them come from one running sum of weights.
///
/// Copies of a detection stay together in the order of scores, in which equal ones follow image by
/// image, as in the source.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/cocoeval.py`, `accumulate`.
public struct PrecisionRecall: Sendable {
  /// A detection that at one threshold is not what its size alone makes of it.
  struct Event: Sendable {
    /// Its place in the order of scores.
    let place: Int32
    let image: Int32
    /// 1 for a true positive.
    let truePositive: Int8
    /// What it adds to the false positives that its size alone would give.
    let falsePositive: Int8
  }

  /// One category.
  struct Category: Sendable {
    /// The image of every detection by descending score, and the scores.
    var images: [Int32] = []
    var scores: [Double] = []
    /// Bit a is set when the detection, unmatched, is a false positive in area range a.
    var countsWhenUnmatched: [UInt8] = []
    /// Events of all area ranges and thresholds one after the other, and where each list ends.
    var events: [Event] = []
    var eventEnds: [Int] = []
    /// The image of every cell, and its objects in each area range.
    var cellImages: ArraySlice<Int32> = []
    var objectCounts: ArraySlice<Int32> = []
  }

  /// The parameters of the matching.
  public let settings: CocoProtocol
  /// How many images and categories there are.
  public let imageCount, categoryCount: Int
  let categories: [Category]
  private let rangeCount: Int

  /// Orders the detections of every category.
  ///
  /// - Parameter areaRangeCount: How many of the area ranges are wanted, from the first on; nil is
  ///   all.
  /// - Complexity: O(n log n) for n detections, O(matched · thresholds · ranges) memory.
  public init(_ records: MatchRecords, areaRangeCount: Int? = nil) {
    settings = records.settings
    imageCount = records.imageIDs.count
    categoryCount = records.categoryIDs.count
    let wanted = min(
      areaRangeCount ?? records.settings.areaRanges.count, records.settings.areaRanges.count)
    precondition(wanted <= 8, "at most 8 area ranges, got \(wanted)")
    rangeCount = wanted
    categories = threadMap(categoryCount) { Self.category($0, records, wanted) }
  }

  private static func category(
    _ index: Int, _ records: MatchRecords, _ rangeCount: Int
  ) -> Category {
    var result = Category()
    let cells = records.categoryStarts[index]..<records.categoryStarts[index + 1]
    let allRanges = records.settings.areaRanges.count
    result.cellImages = records.cellImages[cells]
    result.objectCounts =
      records.objectCounts[cells.lowerBound * allRanges..<cells.upperBound * allRanges]
    var detections: [(score: Double, index: Int32, image: Int32)] = []
    if let last = cells.last {
      let first = records.detections(ofCell: cells.lowerBound).lowerBound
      detections.reserveCapacity(records.detections(ofCell: last).upperBound - first)
    }
    for cell in cells {
      for detection in records.detections(ofCell: cell) {
        detections.append((records.scores[detection], Int32(detection), records.cellImages[cell]))
      }
    }
    // The index breaks ties, which makes the order that of a stable sort.
    detections.sort { $0.score > $1.score || ($0.score == $1.score && $0.index < $1.index) }
    result.images = detections.map(\.image)
    result.scores = detections.map(\.score)
    result.countsWhenUnmatched = [UInt8](repeating: 0, count: detections.count)
    let thresholdCount = records.settings.overlapThresholds.count
    let all = UInt16(truncatingIfNeeded: (1 << thresholdCount) - 1)
    // Detections with an event at any threshold: few, so that the lists need not look at all.
    var eventful: [(place: Int, matched: UInt16, ignored: UInt16, events: UInt16)] = []
    for range in 0..<rangeCount {
      let counting = UInt8(1) << UInt8(range)
      eventful.removeAll(keepingCapacity: true)
      for (place, detection) in detections.enumerated() {
        let at = Int(detection.index) * allRanges + range
        let (matched, ignored) = (records.matched[at], records.ignored[at])
        let counts = ~matched & all & ~ignored != 0
        if counts { result.countsWhenUnmatched[place] |= counting }
        // Matched, or left out where others like it count.
        let events = matched | (counts ? ~matched & ignored & all : 0)
        if events != 0 { eventful.append((place, matched, ignored, events)) }
      }
      for threshold in 0..<thresholdCount {
        let bit = UInt16(1) << UInt16(threshold)
        for detection in eventful where detection.events & bit != 0 {
          let isMatched = detection.matched & bit != 0
          let isIgnored = detection.ignored & bit != 0
          let counts = result.countsWhenUnmatched[detection.place] & counting != 0
          result.events.append(
            Event(
              place: Int32(detection.place), image: result.images[detection.place],
              truePositive: isMatched && !isIgnored ? 1 : 0,
              falsePositive: (!isMatched && !isIgnored ? 1 : 0) - (counts ? 1 : 0)))
        }
        result.eventEnds.append(result.events.count)
      }
    }
    return result
  }

  // MARK: Curves

  /// Scratch memory of one thread.
  struct Scratch {
    fileprivate(set) var falsePositives: [Int32] = []
    fileprivate var points: [(recall: Double, precision: Double, place: Int32)] = []
    fileprivate(set) var precisions: [Double] = []
    /// The place of the detection that reaches each recall threshold; −1 where none does.
    fileprivate(set) var places: [Int32] = []
    /// The last recall reached.
    fileprivate(set) var recall = 0.0
    /// Of slopes: what a false positive up to each detection costs, and the points of a curve.
    var costs: [Double] = []
    var steps: [Step] = []

    init() {}
  }

  /// Objects of a category to be found in the weighed images.
  func objectCount(category: Int, areaRange: Int, weights: UnsafePointer<Int32>?) -> Int {
    let entry = categories[category]
    let ranges = settings.areaRanges.count
    var total = 0
    for (offset, image) in entry.cellImages.enumerated() {
      let count = Int(
        entry.objectCounts[entry.objectCounts.startIndex + offset * ranges + areaRange])
      total += count * Int(weights?[Int(image)] ?? 1)
    }
    return total
  }

  /// Sums the weights of what counts as a false positive when unmatched, up to every detection.
  ///
  /// One call serves all thresholds of a category and area range.
  func prepare(
    category: Int, areaRange: Int, weights: UnsafePointer<Int32>?, _ scratch: inout Scratch
  ) {
    let entry = categories[category]
    let count = entry.images.count
    if scratch.falsePositives.count < count {
      scratch.falsePositives = [Int32](repeating: 0, count: 2 * count)
    }
    let bit = UInt8(areaRange)
    entry.images.withUnsafeBufferPointer { images in
      entry.countsWhenUnmatched.withUnsafeBufferPointer { counts in
        scratch.falsePositives.withUnsafeMutableBufferPointer { sums in
          var sum: Int32 = 0
          if let weights {
            for at in 0..<count {
              sum &+= weights[Int(images[at])] &* Int32(counts[at] &>> bit & 1)
              sums[at] = sum
            }
          } else {
            for at in 0..<count {
              sum &+= Int32(counts[at] &>> bit & 1)
              sums[at] = sum
            }
          }
        }
      }
    }
  }

  /// Computes the precision at every recall threshold into `scratch.precisions`, and the last
  /// recall; `prepare` comes first.
  ///
  /// - Precondition: `objectCount` is that of the category, area range and weights, not 0.
  func curve(
    category: Int, areaRange: Int, threshold: Int, objectCount: Int,
    weights: UnsafePointer<Int32>?, _ scratch: inout Scratch
  ) {
    let entry = categories[category]
    let list = areaRange * settings.overlapThresholds.count + threshold
    let events = (list == 0 ? 0 : entry.eventEnds[list - 1])..<entry.eventEnds[list]
    var (truePositives, correction) = (0, 0)
    scratch.points.removeAll(keepingCapacity: true)
    entry.events.withUnsafeBufferPointer { list in
      for at in events {
        let event = list[at]
        let weight = Int(weights?[Int(event.image)] ?? 1)
        guard weight > 0 else { continue }
        correction += weight * Int(event.falsePositive)
        guard event.truePositive == 1 else { continue }
        truePositives += weight
        let falsePositives = Int(scratch.falsePositives[Int(event.place)]) + correction
        scratch.addPoint(
          truePositives: truePositives, falsePositives: falsePositives, objectCount: objectCount,
          place: event.place)
      }
    }
    scratch.interpolate(at: settings.recallThresholds)
  }
}

extension PrecisionRecall.Scratch {
  /// The AP of a few detections in order of their scores, of which `positives` says what each is at
  /// one threshold: right, wrong, or nil for neither.
  ///
  /// - Precondition: `objectCount` is not 0.
  mutating func averagePrecision(
    _ positives: some Sequence<Bool?>, objectCount: Int, recalls: [Double]
  ) -> Double {
    var (right, wrong) = (0, 0)
    points.removeAll(keepingCapacity: true)
    for isRight in positives {
      guard let isRight else { continue }
      if isRight { right += 1 } else { wrong += 1 }
      if isRight { addPoint(truePositives: right, falsePositives: wrong, objectCount: objectCount) }
    }
    interpolate(at: recalls)
    return precisions.reduce(0, +) / Double(recalls.count)
  }

  fileprivate mutating func addPoint(
    truePositives: Int, falsePositives: Int, objectCount: Int, place: Int32 = 0
  ) {
    points.append(
      (
        recall: Double(truePositives) / Double(objectCount),
        // The last term is the distance from 1 to the next double, as in the source.
        precision: Double(truePositives)
          / (Double(falsePositives) + Double(truePositives) + 0x1p-52),
        place: place
      ))
  }

  /// Reads the precision at every recall threshold off the points: from the last point back, each
  /// threshold takes the best precision at its recall or a larger.
  fileprivate mutating func interpolate(at recalls: [Double]) {
    if precisions.count != recalls.count {
      precisions = [Double](repeating: 0, count: recalls.count)
      places = [Int32](repeating: -1, count: recalls.count)
    }
    recall = points.last?.recall ?? 0
    var next = recalls.count - 1
    while next >= 0, points.isEmpty || recalls[next] > recall {
      precisions[next] = 0
      places[next] = -1
      next -= 1
    }
    var best = 0.0
    for at in stride(from: points.count - 1, through: 0, by: -1) {
      best = max(best, points[at].precision)
      let before = at > 0 ? points[at - 1].recall : -1
      while next >= 0, recalls[next] > before {
        precisions[next] = best
        places[next] = points[at].place
        next -= 1
      }
      if next < 0 { break }
    }
  }
}
