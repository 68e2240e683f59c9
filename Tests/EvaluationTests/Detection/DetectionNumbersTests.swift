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
    expectEqual(
      CocoScores(masks.records(.boundary, .lvis(.boundary))), try #require(expected["boundary"]),
      "LVIS boundaries")
    #expect(boxes.truth.isFederated && boxes.truth.findings.count(.missingCrowd) == 0)
  }

  @Test("What has no area is left out of federated annotations, as in lvis-api")
  func federatedWithoutArea() throws {
    let expected = try DetectionReference.load("expected").lvis
    let files = (fixture("detection/lvis_empty_truth"), fixture("detection/lvis_empty_results"))
    let boxes = try DetectionScene(files.0, files.1, without: \.hasMask)
    let masks = try DetectionScene(files.0, files.1, without: \.hasBox)
    for scene in [boxes, masks] {
      #expect(scene.truth.annotations.contains { $0.area == 0 })
      #expect(scene.found.detections.contains { $0.area == 0 })
    }
    for (scene, type, name) in [
      (boxes, OverlapType.bbox, "emptyBoxes"), (masks, .segm, "emptyMasks"),
      (masks, .boundary, "emptyBoundaries"),
    ] {
      expectEqual(
        CocoScores(scene.records(type, .lvis(type))), try #require(expected[name]), name)
    }
    // The objects of the confusions, found or not, are those that have an area.
    let confusion = DetectionConfusion(
      boxes.found, groundTruth: boxes.truth, overlapType: .bbox, isFederated: true)
    let (side, last) = (confusion.side, confusion.side - 1)
    #expect(
      confusion.counts.prefix(side * last).reduce(0, +)
        == boxes.truth.annotations.count { $0.area > 0 && !$0.isIgnored })
  }

  @Test(
    "Errors on federated annotations are those of tidecv", arguments: [OverlapType.bbox, .segm])
  func federatedErrors(type: OverlapType) throws {
    let folder = try TemporaryDirectory()
    // The tool knows no marks of single objects.
    let text = String(
      decoding: try FileBytes.read(fixture("detection/lvis_truth")), as: UTF8.self)
    try AtomicFile.write(
      text: text.replacing("\"ignore\":1", with: "\"ignore\":0"), to: folder.file("truth.json"))
    let scene = try DetectionScene(
      folder.file("truth.json"), fixture("detection/lvis_results"),
      without: type == .bbox ? \.hasMask : \.hasBox)
    let expected = try #require(
      try DetectionReference.load("expected").lvisErrors?[type.rawValue])
    expectEqual(
      DetectionErrors(
        try scene.untied, groundTruth: scene.truth, overlapType: type, limit: 300,
        isFederated: true), expected, "LVIS \(type)")
  }

  /// The detections of an image with the highest scores, equal ones in the file's order.
  private func best(_ limit: Int, of found: CocoDetections, _ image: Int) -> [CocoDetection] {
    let all = found.indices(ofImage: image).sorted().map { found.detections[Int($0)] }
    let ranked = all.enumerated().sorted {
      ($1.element.score, $0.offset) < ($0.element.score, $1.offset)
    }
    return ranked.prefix(limit).map(\.element)
  }

  @Test("Confusions on federated annotations are of what is known alone")
  func federatedConfusion() throws {
    let scene = try DetectionScene(
      fixture("detection/lvis_truth"), fixture("detection/lvis_results"), without: \.hasMask)
    // Whose turn it is among equal scores is another matter.
    let (truth, found) = (scene.truth, try scene.untied)
    let own = DetectionConfusion(
      found, groundTruth: truth, overlapType: .bbox, lowestScore: 0, limit: 300, isFederated: true)
    // By hand, image by image: the best 300, less those of classes of which nothing is known; each in
    // turn takes the free object that it overlaps most, one of a class that is annotated in part only
    // of its own class.
    let side = own.side
    var counts = [Int](repeating: 0, count: side * side)
    func row(_ category: Int) throws -> Int {
      try #require(own.categoryIDs.firstIndex(of: truth.categories[category].id))
    }
    var (unknown, unjudged) = (0, 0)
    for (index, image) in truth.images.enumerated() {
      let objects: [CocoAnnotation] = truth.annotationIndices(ofImage: index).map {
        truth.annotations[Int($0)]
      }
      let present = Set(objects.map(\.category))
      var isTaken = [Bool](repeating: false, count: objects.count)
      for detection in best(300, of: found, index) {
        let id = truth.categories[detection.category].id
        let isAbsent = image.negativeCategoryIDs?.contains(id) ?? false
        guard isAbsent || present.contains(detection.category) else {
          unknown += 1
          continue
        }
        let isPartial = image.notExhaustiveCategoryIDs.contains(id)
        // Of equal overlaps the last; marked objects come behind all others.
        var match: Int?
        for isMarked in [false, true] where match == nil {
          var most = 0.5
          for (at, object) in objects.enumerated() where object.isIgnored == isMarked {
            if isTaken[at] || isPartial && object.category != detection.category { continue }
            let overlap = boxOverlap(detection.box, object.box, isCrowd: false)
            if overlap >= most { (most, match) = (overlap, at) }
          }
        }
        let column = try row(detection.category)
        if let match {
          isTaken[match] = true
          if !objects[match].isIgnored {
            counts[try row(objects[match].category) * side + column] += 1
          }
        } else if isPartial {
          unjudged += 1
        } else {
          counts[(side - 1) * side + column] += 1
        }
      }
      for (object, isTaken) in zip(objects, isTaken) where !isTaken && !object.isIgnored {
        counts[try row(object.category) * side + side - 1] += 1
      }
    }
    #expect(own.counts == counts)
    // The scene has what the rules are about.
    #expect(unknown > 0 && unjudged > 0)
    let judged = DetectionConfusion(
      found, groundTruth: truth, overlapType: .bbox, lowestScore: 0, limit: 300)
    #expect(judged.counts != own.counts)
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
    arguments: [OverlapType.bbox, .segm, .boundary])
  func federated(type: OverlapType) throws {
    let folder = try shared("lvis_val_100")
    let scene = try DetectionScene(
      folder + "/lvis_val_100.json", folder + "/made_results.json",
      without: type == .bbox ? \.hasMask : \.hasBox)
    let expected = try #require(try DetectionReference.load("real").lvis[type.rawValue])
    expectEqual(CocoScores(scene.records(type, .lvis(type))), expected, "LVIS \(type)")
  }
}
