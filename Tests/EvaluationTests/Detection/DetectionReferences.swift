import CocoFormat
import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Evaluation

/// Numbers of pycocotools, lvis-api, boundary-iou-api, hotcoco and tidecv, made by
/// `Tests/References/detection_numbers.py`.
struct DetectionReference: Decodable {
  struct Numbers: Decodable {
    let precision, precision50, precision75: Double
    let byRange, recallByRange, recallByLimit, classes: [Double]

    private enum CodingKeys: String, CodingKey {
      case precision = "AP"
      case precision50 = "AP50"
      case precision75 = "AP75"
      case byRange, recallByRange, recallByLimit, classes
    }
  }
  struct Curves: Decodable {
    let precision, scores: [Double]?
    let precisionSums, scoreSums: [Double]
  }
  struct Calibration: Decodable {
    let ece, mce: Double
    let count: Int
    let bins: [[Double]]
    let classes: [String: Double]
  }
  struct Errors: Decodable {
    let precision: Double
    let counts: [String: Int]
    let losses: [String: Double]
    let special: [Double]

    private enum CodingKeys: String, CodingKey {
      case precision = "AP"
      case counts, losses, special
    }
  }
  struct Masks: Decodable {
    let numbers, thresholds, ranges, some: Numbers
    let curves: Curves
    let best: [Double]
    let bestByClass: [String: [Double]?]
    let f1: [Double]
    let calibration: Calibration
    let confusion: [Int]
    let errors: Errors
  }
  struct Keypoints: Decodable {
    let metrics: [Double]
    let numbers: Numbers
    let curves: Curves
    let best: [Double]
  }
  struct Federated: Decodable {
    let metrics: [String: Double]
    let classes: [Double]
  }
  let bbox, segm: Masks
  let boxSizes, boundary: Numbers
  let boundaryMarked: Numbers?
  let keypoints: Keypoints
  let lvis: [String: Federated]
  let lvisErrors: [String: Errors]?

