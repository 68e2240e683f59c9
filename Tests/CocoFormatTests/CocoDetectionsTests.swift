import CocoFormat
import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing
import VisionData

@Suite("COCO results", .timeLimit(.minutes(5)))
struct CocoDetectionsTests {
  private let folder: TemporaryDirectory
  private let truth: CocoAnnotations

  init() throws {
    folder = try TemporaryDirectory()
    truth = try CocoAnnotations(path: SourceTree.fixture("Evaluation/coco/truth.json"))
  }

  @Test("Files that were joined twice are told; a box that is found twice is not")
  func copies() throws {
    let annotations = try oneImageTruth(width: 90, height: 80, in: folder)
    let own = (1...30).map {
      "{\"image_id\":1,\"category_id\":1,\"bbox\":[\($0),1,9,9],\"score\":0.5}"
    }
    func findings(_ records: [String]) throws -> CocoFindings {
      let path = folder.file("results.json")
      try AtomicFile.write(text: "[" + records.joined(separator: ",") + "]", to: path)
      return try CocoDetections(path: path, groundTruth: annotations).findings
    }
    let twice = try findings(own + own)
    #expect(twice.count(.repeatedDetection) == 1)
    #expect(twice.text().contains("30 of 60 detections repeat another one"), "\(twice.text())")
    #expect(try findings(own + own.prefix(2)).count(.repeatedDetection) == 0)
  }

  @Test("A list that is read in many parts is joined in order, and judged as a whole")
  func manyParts() throws {
    let annotations = try oneImageTruth(width: 90, height: 80, in: folder)
    // Masks behind the first megabyte only; four boxes in ten reach out of the image.
    let mask = try RunLengthMask(height: 80, width: 90, counts: [0, 9, 7191])
    var results: [CocoResult] = []
    for at in 0..<30_000 {
      let (left, top) = (Double(at % 30), Double(at / 1000))
      results.append(
        CocoResult(
          imageID: 1, categoryID: 1,
          box: CocoBox(x: left, y: top, width: at % 10 < 4 ? 200 : 9, height: 9),
          segmentation: at < 12_000 ? .none : .runs(mask, isCompressed: true),
          score: Double(at + 1) / 40_000))
    }
    let file = folder.file("results.json")
    try CocoWriter.write(results, to: file)
    let read = try CocoDetections(path: file, groundTruth: annotations)
    let direct = try CocoDetections(results, groundTruth: annotations)
    #expect(read.detections == direct.detections)
    #expect(read.detections.map { $0.score } == results.map { $0.score })
    #expect(read.detections.allSatisfy { $0.area == $0.box.area })
    #expect(Array(read.indices(ofImage: 0)) == (0..<30_000).map { Int32($0) })
    for at in [0, 11_999, 12_000, 29_999] {
      #expect(read.segmentations[at] == results[at].segmentation)
      #expect((read.segmentations.extent(of: at)?.area ?? 0) == (at < 12_000 ? 0 : 9))
    }
    #expect(
      read.findings.text().contains("12000 of 30000 boxes reach far out"),
      "\(read.findings.text())")
    #expect(read.findings.count(.repeatedDetection) == 0)
    try CocoWriter.write(results + results, to: file)
    let twice = try CocoDetections(path: file, groundTruth: annotations).findings
    #expect(twice.count(.repeatedDetection) == 1, "\(twice.text())")
  }

  @Test("Results written and read again are the same")
  func roundTrip() throws {
    let results = truth.asResults(score: 1.0 / 3)
    let path = folder.file("results.json")
    try CocoWriter.write(results, to: path)
    let read = try CocoDetections(path: path, groundTruth: truth)
    let direct = try CocoDetections(results, groundTruth: truth)
    #expect(read.detections == direct.detections)
    #expect(read.detections.count == results.count)
    for index in results.indices {
      #expect(read.segmentations[index] == results[index].segmentation)
    }
  }

  @Test("An empty list holds no detections")
  func empty() throws {
    let path = folder.file("empty.json")
    try AtomicFile.write(text: " [ ] ", to: path)
    #expect(try CocoDetections(path: path, groundTruth: truth).detections.isEmpty)
  }

  @Test("The first record decides whether areas are those of boxes or of masks")
  func kinds() throws {
    let mask = try RunLengthMask(height: 150, width: 160, counts: [0, 10, 150, 10, 23_830])
    let image = truth.images[0]
    func area(_ box: CocoBox?) throws -> CocoDetection {
      let result = CocoResult(
        imageID: image.id, categoryID: 1, box: box,
        segmentation: .runs(mask, isCompressed: true), score: 0.5)
      let path = folder.file("kinds.json")
      try CocoWriter.write([result], to: path)
      return try #require(
        try CocoDetections(path: path, groundTruth: truth).detections.first)
    }
    #expect(try area(nil).area == 20)
    #expect(try area(nil).box == CocoBox(x: 0, y: 0, width: 2, height: 20))
    #expect(try area(CocoBox(x: 1, y: 1, width: 7, height: 5)).area == 35)
  }

  @Test("Faults are reported by their place and image")
  func faults() throws {
    let id = truth.images[0].id
    let path = folder.file("faults.json")
    let start = #"{"image_id":\#(id),"category_id":"#
    try AtomicFile.write(
      text: "["
        + [
          start + #"1,"bbox":[0,0,1,1],"score":NaN}"#, start + #"1,"bbox":[0,0,1,1]}"#,
          start + #"77,"bbox":[0,0,1,1],"score":1}"#, start + #"1,"score":1}"#,
          start + #"1,"bbox":[0,0,1,1],"segmentation":{"size":[2,2],"counts":"!"},"score":1}"#,
          start + #"1,"bbox":[0,0,1,1],"score":1}"#,
        ].joined(separator: ",") + "]", to: path)
    let read = try CocoDetections(path: path, groundTruth: truth)
    #expect(read.detections.count == 2)
    #expect(read.findings.count(.notFinite) == 1)
    #expect(read.findings.count(.malformed) == 2)
    #expect(read.findings.count(.unknownCategory) == 1)
    #expect(read.findings.count(.badRuns) == 1)
    #expect(
      read.findings.described.contains {
        $0.problem.hasPrefix("detection 5 (image \(id)) has a mask that has the byte 33")
      }, "\(read.findings.text())")
  }

  @Test("Drawn annotations and detections repeat for a seed and are free of faults")
  func synthetic() throws {
    var set = SyntheticAnnotations()
    set.imageCount = 40
    set.objectCount = 300
    set.detectionsPerImage = 12
    let (a, b, boxes, masks) = (
      folder.file("a.json"), folder.file("b.json"), folder.file("boxes.json"),
      folder.file("masks.json")
    )
    try set.writeAnnotations(to: a)
    try set.writeAnnotations(to: b)
    #expect(try FileBytes.read(a) == FileBytes.read(b))
    try set.writeDetections(boxes: boxes, masks: masks)
    let drawn = try CocoAnnotations(path: a)
    #expect(drawn.images.count == 40 && drawn.annotations.count == 300)
    #expect(Set(drawn.images.map(\.id)).count == 40)
    #expect(drawn.findings.worst ?? .note < .error)
    for (path, areBoxes) in [(boxes, true), (masks, false)] {
      let read = try CocoDetections(path: path, groundTruth: drawn)
      #expect(read.detections.count == 480)
      #expect(read.areBoxes == areBoxes && read.haveMasks != areBoxes)
      #expect(read.findings.worst ?? .note < .error)
    }
  }
}
