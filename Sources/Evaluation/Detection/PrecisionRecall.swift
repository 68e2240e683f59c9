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
  private struct Event: Sendable {
    /// Its place in the order of scores.
    let place: Int32
    let image: Int32
    /// 1 for a true positive.
    let truePositive: Int8
    /// What it adds to the false positives that its size alone would give.
    let falsePositive: Int8
  }

  /// One category.
  private struct Category: Sendable {
    /// The image of every detection by descending score.
    var images: [Int32] = []
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
  private let categories: [Category]
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
    var detections: [(score: Double, index: Int, image: Int32)] = []
    for cell in cells {
      for detection in records.detections(ofCell: cell) {
        detections.append((records.scores[detection], detection, records.cellImages[cell]))
      }
    }
    // The index breaks ties, which makes the order that of a stable sort.
    detections.sort { $0.score > $1.score || ($0.score == $1.score && $0.index < $1.index) }
    let thresholdCount = records.settings.overlapThresholds.count
    let all = UInt16(truncatingIfNeeded: (1 << thresholdCount) - 1)
    result.images = detections.map(\.image)
    result.countsWhenUnmatched = detections.map { detection in
      var bits: UInt8 = 0
      for range in 0..<rangeCount {
        let at = detection.index * allRanges + range
        let unmatched = ~records.matched[at] & all
        if unmatched & ~records.ignored[at] != 0 { bits |= 1 << UInt8(range) }
      }
      return bits
    }
    for range in 0..<rangeCount {
      for threshold in 0..<thresholdCount {
        let bit = UInt16(1) << UInt16(threshold)
        for (place, detection) in detections.enumerated() {
          let at = detection.index * allRanges + range
          let isMatched = records.matched[at] & bit != 0
          let isIgnored = records.ignored[at] & bit != 0
          let counts: Int8 = result.countsWhenUnmatched[place] >> UInt8(range) & 1 == 1 ? 1 : 0
          let falsePositive: Int8 = !isMatched && !isIgnored ? 1 : 0
          guard isMatched || falsePositive != counts else { continue }
          result.events.append(
            Event(
              place: Int32(place), image: detection.image,
              truePositive: isMatched && !isIgnored ? 1 : 0,
              falsePositive: falsePositive - counts))
        }
        result.eventEnds.append(result.events.count)
      }
    }
    return result
  }

  // MARK: Curves

  /// Scratch memory of one thread.
  struct Scratch {
    fileprivate var falsePositives: [Int32] = []
    fileprivate var points: [(recall: Double, precision: Double)] = []
    fileprivate(set) var precisions: [Double] = []
    /// The last recall reached.
    fileprivate(set) var recall = 0.0
    /// Of slopes: what a false positive up to each detection costs, and the points of a curve.
    fileprivate var costs: [Double] = []
    fileprivate var steps: [Step] = []

    init() {}
  }

  /// A true positive on a curve.
  fileprivate struct Step {
    let weight: Double, precision: Double, total: Double
    /// The best precision from here on, and the weight of all steps that have it from here.
    var best = 0.0, run = 0.0
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
          truePositives: truePositives, falsePositives: falsePositives, objectCount: objectCount)
      }
    }
    scratch.interpolate(at: settings.recallThresholds)
  }
}

