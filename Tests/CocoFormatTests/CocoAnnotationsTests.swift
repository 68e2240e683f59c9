import CocoFormat
import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing
import VisionData

@Suite("COCO annotations", .timeLimit(.minutes(5)))
struct CocoAnnotationsTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static let images = #"{"id":7,"file_name":"a.jpg","width":10,"height":8}"#
  private static let categories = #"{"id":3,"name":"car","supercategory":"vehicle"}"#

  /// A file with one image, one category (with a gap before it) and these annotations.
  private func set(
    _ annotations: String, images: String = images, categories: String = categories
  ) throws -> CocoAnnotations {
    let path = folder.file("set.json")
    try AtomicFile.write(
      text: #"{"info":{"a":"]}\"{["},"images":["# + images + #"],"annotations":["# + annotations
        + #"],"categories":["# + categories + "]}", to: path)
    return try CocoAnnotations(path: path)
  }

  private func annotation(
    id: String = "1", _ members: String = #""segmentation":[[1,1,1,3,3,3,3,1]]"#,
    bbox: String = "[1,1,2,2]", rest: String = #""area":4,"iscrowd":0"#
  ) -> String {
    #"{"id":\#(id),"image_id":7,"category_id":3,"bbox":\#(bbox),\#(rest),\#(members)}"#
  }

  @Test("Polygons, both forms of run lengths, and crowds are read as they are written")
  func forms() throws {
    let set = try set(
      [
        annotation(),
        annotation(
          id: "9000000000001", #""segmentation":{"size":[8,10],"counts":[9,2,6,2,61]}"#,
          rest: #""area":4.5,"iscrowd":1"#),
        annotation(id: "3", #""segmentation":{"size":[8,10],"counts":"9260g1"}"#),
        annotation(id: "4", #""segmentation":[]"#),
      ].joined(separator: " ,\n"))
    #expect(set.annotations.map(\.id) == [1, 9_000_000_000_001, 3, 4])
    #expect(set.annotations.map(\.isCrowd) == [false, true, false, false])
    #expect(set.annotations[1].area == 4.5)
    #expect(set.annotations[0].box == CocoBox(x: 1, y: 1, width: 2, height: 2))
    #expect(set.segmentations[0] == .polygons([[1, 1, 1, 3, 3, 3, 3, 1]]))
    let square = try RunLengthMask(height: 8, width: 10, counts: [9, 2, 6, 2, 61])
    #expect(set.segmentations[1] == .runs(square, isCompressed: false))
    #expect(try set.mask(of: 0) == square)
    #expect(set.segmentations[3] == .none)
    #expect(try set.mask(of: 3) == nil)
    #expect(Array(set.annotationIndices(ofImage: 0)) == [0, 1, 2, 3])
    #expect(set.segmentations[2] == .runs(square, isCompressed: true))
    #expect(set.findings.total == 0, "\(set.findings.text())")
  }

  @Test("Categories with gaps get labels by ascending id")
  func labels() throws {
    let set = try set(
      "", categories: #"{"id":90,"name":"z"},{"id":1,"name":"a"},{"id":13,"name":"m"}"#)
    #expect(set.categoriesByLabel.map { set.categories[$0].name } == ["a", "m", "z"])
    #expect(set.categoryIndex(id: 13) == 2)
    #expect(set.categoryIndex(id: 12) == nil)
  }

  /// One fault, the rule it breaks, and the object that stays (0 or 1 of them).
  static let faults: [(json: String, rule: CocoRule, kept: Int)] = {
    let start = #"{"id":5,"image_id":7,"category_id":3,"#
    let square = #""segmentation":[[1,1,1,3,3,3,3,1]]"#
    return [
      (start + #""bbox":[1,1,2,2],"area":4,\#(square)}"#, .missingCrowd, 1),
      (start + #""bbox":[1,1,2,2],"iscrowd":0,\#(square)}"#, .missingArea, 1),
      (start + #""area":4,"iscrowd":0,\#(square)}"#, .missingBox, 1),
      (start + #""area":4,"iscrowd":0}"#, .malformed, 0),
      (start + #""bbox":[1,1,0,2],"area":4,"iscrowd":0,\#(square)}"#, .emptyBox, 1),
      (start + #""bbox":[1,1,2],"area":4,"iscrowd":0,\#(square)}"#, .malformed, 0),
      (start + #""bbox":[1,"1",2,2],"area":4,"iscrowd":0,\#(square)}"#, .malformed, 0),
      (start + #""bbox":[1,NaN,2,2],"area":4,"iscrowd":0,\#(square)}"#, .notFinite, 0),
      (start + #""bbox":[1,1,2,2],"area":Infinity,"iscrowd":0,\#(square)}"#, .notFinite, 0),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[[1,1,3,3]]}"#,
        .shortPolygon, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[[1,1,1,3,3,3,3]]}"#,
        .oddPolygon, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[[1,1,NaN,3,3,3]]}"#,
        .farPolygon, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[[1,1,1,1,3,3]]}"#,
        .repeatedVertex, 1
      ),
      (start + #""bbox":[1,1,2,2],"area":-5,"iscrowd":0,\#(square)}"#, .strangeArea, 1),
      (start + #""bbox":[1,1,2,2],"area":2e10,"iscrowd":0,\#(square)}"#, .strangeArea, 1),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[[11,1,11,3,13,3]]}"#,
        .emptyMask, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":"#
          + #"{"size":[8,10],"counts":[80]}}"#,
        .emptyMask, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":"#
          + "[[0,1,1,0,0,1],[1,0,0,1,1,0]]}",
        .malformedMask, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":[["a"]]}"#,
        .malformedMask, 1
      ),
      (start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":5}"#, .malformedMask, 1),
      (
        start
          + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":{"size":[8,10],"counts":[9]}}"#,
        .badRuns, 1
      ),
      (
        start
          + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":{"size":[2,2],"counts":[0,4]}}"#,
        .otherSize, 1
      ),
      (
        start + #""bbox":[1,1,2,2],"area":4,"iscrowd":0,"segmentation":{"counts":[4]}}"#,
        .malformedMask, 1
      ),
      (
        #"{"id":5,"image_id":8,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0,\#(square)}"#,
        .unknownImage, 0
      ),
      (
        #"{"id":5,"image_id":7,"category_id":4,"bbox":[1,1,2,2],"area":4,"iscrowd":0,\#(square)}"#,
        .unknownCategory, 0
      ),
      (
        #"{"id":5,"image_id":7.5,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0}"#,
        .malformed, 0
      ),
      (#"[5]"#, .malformed, 0), ("null", .malformed, 0), ("7", .malformed, 0),
    ]
  }()

  @Test("Each fault of a record is reported by file and id, and none traps", arguments: faults)
  func fault(json: String, rule: CocoRule, kept: Int) throws {
    let set = try set(json)
    #expect(set.findings.count(rule) == 1, "\(set.findings.text())")
    #expect(set.findings.total == 1, "\(set.findings.text())")
    #expect(set.annotations.count == kept)
    #expect(set.segmentations.count == kept)
    let finding = try #require(set.findings.described.first)
    #expect(finding.path == set.path)
    #expect(finding.severity == rule.severity)
    if json.contains(#""id":5"#), !json.contains("7.5") {
      #expect(finding.problem.contains("annotation 5 "), "\(finding.problem)")
    }
    for index in 0..<kept { _ = try set.mask(of: index) }
  }

  @Test("What is missing is computed: the area from the mask, the box from its bounds")
  func completed() throws {
    let set = try set(
      #"{"id":5,"image_id":7,"category_id":3,"segmentation":[[1,1,1,3,3,3,3,1]]},"#
        + #"{"id":6,"image_id":7,"category_id":3,"bbox":[0,0,3,2]}"#)
    #expect(set.annotations[0].area == 4)
    #expect(set.annotations[0].box == CocoBox(x: 1, y: 1, width: 2, height: 2))
    #expect(set.annotations[1].area == 6)
  }

  @Test("Ids that occur twice, and 0, are reported; the first image of an id counts")
  func duplicates() throws {
    let set = try set(
      [annotation(id: "0"), annotation(id: "2"), annotation(id: "2"), annotation(id: "2")]
        .joined(separator: ","),
      images: Self.images + "," + #"{"id":7,"file_name":"b.jpg","width":3,"height":3}"# + ","
        + #"{"id":8.5,"file_name":"c.jpg","width":1,"height":3}"#,
      categories: Self.categories + "," + Self.categories + #",{"name":"x"}"#)
    #expect(set.findings.count(.duplicateID) == 1)
    #expect(set.findings.count(.zeroID) == 1)
    #expect(set.findings.count(.duplicateImage) == 1)
    #expect(set.findings.count(.duplicateCategory) == 1)
    #expect(set.findings.count(.malformedImage) == 1)
    #expect(set.findings.count(.malformedCategory) == 1)
    #expect(set.images[set.annotations[0].image].fileName == "a.jpg")
  }

  @Test("Many faults of one kind are counted, and the first described, in the file's order")
  func many() throws {
    let many = (0..<5000).map { annotation(id: "\($0 + 1)", bbox: "[1,1,2,0]") }
    let set = try set(many.joined(separator: ","))
    #expect(set.findings.count(.emptyBox) == 5000)
    #expect(set.findings.described.count == CocoFindings.describedPerRule)
    #expect(set.findings.described[0].problem.hasPrefix("annotation 1 "))
    #expect(set.findings.described[19].problem.hasPrefix("annotation 20 "))
    #expect(set.findings.text(describing: 2).contains("… and 4998 more of record/empty-box"))
  }

  static let broken = [
    "", "{", "[1]", "{}", "null", #"{"images":[],"annotations":[],"categories":[]"#,
    #"{"images":[],"annotations":[],"categories":[]}x"#,
    #"{"images":[],"annotations":[{"id":1,}],"categories":[]}"#,
    #"{"images":[],"annotations":[{"id":1},],"categories":[]}"#,
    #"{"images":[],"annotations":[{"id":1}{"id":2}],"categories":[]}"#,
    #"{"images":[],"annotations":[{"id":"a}],"categories":[]}"#,
    #"{"images":[],"annotations":{},"categories":[]}"#,
    #"{"images":[],"annotations":[,],"categories":[]}"#,
    #"{"images":[],"annotations":[nonsense],"categories":[]}"#,
    #"{"images":[],"annotations" [],"categories":[]}"#, #"{"images":[],"annotations":[]}"#,
    #"{images:[]}"#, "\u{FEFF}{}",
  ]

  @Test("A file that is no COCO file is refused with its name", arguments: broken)
  func refused(text: String) throws {
    let path = folder.file("broken.json")
    try AtomicFile.write(text: text, to: path)
    let error = #expect(throws: DatasetError.self) { try CocoAnnotations(path: path) }
    #expect(error?.path == path)
    #expect(error?.exitCode == .badData)
  }

  static let repeated = [
    (#""images":[],"images":[],"annotations":[],"categories":[]"#, "images", "\"images\":[],\"ann"),
    (
      #""images":[],"annotations":[{"id":1,"area":2,"area":3}],"categories":[]"#, "area",
      "\"area\":3"
    ),
    (
      #""images":[],"annotations":[{"id":1,"bbox":[1,2,3,4],"bbox":[1,2,3,4]}],"categories":[]"#,
      "bbox", "\"bbox\":[1,2,3,4]}"
    ),
    (
      #""images":[],"annotations":[{"id": 1, "image_id": 2 , "area": 2, "area": 3}],"categories":[]"#,
      "area", "\"area\": 3"
    ),
    (
      #""images":[{"id":1,"x":{"a:b":[1,{"c":1}, {"c" : 2 , "c":3}]}}],"annotations":[],"categories":[]"#,
      "c", "\"c\":3"
    ),
  ]

  @Test("A key that an object has twice is refused with its place", arguments: repeated)
  func repeatedKeys(members: String, key: String, place: String) throws {
    let path = folder.file("repeated.json")
    let text = "{" + members + "}"
    try AtomicFile.write(text: text, to: path)
    let error = try #require(throws: DatasetError.self) { try CocoAnnotations(path: path) }
    let at = try #require(text.ranges(of: place).last).lowerBound
    let byte = text.utf8.distance(from: text.startIndex, to: at)
    #expect(error.problem.hasPrefix("has the key '\(key)' twice"), "\(error)")
    #expect(error.problem.contains("at byte \(byte) of"), "\(error)")
  }

  @Test("Colons and quotes in texts are no keys, and keys differ by case")
  func likeKeys() throws {
    let set = try set(
      annotation(),
      images: #"{"id":7,"ID":8,"file_name":"a:\":b","note":"\"id\":1","width":10,"height":8}"#)
    #expect(set.images[0].fileName == "a:\":b" && set.annotations.count == 1)
  }

  @Test("Names with quotes, brackets and backslashes do not lead the scanner astray")
  func names() throws {
    let name = #"a\"}]{[,\\"#
    let set = try set(
      annotation(), images: #"{"id":7,"file_name":"\#(name)","width":10,"height":8}"#)
    #expect(set.images[0].fileName == #"a"}]{[,\"#)
    #expect(set.annotations.count == 1)
  }

  @Test("A missing file is a missing file")
  func missing() {
    let error = #expect(throws: FileError.self) {
      try CocoAnnotations(path: folder.file("none.json"))
    }
    #expect(error?.exitCode == .missingFile)
  }

  private func expectRoundTrip(_ path: String) throws {
    let set = try CocoAnnotations(path: path)
    #expect(set.annotations.count > 100)
    let copy = folder.file("copy.json")
    try CocoWriter.write(set, to: copy)
    let again = try withThreadCount(1) { try CocoAnnotations(path: copy) }
    #expect(again.images == set.images)
    #expect(again.categories == set.categories)
    #expect(again.annotations == set.annotations)
    #expect(set.annotations.indices.allSatisfy { again.segmentations[$0] == set.segmentations[$0] })
  }

  @Test("Annotations written and read again are the same, with any number of threads")
  func roundTrip() throws {
    try expectRoundTrip(SourceTree.fixture("Evaluation/coco/ties_truth.json"))
  }

  @Test(
    "Real annotations written and read again are the same",
    .needs(sharedData: "coco/annotations/instances_val2017.json"))
  func realRoundTrip() throws {
    try expectRoundTrip(
      try #require(SourceTree.sharedData("coco/annotations/instances_val2017.json")))
  }

  @Test("Real annotations hold what they are said to hold", .needs(sharedData: "coco/annotations"))
  func real() throws {
    let folder = try #require(SourceTree.sharedData("coco/annotations"))
    let train = try CocoAnnotations(path: folder + "/instances_train2017.json")
    #expect(train.images.count == 160)
    #expect(train.annotations.count == 1444)
    #expect(train.annotations.count { $0.isCrowd } == 14)
    let val = try CocoAnnotations(path: folder + "/instances_val2017.json")
    #expect(val.annotations.count == 815)
    #expect(val.categories.count == 80)
    #expect(val.images.indices.count { val.annotationIndices(ofImage: $0).isEmpty } == 2)
    #expect(val.findings.worst ?? .note == .note, "\(val.findings.text())")
    // The annotated area is that of the outlines, close to the pixels of the mask; it counts twice
    // where the parts of an object overlap.
    let large = val.annotations.indices.filter { val.annotations[$0].area > 2000 }
    let close = try large.filter { index in
      let pixels = Double(try #require(try val.mask(of: index)).area)
      return abs(pixels / val.annotations[index].area - 1) < 0.05
    }
    #expect(large.count > 300 && close.count * 100 > large.count * 97)
  }
}
