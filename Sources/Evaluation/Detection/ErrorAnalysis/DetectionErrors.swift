import CocoFormat
import Threads

/// The ways in which a detector errs.
public enum DetectionErrorKind: String, Sendable, CaseIterable {
  /// The right place and the wrong class.
  case classification
  /// The right class and a place that is off.
  case localization
  /// Wrong in class and in place.
  case both
  /// A second detection of an object that has one.
  case duplicate
  /// Nothing is there.
  case background
  /// An object that no detection comes near.
  case missed
}

/// What average precision a detector loses by each kind of error.
///
/// Every detection that is not right gets one kind, and every object that no other error accounts
/// for is missed. The loss of a kind is what average precision gains when only its errors are put
/// right: a detection takes the class or the place of its object if it is the best of those that
/// could, and else goes away; missed objects go away. The losses do not add up to 1 − AP, since
/// errors hide each other.
///
/// Ground truth given as detections has no error of any kind. What is not known is not held against a
/// detector: wrong detections on crowds and, where annotations are federated (LVIS), those of classes
/// that an image annotates in part, or neither shows nor surely lacks, cost no precision; they are
/// counted, and put right with the others of their kind, as the tool does.
///
/// Source: Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors, 2020, and
/// its tool tidecv 1.0.1, also for LVIS.
/// Differs from the source: detections of equal score keep their order in every corrected curve;
/// the tool puts wrong ones first there.
public struct DetectionErrors: Sendable, Equatable {
  /// What was compared.
  public let overlapType: OverlapType
  /// From this overlap on a detection is right, and up to the other it is background.
  public let foregroundThreshold, backgroundThreshold: Double
  /// Average precision at the foreground threshold: the mean over classes that have objects or
  /// detections.
  public let averagePrecision: Double
  /// How many errors of each kind there are.
  public let counts: [DetectionErrorKind: Int]
  /// What putting each kind right would add to average precision.
  public let losses: [DetectionErrorKind: Double]
  /// What perfect precision at the same recall would add: all false positives ranked last.
  public let falsePositiveLoss: Double
  /// What perfect recall at the same precision would add: no object left without a match.
  public let falseNegativeLoss: Double

  /// Looks through all detections.
  ///
  /// - Parameters:
  ///   - chosen: Indices of the images that are looked at; nil is all.
  ///   - categories: Ids of the categories that are looked at; nil is all.
  ///   - limit: How many detections of an image count, of all classes together.
  ///   - isFederated: Whether only what is annotated is judged, as in LVIS.
  /// - Precondition: `0 < backgroundThreshold ≤ foregroundThreshold`; keypoints have no such errors.
  public init(
    _ detections: CocoDetections, groundTruth: CocoAnnotations, images chosen: [Int]? = nil,
    categories: Set<Int>? = nil, overlapType: OverlapType, foregroundThreshold: Double = 0.5,
    backgroundThreshold: Double = 0.1,
    limit: Int = 100, isFederated: Bool = false
  ) {
    precondition(
      backgroundThreshold > 0 && backgroundThreshold <= foregroundThreshold,
      "background up to \(backgroundThreshold), foreground from \(foregroundThreshold)")
    precondition(overlapType != .keypoints, "TIDE knows no errors of keypoints")
    let (labels, ids) = CocoEvaluator.labels(groundTruth, among: categories)
    // The tool goes through the images in the file's order, which decides between equal scores.
    let images = CocoEvaluator.uniqueImages(groundTruth, among: chosen)
    let perPiece = 16
    let parts = threadMap((images.count + perPiece - 1) / perPiece) { piece in
      var classifier = ErrorClassifier(
        groundTruth: groundTruth, detections: detections, overlapType: overlapType, labels: labels,
        labelCount: ids.count, foreground: foregroundThreshold, background: backgroundThreshold,
        limit: limit, isFederated: isFederated)
      for place in piece * perPiece..<min((piece + 1) * perPiece, images.count) {
        classifier.add(image: images[place])
      }
      return classifier.output
    }
    let outcome = ErrorOutcome(joining: parts, labelCount: ids.count)
    let curves = ErrorCurves(outcome)
    self.overlapType = overlapType
    self.foregroundThreshold = foregroundThreshold
    self.backgroundThreshold = backgroundThreshold
    let base = curves.averagePrecision(.asDetected)
    averagePrecision = base
    var (counts, losses): ([DetectionErrorKind: Int], [DetectionErrorKind: Double]) = ([:], [:])
    for kind in DetectionErrorKind.allCases {
      counts[kind] =
        kind == .missed
        ? outcome.missed.reduce(0, +) : outcome.points.count { $0.outcome == .error(kind) }
      losses[kind] = max(0, curves.averagePrecision(.correcting(kind)) - base)
    }
    self.counts = counts
    self.losses = losses
    falsePositiveLoss = curves.averagePrecision(.withoutFalsePositives) - base
    falseNegativeLoss = curves.averagePrecision(.withoutFalseNegatives) - base
  }
}

/// What became of the detections and objects of some images.
struct ErrorOutcome: Sendable {
  enum Outcome: Sendable, Equatable {
    case right
    case error(DetectionErrorKind)
  }

  struct Point: Sendable {
    let score: Double
    let label: Int32
    let outcome: Outcome
    /// Lies on a crowd, or its class is not judged: it is no false positive, but its error can be put
    /// right.
    let isIgnored: Bool
    /// The class that it is right for once its error is corrected; −1 when it goes away.
    var correctedLabel: Int32
  }

  var points: [Point] = []
  /// For each class: objects to be found, those that no error accounts for, and all unmatched.
  var objects: [Int], missed: [Int], unmatched: [Int]

  init(labelCount: Int) {
    objects = [Int](repeating: 0, count: labelCount)
    missed = objects
    unmatched = objects
  }

  init(joining parts: [ErrorOutcome], labelCount: Int) {
    self.init(labelCount: labelCount)
    points.reserveCapacity(parts.reduce(0) { $0 + $1.points.count })
    for part in parts {
      points += part.points
      for label in 0..<labelCount {
        objects[label] += part.objects[label]
        missed[label] += part.missed[label]
        unmatched[label] += part.unmatched[label]
      }
    }
  }
}
