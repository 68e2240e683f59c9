/// Average precision of detections as they are and with errors put right.
///
/// Source: tidecv 1.0.1, `ap.py`: 101 recalls, precision without the source's added 2⁻⁵²; a class
/// that has detections and no objects scores 0.
struct ErrorCurves {
  enum Variant: Equatable {
    case asDetected
    case correcting(DetectionErrorKind)
    case withoutFalsePositives
    case withoutFalseNegatives
  }

  private let outcome: ErrorOutcome
  // Points by descending score, equal ones in the order of images.
  private let order: [Int]

  init(_ outcome: ErrorOutcome) {
    self.outcome = outcome
    order = outcome.points.indices
      .map { (score: outcome.points[$0].score, index: $0) }
      .sorted { $0.score > $1.score || ($0.score == $1.score && $0.index < $1.index) }
      .map(\.index)
  }

  /// The mean over classes that have objects or detections; 0 where none has.
  func averagePrecision(_ variant: Variant) -> Double {
    var isRight = [[Bool]](repeating: [], count: outcome.objects.count)
    for index in order {
      let point = outcome.points[index]
      switch point.outcome {
      case .right: isRight[Int(point.label)].append(true)
      case .error(let kind) where variant == .correcting(kind):
        if point.correctedLabel >= 0 { isRight[Int(point.correctedLabel)].append(true) }
      case .error:
        if !point.isIgnored { isRight[Int(point.label)].append(false) }
      }
    }
    var (sum, count) = (0.0, 0)
    for label in isRight.indices {
      var objects = outcome.objects[label]
      if variant == .correcting(.missed) { objects -= outcome.missed[label] }
      if variant == .withoutFalseNegatives { objects -= outcome.unmatched[label] }
      if variant == .withoutFalsePositives {
        // Ranked behind everything that is right, in whatever order.
        isRight[label].sort { $0 && !$1 }
      }
      guard objects > 0 || !isRight[label].isEmpty else { continue }
      sum += Self.averagePrecision(isRight[label], objects: objects)
      count += 1
    }
    return count == 0 ? 0 : sum / Double(count)
  }

  /// The mean of the precisions at recalls 0, 0.01, …, 1.
  private static func averagePrecision(_ isRight: [Bool], objects: Int) -> Double {
    guard objects > 0 else { return 0 }
    var points: [(recall: Double, precision: Double)] = []
    var (right, wrong) = (0, 0)
    for outcome in isRight {
      guard outcome else {
        wrong += 1
        continue
      }
      right += 1
      points.append(
        (Double(right) / Double(objects), Double(right) / Double(right + wrong)))
    }
    // From the last point back: each recall reads the best precision there or further on.
    var (sum, best, next) = (0.0, 0.0, 100)
    while next >= 0, Double(next) / 100 > points.last?.recall ?? -1 { next -= 1 }
    for at in stride(from: points.count - 1, through: 0, by: -1) {
      best = max(best, points[at].precision)
      let before = at > 0 ? points[at - 1].recall : -1
      while next >= 0, Double(next) / 100 > before {
        sum += best
        next -= 1
      }
    }
    return sum / 101
  }
}
