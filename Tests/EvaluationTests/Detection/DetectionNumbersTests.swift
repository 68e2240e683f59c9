import CocoFormat
import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Evaluation

/// Numbers of pycocotools, lvis-api, boundary-iou-api, hotcoco and tidecv, made by
/// `Tests/References/detection_numbers.py`.
private struct Expected: Decodable {
  struct Numbers: Decodable {
    let all, at50, at75: Double
    let byRange, recallByRange, recallByLimit, classes: [Double]

    enum CodingKeys: String, CodingKey {
      case all = "AP"
      case at50 = "AP50"
      case at75 = "AP75"
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
    let all: Double
    let counts: [String: Int]
    let losses: [String: Double]
    let special: [Double]

    enum CodingKeys: String, CodingKey {
      case all = "AP"
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

  static func load(_ name: String) throws -> Expected {
    let path = SourceTree.fixture("Evaluation/detection/\(name).json")
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func masks(_ type: OverlapType) -> Masks { type == .bbox ? bbox : segm }
}

/// Annotations, and detections for them.
private struct Scene {
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
  fileprivate var hasBox: Bool {
    get { box != nil }
    set { if !newValue { box = nil } }
  }
  fileprivate var hasMask: Bool {
    get { segmentation != .none }
    set { if !newValue { segmentation = .none } }
  }
}

private let tolerance = 1e-9

private func expectEqual(
  _ own: Double?, _ expected: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(
    abs((own ?? .infinity) - expected) < tolerance, "\(what): \(own ?? .nan), not \(expected)",
    sourceLocation: sourceLocation)
}

private func expectEqual(
  _ scores: CocoScores, _ expected: Expected.Numbers, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  func check(_ own: Double, _ value: Double, _ name: String) {
    expectEqual(own, value, "\(what) \(name)", sourceLocation: sourceLocation)
  }
  check(scores.averagePrecision(), expected.all, "AP")
  check(scores.averagePrecision(threshold: 0.5), expected.at50, "AP50")
  check(scores.averagePrecision(threshold: 0.75), expected.at75, "AP75")
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
private func expectEqual(
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

private func expectEqual(
  _ scores: CocoScores, _ expected: Expected.Curves, _ what: String,
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

private func expectEqual(
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
private func expectEqual(
  _ scene: Scene, _ type: OverlapType, _ expected: Expected.Masks,
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
  let errors = DetectionErrors(try scene.untied, groundTruth: scene.truth, overlapType: type)
  expectEqual(
    errors.averagePrecision, expected.errors.all, "\(what) TIDE", sourceLocation: sourceLocation)
  for kind in DetectionErrorKind.allCases {
    #expect(
      errors.counts[kind] == expected.errors.counts[kind.rawValue], "\(what) \(kind)",
      sourceLocation: sourceLocation)
    expectEqual(
      errors.losses[kind], expected.errors.losses[kind.rawValue] ?? .nan, "\(what) \(kind)",
      sourceLocation: sourceLocation)
  }
  expectEqual(
    [errors.falsePositiveLoss, errors.falseNegativeLoss], expected.errors.special, missing: 0,
    "\(what) special", sourceLocation: sourceLocation)
}

private func expectEqual(
  _ scene: Scene, _ expected: Expected.Keypoints,
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

private func expectEqual(
  _ scores: CocoScores, _ expected: Expected.Federated, _ what: String,
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

private func fixture(_ name: String) -> String {
  SourceTree.fixture("Evaluation/\(name).json")
}

@Suite("Detection numbers", .timeLimit(.minutes(5)))
struct DetectionNumbersTests {
  @Test(
    "Curves, F1, calibration, confusions, errors, subsets, other overlaps and sizes are the field's",
    arguments: [OverlapType.bbox, .segm])
  func masks(type: OverlapType) throws {
    let scene = try Scene(
      fixture("coco/truth"), fixture("coco/results"),
      without: type == .bbox ? nil : \.hasBox)
    try expectEqual(scene, type, Expected.load("expected").masks(type))
  }

  @Test("Masks have the size of their box where the rules say so, as in mmdetection 2.11")
  func boxSizes() throws {
    let scene = try Scene(fixture("coco/truth"), fixture("coco/results"), without: \.hasBox)
    var settings = CocoProtocol.standard
    settings.detectionSize = .box
    try expectEqual(
      CocoScores(scene.records(.segm, settings)), Expected.load("expected").boxSizes, "box sizes")
  }

  @Test("Boundaries score as in boundary-iou-api, which leaves out what is marked")
  func boundaries() throws {
    let expected = try Expected.load("expected")
    for (truth, numbers) in [
      ("coco/truth", expected.boundary),
      ("detection/marked_truth", try #require(expected.boundaryMarked)),
    ] {
      let scene = try Scene(fixture(truth), fixture("coco/results"), without: \.hasBox)
      expectEqual(CocoScores(scene.records(.boundary, .coco(.boundary))), numbers, truth)
    }
  }

  @Test("Keypoints score as in pycocotools, crowds, unlabelled people and other classes included")
  func keypoints() throws {
    try expectEqual(
      Scene(fixture("detection/keypoints_truth"), fixture("detection/keypoints_results")),
      Expected.load("expected").keypoints)
  }

  @Test("Federated annotations score as in lvis-api, by frequency, too")
  func federated() throws {
    let expected = try Expected.load("expected").lvis
    let (truth, results) = (fixture("detection/lvis_truth"), fixture("detection/lvis_results"))
    let boxes = try Scene(truth, results, without: \.hasMask)
    expectEqual(
      CocoScores(boxes.records(.bbox, .lvis())), try #require(expected["bbox"]), "LVIS boxes")
    expectEqual(
      CocoScores(boxes.records(.bbox, .lvis(), categories: [1, 3, 9])),
      try #require(expected["some"]), "some classes")
    let masks = try Scene(truth, results, without: \.hasBox)
    expectEqual(
      CocoScores(masks.records(.segm, .lvis())), try #require(expected["segm"]), "LVIS masks")
    #expect(boxes.truth.isFederated && boxes.truth.findings.count(.missingCrowd) == 0)
  }

  @Test("Records by every protocol are read as they were written")
  func files() throws {
    let folder = try TemporaryDirectory()
    let masks = try Scene(fixture("coco/truth"), fixture("coco/results"))
    let people = try Scene(
      fixture("detection/keypoints_truth"), fixture("detection/keypoints_results"))
    let federated = try Scene(fixture("detection/lvis_truth"), fixture("detection/lvis_results"))
    var boxSizes = CocoProtocol.standard
    boxSizes.detectionSize = .box
    let all = [
      masks.records(.bbox), masks.records(.segm, boxSizes),
      masks.records(.boundary, .coco(.boundary)), people.records(.keypoints, .coco(.keypoints)),
      federated.records(.bbox, .lvis()),
    ]
    for records in all {
      let path = folder.file("a.matches")
      try records.write(to: path)
      #expect(try MatchRecords(path: path) == records)
      let start = try FileBytes.read(path).prefix(8)
      #expect(
        String(decoding: start, as: UTF8.self)
          == (records == all[0] || records == all[3] ? "SBMATCH1" : "SBMATCH2"))
    }
    let joined = all[4].followed(by: all[4])
    #expect(joined?.categoryGroups == all[4].categoryGroups)
    #expect(all[0].followed(by: all[2]) == nil)
  }

  @Test("The AP of every class is resampled beside that of all")
  func classIntervals() throws {
    let scene = try Scene(fixture("coco/truth"), fixture("coco/results"))
    let records = scene.records(.bbox)
    let own = ResampledDetection([records], perCategory: true)
    let weights = records.imageIDs.indices.map { Int32($0 % 3) }
    let values = own.values(weights: weights)
    let scores = CocoScores(records, copies: weights.map { Int($0) })
    #expect(own.metricNames.suffix(7) == records.categoryIDs.map { "bbox/AP/\($0)" }[...])
    for (place, value) in values.suffix(7).enumerated() {
      expectEqual(value.isNaN ? -1 : value, scores.averagePrecision(category: place), "\(place)")
    }
    // The slopes of a class's AP add to 0 over images, as those of any number that only shares matter to.
    for number in own.linearizations(weights: weights) where number.value.isFinite {
      let sum = zip(number.slopes, weights).reduce(0) { $0 + $1.0 * Double($1.1) }
      #expect(abs(sum) < 1e-9)
    }
  }
}

@Suite("Detection numbers of real files", .timeLimit(.minutes(5)))
struct RealDetectionNumbersTests {
  private func shared(_ name: String) throws -> String {
    try #require(SourceTree.sharedData("eval_json/\(name)"))
  }

  @Test(
    "Published detections have the field's numbers of every kind",
    .needs(sharedData: "eval_json/cocoapi_val2014_100"), arguments: [OverlapType.bbox, .segm])
  func published(type: OverlapType) throws {
    let folder = try shared("cocoapi_val2014_100")
    let scene = try Scene(
      folder + "/instances_val2014_100.json",
      folder + "/instances_val2014_fake\(type.rawValue)100_results.json")
    let expected = try Expected.load("real")
    try expectEqual(scene, type, expected.masks(type))
    guard type == .segm else { return }
    expectEqual(
      CocoScores(scene.records(.boundary, .coco(.boundary))), expected.boundary, "boundary")
    var settings = CocoProtocol.standard
    settings.detectionSize = .box
    expectEqual(CocoScores(scene.records(.segm, settings)), expected.boxSizes, "box sizes")
  }

  @Test(
    "People of COCO have the numbers of pycocotools",
    .needs(sharedData: "eval_json/person_keypoints_val2017/made_results.json"))
  func people() throws {
    let folder = try shared("person_keypoints_val2017")
    try expectEqual(
      Scene(folder + "/annotations.json", folder + "/made_results.json"),
      Expected.load("real").keypoints)
  }

  @Test(
    "Images of LVIS have the numbers of lvis-api",
    .needs(sharedData: "eval_json/lvis_val_100/made_results.json"),
    arguments: [OverlapType.bbox, .segm])
  func federated(type: OverlapType) throws {
    let folder = try shared("lvis_val_100")
    let scene = try Scene(
      folder + "/lvis_val_100.json", folder + "/made_results.json",
      without: type == .bbox ? \.hasMask : \.hasBox)
    let expected = try #require(try Expected.load("real").lvis[type.rawValue])
    expectEqual(CocoScores(scene.records(type, .lvis())), expected, "LVIS \(type)")
  }
}