  static func load(_ name: String) throws -> DetectionReference {
    let path = SourceTree.fixture("Evaluation/detection/\(name).json")
    return try JSONDecoder().decode(
      DetectionReference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func masks(_ type: OverlapType) -> Masks { type == .bbox ? bbox : segm }
}

/// Annotations, and detections for them.
struct DetectionScene {
  let truth: CocoAnnotations
  let found: CocoDetections

  init(_ truth: String, _ results: String, without key: WritableKeyPath<CocoResult, Bool>? = nil)
    throws
  {
    self.truth = try CocoAnnotations(path: truth)
    let read = try CocoDetections(path: results, groundTruth: self.truth)
    guard let key else {
      found = read
      return
    }
    let (annotations, detections) = (self.truth, read)
    found = try CocoDetections(
      read.detections.enumerated().map { index, detection in
        var result = CocoResult(
          imageID: annotations.images[detection.image].id,
          categoryID: annotations.categories[detection.category].id, box: detection.box,
          segmentation: detections.segmentations[index], score: detection.score)
        result[keyPath: key] = false
        return result
      }, groundTruth: self.truth)
  }

  /// The same detections, of equal scores the earlier better, as the script hands them to tidecv.
  var untied: CocoDetections {
    get throws {
      try CocoDetections(
        found.detections.enumerated().map { index, detection in
          CocoResult(
            imageID: truth.images[detection.image].id,
            categoryID: truth.categories[detection.category].id, box: detection.box,
            segmentation: found.segmentations[index], score: detection.score - 1e-7 * Double(index))
        }, groundTruth: truth)
    }
  }

  func records(
    _ type: OverlapType, _ settings: CocoProtocol = .standard, images: [Int]? = nil,
    categories: Set<Int>? = nil
  ) -> MatchRecords {
    CocoEvaluator.match(
      found, to: truth, images: images, categories: categories, overlapType: type,
      settings: settings)
  }
}

extension CocoResult {
  /// Whether there is a box, or a mask; false takes it away.
  var hasBox: Bool {
    get { box != nil }
    set { if !newValue { box = nil } }
  }
  var hasMask: Bool {
    get { segmentation != .none }
    set { if !newValue { segmentation = .none } }
  }
}

private let tolerance = 1e-9

func expectEqual(
  _ own: Double?, _ expected: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    abs((own ?? .infinity) - expected) < tolerance, "\(what): \(own ?? .nan), not \(expected)",
    sourceLocation: sourceLocation)
}

func expectEqual(
  _ scores: CocoScores, _ expected: DetectionReference.Numbers, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func check(_ own: Double, _ value: Double, _ name: String) {
    expectEqual(own, value, "\(what) \(name)", sourceLocation: sourceLocation)
  }
  check(scores.averagePrecision(), expected.precision, "AP")
  check(scores.averagePrecision(threshold: 0.5), expected.precision50, "AP50")
  check(scores.averagePrecision(threshold: 0.75), expected.precision75, "AP75")
  for (range, value) in expected.byRange.enumerated() {
    check(scores.averagePrecision(areaRange: range), value, "AP of range \(range)")
  }
  for (range, value) in expected.recallByRange.enumerated() {
    check(scores.averageRecall(areaRange: range), value, "AR of range \(range)")
  }
  for (limit, value) in expected.recallByLimit.enumerated() {
    check(scores.averageRecall(limit: limit), value, "AR of limit \(limit)")
  }
  #expect(scores.categoryIDs.count == expected.classes.count, sourceLocation: sourceLocation)
  for (place, value) in expected.classes.enumerated() {
    check(scores.averagePrecision(category: place), value, "class \(place)")
  }
}

/// Numbers of the reference, whose classes without objects have −1 where ours have NaN.
func expectEqual(
  _ own: [Double], _ expected: [Double], missing: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  for (at, (value, other)) in paired(own, expected, sourceLocation: sourceLocation).enumerated() {
    let value = value.isNaN ? missing : value
    guard abs(value - other) >= tolerance else { continue }
    Issue.record("\(what)[\(at)]: \(value), not \(other)", sourceLocation: sourceLocation)
    return
  }
}

func expectEqual(
  _ scores: CocoScores, _ expected: DetectionReference.Curves, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let recalls = scores.settings.recallThresholds.count
  let (classes, steps) = (scores.categoryIDs.count, scores.settings.overlapThresholds.count)
  func sums(_ values: [Double]) -> [Double] {
    stride(from: 0, to: values.count, by: recalls).map { values[$0..<$0 + recalls].reduce(0, +) }
  }
  let missing = -Double(recalls)
  expectEqual(
    sums(scores.precision), expected.precisionSums, missing: missing, "\(what) precision sums",
    sourceLocation: sourceLocation)
  expectEqual(
    sums(scores.scores), expected.scoreSums, missing: missing, "\(what) score sums",
    sourceLocation: sourceLocation)
  func picked(_ values: [Double]) -> [Double] {
    var result: [Double] = []
    for step in [0, steps - 1] {
      for place in 0..<classes {
        let first = (place * steps + step) * recalls
        result += values[first..<first + recalls]
      }
    }
    return result
  }
  if let precision = expected.precision {
    expectEqual(
      picked(scores.precision), precision, missing: -1, "\(what) precision",
      sourceLocation: sourceLocation)
  }
  if let reached = expected.scores {
    expectEqual(
      picked(scores.scores), reached, missing: -1, "\(what) scores", sourceLocation: sourceLocation)
  }
}

func expectEqual(
  _ point: OperatingPoint?, _ expected: [Double]?, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let expected else {
    #expect(point == nil, "\(what)", sourceLocation: sourceLocation)
    return
  }
  let own = point.map { [$0.f1, $0.score, $0.precision, $0.recall] } ?? []
  expectEqual(own, expected, missing: 0, what, sourceLocation: sourceLocation)
}

/// Everything that there is of one type of overlap.
func expectEqual(
  _ scene: DetectionScene, _ type: OverlapType, _ expected: DetectionReference.Masks,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let records = scene.records(type)
  let scores = CocoScores(records)
  let what = type.rawValue
  expectEqual(scores, expected.numbers, what, sourceLocation: sourceLocation)
  expectEqual(scores, expected.curves, what, sourceLocation: sourceLocation)
  for (threshold, value) in paired([nil, 0.5, 0.75], expected.f1) {
    expectEqual(
      scores.bestF1(threshold: threshold), value, "\(what) F1", sourceLocation: sourceLocation)
  }
  expectEqual(
    records.bestPoint(), expected.best, "\(what) best", sourceLocation: sourceLocation)
  for (place, id) in records.categoryIDs.enumerated() {
    expectEqual(
      records.bestPoint(category: place), expected.bestByClass["\(id)"] ?? nil,
      "\(what) best of \(id)", sourceLocation: sourceLocation)
  }
  let calibration = records.calibration()
  expectEqual(
    calibration.expectedError, expected.calibration.ece, "\(what) ECE",
    sourceLocation: sourceLocation)
  expectEqual(
    calibration.largestError, expected.calibration.mce, "\(what) MCE",
    sourceLocation: sourceLocation)
  #expect(calibration.count == expected.calibration.count, sourceLocation: sourceLocation)
  for (bin, other) in paired(calibration.bins, expected.calibration.bins) {
    let count = Double(max(1, bin.count))
    expectEqual(
      [Double(bin.count), bin.confidence / count, Double(bin.right) / count], other, missing: 0,
      "\(what) bin", sourceLocation: sourceLocation)
  }
  for (place, id) in records.categoryIDs.enumerated() {
    let own = records.calibration(category: place).expectedError
    expectEqual(
      own.isNaN ? 0 : own, expected.calibration.classes["\(id)"] ?? 0, "\(what) ECE of \(id)",
      sourceLocation: sourceLocation)
  }
  let confusion = DetectionConfusion(scene.found, groundTruth: scene.truth, overlapType: type)
  #expect(confusion.counts == expected.confusion, "\(what)", sourceLocation: sourceLocation)
  var settings = CocoProtocol.standard
  settings.overlapThresholds = [0.3, 0.6, 0.9]
  expectEqual(
    CocoScores(scene.records(type, settings)), expected.thresholds, "\(what) thresholds",
    sourceLocation: sourceLocation)
  settings = .standard
  settings.areaRanges = [
    AreaRange("all", 0, 1e10), AreaRange("tiny", 0, 400), AreaRange("middling", 400, 2500),
  ]
  expectEqual(
    CocoScores(scene.records(type, settings)), expected.ranges, "\(what) ranges",
    sourceLocation: sourceLocation)
  let byID = scene.truth.images.indices.sorted {
    scene.truth.images[$0].id < scene.truth.images[$1].id
  }
  expectEqual(
    CocoScores(
      scene.records(
        type, images: stride(from: 0, to: byID.count, by: 3).map { byID[$0] },
        categories: Set(
          stride(from: 1, to: records.categoryIDs.count, by: 2).map { records.categoryIDs[$0] }))),
    expected.some, "\(what) some", sourceLocation: sourceLocation)
  expectEqual(
    DetectionErrors(try scene.untied, groundTruth: scene.truth, overlapType: type), expected.errors,
    what, sourceLocation: sourceLocation)
}

func expectEqual(
  _ errors: DetectionErrors, _ expected: DetectionReference.Errors, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectEqual(
    errors.averagePrecision, expected.precision, "\(what) TIDE", sourceLocation: sourceLocation)
  for kind in DetectionErrorKind.allCases {
    #expect(
      errors.counts[kind] == expected.counts[kind.rawValue], "\(what) \(kind)",
      sourceLocation: sourceLocation)
    expectEqual(
      errors.losses[kind], expected.losses[kind.rawValue] ?? .nan, "\(what) \(kind)",
      sourceLocation: sourceLocation)
  }
  expectEqual(
    [errors.falsePositiveLoss, errors.falseNegativeLoss], expected.special, missing: 0,
    "\(what) special", sourceLocation: sourceLocation)
}

func expectEqual(
  _ scene: DetectionScene, _ expected: DetectionReference.Keypoints,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let records = scene.records(.keypoints, .coco(.keypoints))
  let scores = CocoScores(records)
  for (metric, value) in paired(scores.metrics(), expected.metrics) {
    expectEqual(metric.value, value, "keypoints \(metric.name)", sourceLocation: sourceLocation)
  }
  expectEqual(scores, expected.numbers, "keypoints", sourceLocation: sourceLocation)
  expectEqual(scores, expected.curves, "keypoints", sourceLocation: sourceLocation)
  expectEqual(records.bestPoint(), expected.best, "keypoints", sourceLocation: sourceLocation)
}

func expectEqual(
  _ scores: CocoScores, _ expected: DetectionReference.Federated, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(expected.metrics.count == scores.metrics().count, sourceLocation: sourceLocation)
  for metric in scores.metrics() {
    expectEqual(
      metric.value, expected.metrics[metric.name] ?? .nan, "\(what) \(metric.name)",
      sourceLocation: sourceLocation)
  }
  for (place, value) in expected.classes.enumerated() {
    expectEqual(
      scores.averagePrecision(category: place), value, "\(what) class \(place)",
      sourceLocation: sourceLocation)
  }
}