extension PrecisionRecall {
  /// Adds to every image's slope how fast the sum of the areas under a category's curves at some
  /// thresholds grows with the image's weight; `prepare` comes first.
  ///
  /// The area is that under the interpolated curve, Σ wₖ·Pₖ / objects over true positives k with
  /// Pₖ = max over j ≥ k of TPⱼ / (TPⱼ + FPⱼ); COCO's mean over 101 recalls is a reading of it, whose
  /// own slope is 0 almost everywhere. An image adds its true positives at their precision, more
  /// objects to be found, and moves the precision of every maximum behind its detections:
  ///
  ///     ∂A/∂wᵢ = (Σ_{k of i} Pₖ − A·objectsᵢ + Σₘ runₘ·((1 − Pₘ)·TPᵢ(≤ m) − Pₘ·FPᵢ(≤ m)) / totalₘ)
  ///              / objects
  func addSlopes(
    category: Int, areaRange: Int, thresholds: [Int], objectCount: Int,
    weights: UnsafePointer<Int32>, _ scratch: inout Scratch, to slopes: inout [Double]
  ) {
    let entry = categories[category]
    let count = entry.images.count
    let objects = Double(objectCount)
    scratch.costs.removeAll(keepingCapacity: true)
    scratch.costs.append(contentsOf: repeatElement(0, count: count))
    var areas = 0.0
    for threshold in thresholds {
      let list = areaRange * settings.overlapThresholds.count + threshold
      let events = (list == 0 ? 0 : entry.eventEnds[list - 1])..<entry.eventEnds[list]
      steps(entry.events[events], weights, &scratch)
      // From the last event back: what a true or false positive of weight 1 does to all maxima behind.
      var (gain, cost) = (0.0, 0.0)
      var step = scratch.steps.count
      for event in entry.events[events].reversed() {
        let weight = Int(weights[Int(event.image)])
        guard weight > 0 else { continue }
        if event.truePositive == 1 {
          step -= 1
          let own = scratch.steps[step]
          if own.run > 0 {
            gain += own.run * (1 - own.precision) / own.total
            let lost = own.run * own.precision / own.total
            cost += lost
            scratch.costs[Int(event.place)] += lost
          }
          areas += own.weight * own.best
          slopes[Int(event.image)] += (own.best + gain) / objects
        }
        slopes[Int(event.image)] -= Double(event.falsePositive) * cost / objects
      }
    }
    // False positives by size alone count at every threshold.
    let bit = UInt8(areaRange)
    var cost = 0.0
    for at in stride(from: count - 1, through: 0, by: -1) {
      cost += scratch.costs[at]
      let image = Int(entry.images[at])
      guard cost > 0, entry.countsWhenUnmatched[at] >> bit & 1 == 1, weights[image] > 0 else {
        continue
      }
      slopes[image] -= cost / objects
    }
    let area = areas / objects
    let ranges = settings.areaRanges.count
    for (offset, image) in entry.cellImages.enumerated() where weights[Int(image)] > 0 {
      let own = entry.objectCounts[entry.objectCounts.startIndex + offset * ranges + areaRange]
      slopes[Int(image)] -= area * Double(own) / objects
    }
  }

  /// The true positives of a curve with the best precision from each on.
  private func steps(
    _ events: ArraySlice<Event>, _ weights: UnsafePointer<Int32>, _ scratch: inout Scratch
  ) {
    var (truePositives, correction) = (0, 0)
    scratch.steps.removeAll(keepingCapacity: true)
    for event in events {
      let weight = Int(weights[Int(event.image)])
      guard weight > 0 else { continue }
      correction += weight * Int(event.falsePositive)
      guard event.truePositive == 1 else { continue }
      truePositives += weight
      let total = truePositives + Int(scratch.falsePositives[Int(event.place)]) + correction
      scratch.steps.append(
        Step(
          weight: Double(weight), precision: Double(truePositives) / Double(total),
          total: Double(total)))
    }
    var best = -1
    for at in stride(from: scratch.steps.count - 1, through: 0, by: -1) {
      if best < 0 || scratch.steps[at].precision > scratch.steps[best].precision { best = at }
      scratch.steps[at].best = scratch.steps[best].precision
      scratch.steps[best].run += scratch.steps[at].weight
    }
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

  fileprivate mutating func addPoint(truePositives: Int, falsePositives: Int, objectCount: Int) {
    points.append(
      (
        recall: Double(truePositives) / Double(objectCount),
        // The last term is the distance from 1 to the next double, as in the source.
        precision: Double(truePositives)
          / (Double(falsePositives) + Double(truePositives) + 0x1p-52)
      ))
  }

  /// Reads the precision at every recall threshold off the points: from the last point back, each
  /// threshold takes the best precision at its recall or a larger.
  fileprivate mutating func interpolate(at recalls: [Double]) {
    if precisions.count != recalls.count {
      precisions = [Double](repeating: 0, count: recalls.count)
    }
    recall = points.last?.recall ?? 0
    var next = recalls.count - 1
    while next >= 0, points.isEmpty || recalls[next] > recall {
      precisions[next] = 0
      next -= 1
    }
    var best = 0.0
    for at in stride(from: points.count - 1, through: 0, by: -1) {
      best = max(best, points[at].precision)
      let before = at > 0 ? points[at - 1].recall : -1
      while next >= 0, recalls[next] > before {
        precisions[next] = best
        next -= 1
      }
      if next < 0 { break }
    }
  }
}

/// Computes a value for every index, by all threads; the order of the results is that of indices.
func threadMap<Value: Sendable>(_ count: Int, _ body: (Int) -> Value) -> [Value] {
  guard count > 0 else { return [] }
  return [Value](unsafeUninitializedCapacity: count) { buffer, filled in
    nonisolated(unsafe) let base = buffer.baseAddress
    ThreadPool.shared.forEach(count) { index in
      base.map { ($0 + index).initialize(to: body(index)) }
    }
    filled = count
  }
}
