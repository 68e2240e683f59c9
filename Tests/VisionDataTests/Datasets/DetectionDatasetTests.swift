import CocoFormat
import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

@Suite("COCO-style data sets", .timeLimit(.minutes(5)))
struct DetectionDatasetTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static let polygon = #""segmentation":[[4,4,4,24,24,24,24,4]]"#

  private func annotation(_ id: Int, _ members: String) -> String {
    #"{"id":\#(id),"image_id":1,"category_id":1,"bbox":[4,4,20,20],"area":400,"iscrowd":0,"#
      + members + "}"
  }

  /// One split with one image of 48x40.
  private func write(
    _ annotations: [String], split: String = "val2017", file: String = "a.png",
    categories: String = #"{"id":1,"name":"cat"}"#, image: RGBImage? = nil
  ) throws {
    try AtomicFile.write(
      text: #"{"images":[{"id":1,"file_name":"\#(file)","width":48,"height":40}],"#
        + #""annotations":[\#(annotations.joined(separator: ","))],"categories":[\#(categories)]}"#,
      to: folder.file("annotations/instances_\(split).json"))
    if let image {
      try AtomicFile.write(try ImageFile.png(image), to: folder.file("\(split)/\(file)"))
    }
  }

  private func dataset(_ use: DetectionDataset.Use = .training) throws -> DetectionDataset {
    try DetectionDataset(DetectionLayout.expect(folder.path).part(.testing), use: use)
  }

  private static let gray = RGBImage(width: 48, height: 40, red: 90)

  @Test("Objects that say ignore are no targets; those without a mask have none unless told")
  func targets() throws {
    try write(
      [
        annotation(1, Self.polygon), annotation(2, #""ignore":1,"# + Self.polygon),
        annotation(3, #""segmentation":[]"#),
        annotation(4, #""segmentation":{"size":[8,10],"counts":[9,2,69]}"#),
      ], image: Self.gray)
    var set = try dataset()
    let target = try set.sample(0).target
    // A mask of another size is none.
    #expect(target.masks.map { $0 != nil } == [true, false, false])
    #expect(target.boxes.count == 3 && set.hasMasks)
    set.fillsMasks = true
    let filled = try set.sample(0).target.masks
    #expect(filled.map { $0?.labels.reduce(0) { $0 + Int($1) } } == [400, 400, 400])
  }

  @Test("Files whose accents are composed otherwise are found; missing ones are named at once")
  func files() throws {
    let (composed, apart) = ("caf\u{E9}.png", "cafe\u{301}.png")
    try write([annotation(1, Self.polygon)], file: composed)
    #expect(throws: DatasetError.self) { try dataset().expectFiles() }
    try AtomicFile.write(try ImageFile.png(Self.gray), to: folder.file("val2017/\(apart)"))
    let set = try dataset()
    try set.expectFiles()
    #expect(Array(set.path(0).utf8) == Array(folder.file("val2017/\(apart)").utf8))
    #expect(try set.pixels(0) == Self.gray)
    try write([annotation(1, Self.polygon)], file: "sub/b.png")
    let error = #expect(throws: DatasetError.self) { try dataset().expectFiles() }
    #expect(error?.path.hasSuffix("sub/b.png") == true && error?.exitCode == .missingFile)
    let found = try DetectionCheck(DetectionLayout.expect(folder.path), depth: .quick).run(
      threadCount: 1
    ).findings
    #expect(found.map(\.rule) == ["image/unreadable"])
  }

  @Test("What images lack is said where none can be used, and splits that are not there")
  func nothingToUse() throws {
    func problem(_ images: String, _ annotations: String = "") throws -> String {
      try AtomicFile.write(
        text: #"{"images":[\#(images)],"annotations":[\#(annotations)],"#
          + #""categories":[{"id":1,"name":"cat"}]}"#,
        to: folder.file("annotations/instances_val2017.json"))
      return try #require(throws: DatasetError.self) { try dataset() }.problem
    }
    let object = annotation(1, Self.polygon)
    #expect(
      try problem(#"{"id":1,"file_name":"a.png"}"#, object)
        == "names no image that can be used: 1 without width and height")
    #expect(
      try problem(
        #"{"id":1,"file_name":"a.png","width":48,"height":40},"#
          + #"{"id":2,"file_name":"b.png","width":20,"height":40}"#)
        == "names no image that can be used: 1 of less than 32 pixels, 1 without an object")
    #expect(
      try problem(#"{"id":1,"width":48,"height":40}"#, object) == "has no file_name of image 1")
    try write([object], image: Self.gray)
    let missing = DetectionCheck.missingSplits(try DetectionLayout.expect(folder.path))
    #expect(
      missing.map { "\($0.path): \($0.problem); \($0.remedy)" } == [
        "annotations/instances_train2017.json: does not exist; nothing can be trained on this data "
          + "set without"
      ])
    try write([object], split: "train2017", image: Self.gray)
    #expect(DetectionCheck.missingSplits(try DetectionLayout.expect(folder.path)).isEmpty)
  }

  @Test("A picture is turned as its EXIF data say, unless the annotations have its stored size")
  func orientation() throws {
    let bytes = try FileBytes.read(SourceTree.fixture("VisionData/flavours/orientation6.png"))
    let stored = try ImageFile.decode(bytes: bytes, name: "x")
    for (size, expected, rules) in [
      ((stored.height, stored.width), stored.oriented(6), []),
      ((stored.width, stored.height), stored, ["layout/orientation"]),
    ] {
      try AtomicFile.write(
        text: #"{"images":[{"id":1,"file_name":"a.png","width":\#(size.0),"height":\#(size.1)}],"#
          + #""annotations":[],"categories":[{"id":1,"name":"cat"}]}"#,
        to: folder.file("annotations/instances_val2017.json"))
      try AtomicFile.write(bytes, to: folder.file("val2017/a.png"))
      #expect(try dataset(.testing).pixels(0) == expected)
      let found = try DetectionCheck(DetectionLayout.expect(folder.path), depth: .quick).run(
        threadCount: 1)
      // The file has no object, which is told too.
      #expect(found.findings.map(\.rule) == ["record/none"] + rules)
    }
  }

  @Test("A category that only the test split has objects of is called")
  func unlearned() throws {
    let both = #"{"id":1,"name":"cat"},{"id":2,"name":"dog"}"#
    try write([annotation(1, Self.polygon)], split: "train2017", categories: both, image: Self.gray)
    let dog = annotation(1, Self.polygon).replacing(#""category_id":1"#, with: #""category_id":2"#)
    try write([dog], categories: both, image: RGBImage(width: 48, height: 40, red: 1))
    let found = try DetectionCheck(DetectionLayout.expect(folder.path), depth: .quick).run(
      threadCount: 1
    ).findings
    #expect(found.map(\.rule) == ["category/unlearned"] && found[0].severity == .warning)
    #expect(found[0].problem.contains("'dog'") && found[0].path.contains("train2017"))
  }

  @Test("Categories are compared by id and name, whatever their order")
  func categories() throws {
    func file(_ categories: String) throws -> CocoAnnotations {
      try write([annotation(1, Self.polygon)], categories: categories)
      return try CocoAnnotations(path: folder.file("annotations/instances_val2017.json"))
    }
    let (cat, dog) = (#"{"id":1,"name":"cat"}"#, #"{"id":2,"name":"dog"}"#)
    let first = try file("\(cat),\(dog)")
    func differences(_ categories: String) throws -> [String] {
      try file(categories).categoryDifferences(from: first, called: "train")
    }
    #expect(try differences("\(dog),\(cat)").isEmpty)
    #expect(try differences("\(cat)") == ["lacks category 2 'dog', which train has"])
    #expect(
      try differences(#"{"id":1,"name":"dog"},{"id":2,"name":"cat"}"#) == [
        "calls category 1 'dog' where train calls it 'cat'",
        "calls category 2 'cat' where train calls it 'dog'",
      ])
    #expect(
      try differences(#"\#(cat),\#(dog),{"id":0,"name":"root"}"#)
        == ["has category 0 'root', which train lacks"])
  }
}
