import CocoFormat
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

/// Numbers of pycocotools and tidecv, made by `Tests/References/coco_evaluation.py`.
private struct Expected: Decodable {
  struct Numbers: Decodable { let metrics, classes: [Double] }
  struct Errors: Decodable {
    let averagePrecision: Double
    let counts: [String: Int]
    let losses: [String: Double]
    let special: [Double]

    private enum CodingKeys: String, CodingKey {
      case averagePrecision = "AP"
      case counts, losses, special
    }
  }
  let ties: [String: Numbers], repeated: [String: Numbers], errors: [String: Errors]
  let copies: [Int]

  static func load() throws -> Expected {
    let path = SourceTree.fixture("Evaluation/coco/expected.json")
    return try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

private func truth(_ name: String) throws -> CocoAnnotations {
  try CocoAnnotations(path: SourceTree.fixture("Evaluation/coco/\(name).json"))
}

private func results(_ name: String, _ truth: CocoAnnotations) throws -> CocoDetections {
  try CocoDetections(
    path: SourceTree.fixture("Evaluation/coco/\(name).json"), groundTruth: truth)
}

/// The same detections without boxes or without masks, as another file would hold them.
private func stripped(
  _ detections: CocoDetections, _ truth: CocoAnnotations, keepsBoxes: Bool
) throws -> CocoDetections {
  let kept = detections.detections.enumerated().map { index, detection in
    CocoResult(
      imageID: truth.images[detection.image].id,
      categoryID: truth.categories[detection.category].id,
      box: keepsBoxes ? detection.box : nil,
      segmentation: keepsBoxes ? .none : detections.segmentations[index], score: detection.score)
  }
  return try CocoDetections(kept, groundTruth: truth)
}

private func expectEqual(
  _ scores: CocoScores, _ expected: Expected.Numbers, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  // The reference has twelve; other headlines follow them.
  for (metric, value) in paired(scores.metrics().prefix(12), expected.metrics) {
    #expect(
      abs(metric.value - value) < 1e-12, "\(what) \(metric.name): \(metric.value), not \(value)",
      sourceLocation: sourceLocation)
  }
  #expect(expected.metrics.count == 12, sourceLocation: sourceLocation)
  for (place, value) in expected.classes.enumerated() {
    let own = scores.averagePrecision(category: place)
    #expect(
      abs(own - value) < 1e-12, "\(what) class \(place): \(own), not \(value)",
      sourceLocation: sourceLocation)
  }
}

