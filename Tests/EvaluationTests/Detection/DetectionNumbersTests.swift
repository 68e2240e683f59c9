import CocoFormat
import FileSupport
import Foundation
import TestSupport
import Testing

@testable import Evaluation

private func fixture(_ name: String) -> String {
  SourceTree.fixture("Evaluation/\(name).json")
}

@Suite("Detection numbers", .timeLimit(.minutes(5)))
struct DetectionNumbersTests {
  @Test(
    "Curves, F1, calibration, confusions, errors, subsets, other overlaps and sizes are the field's",
    arguments: [OverlapType.bbox, .segm])
  func masks(type: OverlapType) throws {
    let scene = try DetectionScene(
      fixture("coco/truth"), fixture("coco/results"),
      without: type == .bbox ? nil : \.hasBox)
    try expectEqual(scene, type, DetectionReference.load("expected").masks(type))
  }

  @Test("Masks have the size of their box where the rules say so, as in mmdetection 2.11")
  func boxSizes() throws {
    let scene = try DetectionScene(
      fixture("coco/truth"), fixture("coco/results"), without: \.hasBox)
    var settings = CocoProtocol.standard
    settings.detectionSize = .box
    try expectEqual(
      CocoScores(scene.records(.segm, settings)), DetectionReference.load("expected").boxSizes,
      "box sizes")
  }

  @Test("Boundaries score as in boundary-iou-api, which leaves out what is marked")
  func boundaries() throws {
    let expected = try DetectionReference.load("expected")
    for (truth, numbers) in [
      ("coco/truth", expected.boundary),
      ("detection/marked_truth", try #require(expected.boundaryMarked)),
    ] {
      let scene = try DetectionScene(fixture(truth), fixture("coco/results"), without: \.hasBox)
      expectEqual(CocoScores(scene.records(.boundary, .coco(.boundary))), numbers, truth)
    }
  }

  @Test("Keypoints score as in pycocotools, crowds, unlabelled people and other classes included")
  func keypoints() throws {
    try expectEqual(
      DetectionScene(fixture("detection/keypoints_truth"), fixture("detection/keypoints_results")),
      DetectionReference.load("expected").keypoints)
  }

  @Test("Federated annotations score as in lvis-api, by frequency, too")
  func federated() throws {
    let expected = try DetectionReference.load("expected").lvis
    let (truth, results) = (fixture("detection/lvis_truth"), fixture("detection/lvis_results"))
    let boxes = try DetectionScene(truth, results, without: \.hasMask)
    expectEqual(
      CocoScores(boxes.records(.bbox, .lvis())), try #require(expected["bbox"]), "LVIS boxes")
    expectEqual(
      CocoScores(boxes.records(.bbox, .lvis(), categories: [1, 3, 9])),
      try #require(expected["some"]), "some classes")
    let masks = try DetectionScene(truth, results, without: \.hasBox)
    expectEqual(
      CocoScores(masks.records(.segm, .lvis())), try #require(expected["segm"]), "LVIS masks")
    #expect(boxes.truth.isFederated && boxes.truth.findings.count(.missingCrowd) == 0)
  }

  @Test("Records by every protocol are read as they were written")
  func files() throws {
    let folder = try TemporaryDirectory()
    let masks = try DetectionScene(fixture("coco/truth"), fixture("coco/results"))
    let people = try DetectionScene(
      fixture("detection/keypoints_truth"), fixture("detection/keypoints_results"))
    let federated = try DetectionScene(
      fixture("detection/lvis_truth"), fixture("detection/lvis_results"))
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
    let scene = try DetectionScene(fixture("coco/truth"), fixture("coco/results"))
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
    let scene = try DetectionScene(
      folder + "/instances_val2014_100.json",
      folder + "/instances_val2014_fake\(type.rawValue)100_results.json")
    let expected = try DetectionReference.load("real")
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
      DetectionScene(folder + "/annotations.json", folder + "/made_results.json"),
      DetectionReference.load("real").keypoints)
  }

  @Test(
    "Images of LVIS have the numbers of lvis-api",
    .needs(sharedData: "eval_json/lvis_val_100/made_results.json"),
    arguments: [OverlapType.bbox, .segm])
  func federated(type: OverlapType) throws {
    let folder = try shared("lvis_val_100")
    let scene = try DetectionScene(
      folder + "/lvis_val_100.json", folder + "/made_results.json",
      without: type == .bbox ? \.hasMask : \.hasBox)
    let expected = try #require(try DetectionReference.load("real").lvis[type.rawValue])
    expectEqual(CocoScores(scene.records(type, .lvis())), expected, "LVIS \(type)")
  }
}
