import CocoFormat
import CounterRandom
import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing

/// Records that are read without the parser say what the parser says of them.
///
/// A name that holds an escape gives the whole record to the parser.
@Suite("Plain records and the parser", .timeLimit(.minutes(5)))
struct PlainReadingTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// A file as it is, and with every record given to the parser.
  private func both(_ name: String, _ text: String) throws -> (plain: String, parsed: String) {
    let (plain, parsed) = (folder.file("plain-\(name)"), folder.file("parsed-\(name)"))
    try AtomicFile.write(text: text, to: plain)
    // An escape in a name that nothing depends on.
    let escaped = text.replacing("\"image_id\":", with: "\"\\u0065xtra\":0,\"image_id\":")
    #expect(escaped != text)
    try AtomicFile.write(text: escaped, to: parsed)
    return (plain, parsed)
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try FileBytes.read(path), as: UTF8.self)
  }

  @Test("Random annotations and detections are the same either way")
  func synthetic() throws {
    var set = SyntheticAnnotations()
    (set.imageCount, set.objectCount, set.detectionsPerImage) = (40, 300, 30)
    let (truth, boxes, masks) = (folder.file("t"), folder.file("b"), folder.file("m"))
    try set.writeAnnotations(to: truth)
    try set.writeDetections(boxes: boxes, masks: masks)
    let truths = try both("truth.json", try text(truth))
    let first = try CocoAnnotations(path: truths.plain)
    let second = try CocoAnnotations(path: truths.parsed)
    #expect(first.annotations == second.annotations && first.annotations.count == 300)
    #expect(
      first.annotations.indices.allSatisfy { first.segmentations[$0] == second.segmentations[$0] })
    #expect(first.findings.total == second.findings.total)
    for name in [boxes, masks] {
      let files = try both("results.json", try text(name))
      let plain = try CocoDetections(path: files.plain, groundTruth: first)
      let parsed = try CocoDetections(path: files.parsed, groundTruth: first)
      #expect(plain.detections == parsed.detections && plain.detections.count == 1200)
      #expect(plain.areBoxes == parsed.areBoxes && plain.haveMasks == parsed.haveMasks)
      #expect(
        plain.detections.indices.allSatisfy {
          plain.segmentations[$0] == parsed.segmentations[$0]
            && plain.segmentations.extent(of: $0) == parsed.segmentations.extent(of: $0)
        })
      #expect(plain.findings.total == parsed.findings.total)
    }
  }

  @Test("Numbers are the nearest doubles, however they are written")
  func numbers() throws {
    var written = [
      "0", "-0", "-0.0", "1", "0.1", "26.79000000000002", "1e5", "1E+5", "12e-3", "1.5e22",
      "123456789012345678", "1234567890123456789", "12345678901234567890", "9007199254740993",
      "9007199254740993.0", "0.30000000000000004", "0.000000000000000000000001234567890123456",
      "1e-27", "1e-28", "4.35", "0.5000000000000001", "1.7976931348623157e308", "5e-324", "1e-400",
      "0.00000000000000000000000000000000000000000000000000000000000000000000000000001",
      "18446744073709551615", "18446744073709551616", "-9223372036854775809",
      "100000000000000000000", "100000000000000000000000", "-100000000000000000000000",
      "179.99999999999998863131622783839702606201171875", "0e5", "100e-2", "9.999999999999999e22",
    ]
    var stream = RandomStream(seed: 1, purpose: .test, epoch: 0, sample: 0)
    for _ in 0..<2000 {
      written.append("\(stream.uniform(0, 640))")
      written.append("\(stream.below(1 << 20)).\(stream.below(1 << 40))")
      written.append("0.\(String(repeating: "0", count: stream.below(12)))\(stream.below(1 << 50))")
      written.append("\(stream.below(1 << 50))e\(stream.below(60) - 40)")
    }
    let truth = try oneImageTruth(width: 4, height: 3, in: folder)
    let records = written.map {
      #"{"image_id":1,"category_id":1,"bbox":[\#($0),\#($0),3.5,2],"score":\#($0)}"#
    }
    let files = try both("numbers.json", "[" + records.joined(separator: ",\n") + "]")
    let plain = try CocoDetections(path: files.plain, groundTruth: truth)
    let parsed = try CocoDetections(path: files.parsed, groundTruth: truth)
    #expect(plain.detections.count == written.count)
    for (place, text) in written.enumerated() {
      let (one, other) = (plain.detections[place], parsed.detections[place])
      #expect(
        one.score.bitPattern == other.score.bitPattern
          && one.box.x.bitPattern == other.box.x.bitPattern, "\(text): \(one.score), \(other.score)"
      )
      #expect(one.score == Double(text), "\(text): \(one.score)")
    }
  }

  @Test("What is unusual or wrong is said in the same words")
  func unusual() throws {
    let truth = try oneImageTruth(width: 4, height: 3, in: folder)
    let start = #"{"image_id":1,"category_id":1,"#
    let records = [
      start + #""score":1,"bbox":[0,0,1,1]}"#, start + #""score":1,"bbox":[0,0,0,1]}"#,
      start + #""score":1,"bbox":[]}"#, start + #""score":1,"bbox":[1,2,3]}"#,
      start + #""score":true,"bbox":[0,0,1,1]}"#, start + #""score":NaN,"bbox":[0,0,1,1]}"#,
      start + #""score":1\#(String(repeating: "0", count: 400)),"bbox":[0,0,1,1]}"#,
      start + #""score":1,"bbox":null}"#, start + #""score":"1","bbox":[0,0,1,1]}"#,
      #"{"image_id":1.0,"category_id":1,"score":0.5,"bbox":[ 0 , 0 ,1, 1 ] , "note" : "a b" }"#,
      #"{"image_id":1.5,"category_id":1,"score":0.5,"bbox":[0,0,1,1]}"#,
      #"{"image_id":1,"score":0.5,"bbox":[0,0,1,1]}"#,
      start + #""score":1,"segmentation":{"size":[3,4],"counts":"<"}}"#,
      start + #""score":1,"segmentation":{"counts":"12","size":[3,4]}}"#,
      start + #""score":1,"segmentation":{"counts":"1\\","size":[3,4]}}"#,
      start + #""score":1,"segmentation":{"counts":"1\n2","size":[3,4]}}"#,
      start + #""score":1,"segmentation":{"counts":[2,3,7],"size":[3,4]}}"#,
      start + #""score":1,"segmentation":{"counts":"147","size":[3,4]},"bbox":[0,0,2,2]}"#,
      start + #""score":1,"segmentation":[[0,0,2,0,2,2]]}"#,
      start + #""score":1,"segmentation":{"counts":"<","size":[3,-4]}}"#,
      start + #""score":1,"keypoints":[1,1,2],"num_keypoints":1}"#,
    ]
    let files = try both("unusual.json", "[" + records.joined(separator: ",") + "]")
    let plain = try CocoDetections(path: files.plain, groundTruth: truth)
    let parsed = try CocoDetections(path: files.parsed, groundTruth: truth)
    #expect(plain.detections == parsed.detections && plain.detections.count > 7)
    for place in plain.detections.indices {
      #expect(plain.segmentations[place] == parsed.segmentations[place])
    }
    func words(_ detections: CocoDetections) -> [String] {
      detections.findings.described.map { "\($0.rule) \($0.problem)" }
    }
    #expect(words(plain) == words(parsed) && words(plain).count > 8)
  }

  @Test("Annotations that are unusual or wrong are said in the same words")
  func unusualAnnotations() throws {
    let start = #"{"id":1,"image_id":1,"category_id":1,"area":2,"iscrowd":0,"#
    let records = [
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,2,0,2,2],[0.5,1,3,1,3,2.5,1,2]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,2,0,2,2,2,2]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,2,0]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,2,0,2,2,1]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,2e9,0,2,2]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[[0,0,"a",0,2,2]]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":[0,0,2,0,2,2]}"#,
      start + #""bbox":[0,0,2,2],"segmentation":{"size":[3,4],"counts":[2,3,7]}}"#,
      start + #""bbox":[0,0,-2,2],"segmentation":[[0,0,2,0,2,2]]}"#,
      start + #""bbox":[0,0,2],"segmentation":[[0,0,2,0,2,2]]}"#,
      start + #""segmentation":[[0,0,2,0,2,2]]}"#, start + #""bbox":[0,0,2,2]}"#,
    ]
    let files = try both(
      "annotations.json",
      #"{"images":[{"id":1,"file_name":"a.jpg","width":4,"height":3}],"categories":"#
        + #"[{"id":1,"name":"a"}],"annotations":["# + records.joined(separator: ",") + "]}")
    let plain = try CocoAnnotations(path: files.plain)
    let parsed = try CocoAnnotations(path: files.parsed)
    #expect(plain.annotations == parsed.annotations && plain.annotations.count > 8)
    for place in plain.annotations.indices {
      #expect(plain.segmentations[place] == parsed.segmentations[place])
    }
    func words(_ annotations: CocoAnnotations) -> [String] {
      annotations.findings.described.map { "\($0.rule) \($0.problem)" }
    }
    #expect(words(plain) == words(parsed) && words(plain).count > 6)
  }
}