@Suite("COCO evaluation", .timeLimit(.minutes(5)))
struct CocoEvaluationTests {
  @Test(
    "A detection whose mask is damaged has no mask that its box could be scored for",
    arguments: [
      (#"{"size":[20,20],"counts":[1,2]}"#, 0.0), (#"{"size":[20],"counts":"1"}"#, 0),
      ("[[1,2,3]]", 0), ("\"none\"", 0), ("null", 1),
      ("[[5,5,15,5,15,15,5,15]]", 1),
    ])
  func damagedMask(segmentation: String, masks: Double) throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(
      text: #"""
        {"images":[{"id":1,"width":20,"height":20,"file_name":"a.png"}],
         "categories":[{"id":1,"name":"a"}],
         "annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[5,5,10,10],"area":100,
          "iscrowd":0,"segmentation":[[5,5,15,5,15,15,5,15]]}]}
        """#, to: folder.file("gt.json"))
    try AtomicFile.write(
      text: """
        [{"image_id":1,"category_id":1,"bbox":[5,5,10,10],"score":0.9,
          "segmentation":\(segmentation)}]
        """, to: folder.file("dt.json"))
    let truth = try CocoAnnotations(path: folder.file("gt.json"))
    let found = try CocoDetections(path: folder.file("dt.json"), groundTruth: truth)
    func precision(_ type: OverlapType) -> Double? {
      CocoScores(CocoEvaluator.match(found, to: truth, overlapType: type)).metrics().first?.value
    }
    #expect(abs((precision(.bbox) ?? -1) - 1) < 1e-9)
    #expect(abs((precision(.segm) ?? -1) - masks) < 1e-9)
  }

  @Test("Thresholds are those of the reference, bit by bit")
  func thresholds() {
    let standard = CocoProtocol.standard
    #expect(
      standard.overlapThresholds == [
        0.5, 0.55000000000000004, 0.59999999999999998, 0.65000000000000002, 0.69999999999999996,
        0.75, 0.80000000000000004, 0.84999999999999998, 0.89999999999999991, 0.94999999999999996,
      ])
    #expect(standard.recallThresholds.count == 101)
    #expect(standard.recallThresholds[35] == 0.35000000000000003)
    #expect(standard.recallThresholds[70] == 0.70000000000000007)
    #expect(standard.recallThresholds[100] == 1)
  }

  @Test(
    "Boxes and masks with ties, crowds, twins, empty images and an id of 0 score as pycocotools")
  func ties() throws {
    let expected = try Expected.load().ties
    let truth = try truth("ties_truth")
    let both = try results("ties_results", truth)
    #expect(both.areBoxes && both.haveMasks)
    func scores(
      _ detections: CocoDetections, _ type: OverlapType, _ settings: CocoProtocol = .standard
    ) -> CocoScores {
      CocoScores(
        CocoEvaluator.match(detections, to: truth, overlapType: type, settings: settings))
    }
    expectEqual(scores(both, .bbox), try #require(expected["bbox"]), "boxes")
    expectEqual(scores(both, .segm), try #require(expected["segm"]), "masks")
    expectEqual(
      scores(both, .bbox, CocoProtocol(maxDetections: [100, 2, 5])),
      try #require(expected["limits"]), "other limits")
    var settings = CocoProtocol.standard
    settings.usesCategories = false
    expectEqual(
      scores(both, .bbox, settings), try #require(expected["agnostic"]), "one class")
    let masks = try stripped(both, truth, keepsBoxes: false)
    #expect(!masks.areBoxes)
    expectEqual(scores(masks, .segm), try #require(expected["masksOnly"]), "masks only")
    expectEqual(scores(masks, .bbox), try #require(expected["masksAsBoxes"]), "masks as boxes")
    let boxes = try stripped(both, truth, keepsBoxes: true)
    expectEqual(scores(boxes, .segm), try #require(expected["boxesAsMasks"]), "boxes as masks")
    settings = .standard
    settings.missesZeroID = false
    settings.detectionSize = .mask
    expectEqual(
      scores(both, .bbox, settings), try #require(expected["correctedBoxes"]), "corrected boxes")
    expectEqual(
      scores(both, .segm, settings), try #require(expected["correctedMasks"]), "corrected masks")
  }

  @Test(
    "Published detections on real images score the published numbers",
    .needs(sharedData: "eval_json/cocoapi_val2014_100"))
  func published() throws {
    let folder = try #require(SourceTree.sharedData("eval_json/cocoapi_val2014_100"))
    let expected: [OverlapType: [Double]] = [
      .bbox: [
        0.5045806987249628, 0.6969727247299577, 0.5729816669904824, 0.5856257209410443,
        0.5193996948036719, 0.5013978986347466, 0.38681277964578054, 0.5936795762842003,
        0.595352982877607, 0.6398109626113442, 0.5664205978994309, 0.5642905982905982,
      ],
      .segm: [
        0.3195452758576433, 0.5622883972521636, 0.29892653412086784, 0.3873740315997838,
        0.31018272403369485, 0.3269339071005138, 0.2682297225711534, 0.41544868114906375,
        0.4168394992198818, 0.4694498622754236, 0.37675922666197265, 0.3814715099715099,
      ],
    ]
    let truth = try CocoAnnotations(path: folder + "/instances_val2014_100.json")
    for (type, numbers) in expected {
      let detections = try CocoDetections(
        path: folder + "/instances_val2014_fake\(type.rawValue)100_results.json",
        groundTruth: truth)
      let scores = CocoScores(CocoEvaluator.match(detections, to: truth, overlapType: type))
      for (metric, value) in paired(scores.metrics().prefix(12), numbers) {
        #expect(abs(metric.value - value) < 1e-12, "\(type) \(metric.name)")
      }
    }
  }

  private func expectPerfect(_ truth: CocoAnnotations) throws {
    let detections = try CocoDetections(truth.asResults(), groundTruth: truth)
    for type in [OverlapType.bbox, .segm] {
      let scores = CocoScores(CocoEvaluator.match(detections, to: truth, overlapType: type))
      let precisions = scores.metrics().filter { $0.name.hasPrefix("AP") && $0.value != -1 }
      #expect(!precisions.isEmpty)
      for metric in precisions {
        #expect(abs(metric.value - 1) < 1e-12, "\(truth.path) \(type) \(metric)")
      }
      let errors = DetectionErrors(detections, groundTruth: truth, overlapType: type)
      #expect(errors.averagePrecision == 1)
      #expect(errors.counts.values.allSatisfy { $0 == 0 }, "\(type) \(errors.counts)")
      #expect(errors.losses.values.allSatisfy { $0 == 0 })
      #expect(errors.falsePositiveLoss == 0 && errors.falseNegativeLoss == 0)
    }
  }

  @Test("Ground truth given as detections scores 1 and has no error")
  func perfect() throws { try expectPerfect(truth("truth")) }

  @Test(
    "Real ground truth given as detections scores 1 and has no error",
    .needs(sharedData: "coco/annotations/instances_val2017.json"))
  func perfectReal() throws {
    try expectPerfect(
      CocoAnnotations(
        path: #require(SourceTree.sharedData("coco/annotations/instances_val2017.json"))))
  }

  @Test("Errors of each kind and what they cost equal those of tidecv")
  func errors() throws {
    let expected = try Expected.load().errors
    let truth = try truth("truth")
    let detections = try results("results", truth)
    for type in [OverlapType.bbox, .segm] {
      let own = DetectionErrors(detections, groundTruth: truth, overlapType: type)
      let reference = try #require(expected[type.rawValue])
      #expect(abs(own.averagePrecision - reference.averagePrecision) < 1e-12)
      for kind in DetectionErrorKind.allCases {
        #expect(own.counts[kind] == reference.counts[kind.rawValue], "\(type) \(kind)")
        let (loss, other) = (
          try #require(own.losses[kind]), try #require(reference.losses[kind.rawValue])
        )
        #expect(abs(loss - other) < 1e-12, "\(type) \(kind): \(loss), not \(other)")
      }
      #expect(abs(own.falsePositiveLoss - reference.special[0]) < 1e-12)
      #expect(abs(own.falseNegativeLoss - reference.special[1]) < 1e-12)
    }
  }

  @Test("No detections score 0, and no objects -1")
  func nothing() throws {
    let truth = try truth("truth")
    let none = try CocoDetections([CocoResult](), groundTruth: truth)
    let scores = CocoScores(CocoEvaluator.match(none, to: truth, overlapType: .bbox))
    #expect(scores.averagePrecision() == 0)
    #expect(scores.averageRecall() == 0)
    #expect(scores.averagePrecision(category: 6) == -1)
    #expect(
      DetectionErrors(none, groundTruth: truth, overlapType: .segm).counts[.missed]
        == truth.annotations.count { !$0.isCrowd })
  }

  @Test("The result does not depend on the number of threads")
  func threads() throws {
    let truth = try truth("truth")
    let detections = try results("results", truth)
    let one = withThreadCount(1) {
      CocoEvaluator.match(detections, to: truth, overlapType: .segm)
    }
    let two = withThreadCount(2) {
      CocoEvaluator.match(detections, to: truth, overlapType: .segm)
    }
    #expect(one == two)
    let resampled = ResampledDetection([one])
    let a = withThreadCount(1) { Bootstrap(resampled, resampleCount: 20, seed: 3) }
    let b = withThreadCount(2) { Bootstrap(resampled, resampleCount: 20, seed: 3) }
    #expect(a == b)
  }

  @Test("A detection of an image that the ground truth lacks is refused by name")
  func unknownImage() throws {
    let truth = try truth("truth")
    let stray = CocoResult(
      imageID: 999_999, categoryID: 1, box: CocoBox(x: 0, y: 0, width: 1, height: 1), score: 1)
    let error = #expect(throws: DatasetError.self) {
      try CocoDetections([stray], name: "strays.json", groundTruth: truth)
    }
    #expect(error?.description.contains("detection 1 is of image 999999") == true)
  }
}

@Suite("Match records", .timeLimit(.minutes(5)))
struct MatchRecordTests {
  private func records(_ type: OverlapType = .bbox) throws -> MatchRecords {
    let truth = try truth("truth")
    return CocoEvaluator.match(try results("results", truth), to: truth, overlapType: type)
  }

  @Test("Images weighed by copies score as pycocotools on the repeated images")
  func copies() throws {
    let expected = try Expected.load()
    for type in [OverlapType.bbox, .segm] {
      let scores = CocoScores(try records(type), copies: expected.copies)
      expectEqual(scores, try #require(expected.repeated[type.rawValue]), "\(type) repeated")
    }
  }

  @Test("Records read back are the records written, and score the same")
  func file() throws {
    let folder = try TemporaryDirectory()
    let written = try records(.segm)
    try written.write(to: folder.file("a.matches"))
    let read = try MatchRecords(path: folder.file("a.matches"))
    #expect(read == written)
    #expect(CocoScores(read).metrics() == CocoScores(written).metrics())
  }

  @Test("Damaged records are refused")
  func damage() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("a.matches")
    try records().write(to: path)
    let good = try FileBytes.read(path)
    for count in [0, 3, 11, good.count / 2, good.count - 1] {
      try AtomicFile.write(good.prefix(count), to: path)
      #expect(throws: FileError.self) { try MatchRecords(path: path) }
    }
    var flipped = good
    flipped[good.count / 2] ^= 4
    try AtomicFile.write(flipped, to: path)
    let error = #expect(throws: FileError.self) { try MatchRecords(path: path) }
    #expect(error?.exitCode == .badData)
  }

  @Test("A class without any mask has no mask AP; one with some counts the others as missed")
  func classesWithoutMasks() throws {
    let folder = try TemporaryDirectory()
    func object(_ id: Int, _ category: Int, _ x: Int, hasMask: Bool) -> String {
      let mask = #","segmentation":[[\#(x),0,\#(x),9,\#(x + 9),9,\#(x + 9),0]]"#
      return #"{"id":\#(id),"image_id":1,"category_id":\#(category),"bbox":[\#(x),0,9,9],"#
        + #""area":81,"iscrowd":0\#(hasMask ? mask : "")}"#
    }
    let path = folder.file("set.json")
    try AtomicFile.write(
      text: #"{"images":[{"id":1,"file_name":"a","width":60,"height":20}],"annotations":["#
        + [
          object(1, 1, 0, hasMask: true), object(2, 2, 20, hasMask: false),
          object(3, 3, 40, hasMask: true), object(4, 3, 50, hasMask: false),
        ].joined(separator: ",")
        + #"],"categories":[{"id":1,"name":"a"},{"id":2,"name":"b"},{"id":3,"name":"c"}]}"#,
      to: path)
    let truth = try CocoAnnotations(path: path)
    let found = try CocoDetections(truth.asResults(), groundTruth: truth)
    let scores = CocoScores(CocoEvaluator.match(found, to: truth, overlapType: .segm))
    #expect(scores.averagePrecision(category: 0) > 0.999)
    #expect(scores.averagePrecision(category: 1) == -1)
    let half = scores.averagePrecision(category: 2)
    #expect(half > 0.4 && half < 0.6, "\(half)")
    let boxes = CocoScores(CocoEvaluator.match(found, to: truth, overlapType: .bbox))
    #expect((0..<3).allSatisfy { boxes.averagePrecision(category: $0) > 0.999 })
  }
}
