import CocoFormat
import FileSupport
import TestSupport
import Testing

/// Files whose members have another type than they should.
@Suite("COCO files with wrong types", .timeLimit(.minutes(5)))
struct WrongTypesTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static let image = #"{"id":7,"file_name":"a.jpg","width":10,"height":8}"#

  private func set(images: String, annotations: String) throws -> CocoAnnotations {
    let path = folder.file("set.json")
    try AtomicFile.write(
      text: #"{"images":\#(images),"annotations":\#(annotations),"#
        + #""categories":[{"id":3,"name":"car"}]}"#, to: path)
    return try CocoAnnotations(path: path)
  }

  private func problem(_ members: String) throws -> String {
    let set = try set(
      images: "[\(Self.image)]",
      annotations: #"[{"id":1,"image_id":7,"category_id":3,\#(members)}]"#)
    #expect(set.annotations.isEmpty, "\(members)")
    return set.findings.described.first?.problem ?? ""
  }

  @Test(
    "A wrong type is said, not called missing",
    arguments: [
      (#""bbox":"1,1,2,2","area":4,"iscrowd":0"#, "the text '1,1,2,2' as its bbox"),
      (#""bbox":{"x":1},"area":4,"iscrowd":0"#, "an object as its bbox"),
      (#""bbox":[1,1,"two",2],"area":4,"iscrowd":0"#, "the text 'two' in its bbox"),
      (#""bbox":[1,1,2],"area":4,"iscrowd":0"#, "a bbox of 3 items"),
      (#""bbox":[1,1,2,2],"area":"4","iscrowd":0"#, "the text '4' as its area"),
      (#""bbox":[1,1,2,2],"area":4,"iscrowd":"0""#, "the text '0' as its iscrowd"),
    ])
  func records(members: String, words: String) throws {
    let found = try problem(members)
    #expect(found.contains(words), "\(found)")
    #expect(!found.contains("has no "), "\(found)")
  }

  @Test("Sizes of images are named where they are texts, or larger than any image")
  func images() throws {
    for (size, words) in [
      (#""width":"10","height":8"#, "the text '10' as its width"),
      (#""width":10,"height":8.5"#, "a number that is not whole as its height"),
      (#""width":100000000,"height":20"#, "100000000x20"), (#""width":-1,"height":8"#, "-1x8"),
      (#""width":10,"height":8,"file_name":5"#, "a whole number as its file_name"),
    ] {
      let set = try set(images: #"[{"id":7,\#(size)}]"#, annotations: "[]")
      #expect(set.images.isEmpty && set.findings.count(.malformedImage) == 1)
      let found = set.findings.described.first?.problem ?? ""
      #expect(found.contains(words), "\(found)")
    }
  }

  @Test("A size of 0 by 0 is one that is not known, as none at all")
  func zeroSize() throws {
    for size in ["", #","width":0,"height":0"#] {
      let set = try set(
        images: #"[{"id":7,"file_name":"a.jpg"\#(size)}]"#,
        annotations:
          #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0}]"#)
      #expect(set.images.count == 1 && set.annotations.count == 1)
      #expect(set.findings.count(.missingSize) == 1 && set.findings.count(.unknownImage) == 0)
    }
  }

  @Test("Boxes that are no left, top, width and height in pixels are told, sound ones are not")
  func implausibleBoxes() throws {
    // Six objects of 30 x 20 pixels, in the right and lower part of an image of 100 x 80.
    func boxes(_ box: (_ x: Double, _ y: Double) -> [Double]) -> String {
      let all = (0..<6).map { at in
        let numbers = box(40 + 5 * Double(at), 50 + Double(at))
        return
          #"{"id":\#(at + 1),"image_id":7,"category_id":3,"bbox":\#(numbers),"area":600,"iscrowd":0}"#
      }
      return "[" + all.joined(separator: ",") + "]"
    }
    for (form, words) in [
      (boxes { [$0, $1, 30, 20] }, nil),
      (boxes { [$0, $1, $0 + 30, $1 + 20] }, "left, top, right, bottom: 6 of 6 boxes"),
      // Near the corner corners do not reach out; the areas tell.
      (boxes { [$0 - 38, $1 - 48, $0 - 8, $1 - 28] }, "so they have the areas"),
      (boxes { [$0 - 38, $1 - 48, 30, 20] }, nil),
      (boxes { [$0 / 100, $1 / 80, 0.3, 0.25] }, "fractions of the image"),
      (boxes { [3 * $0, 3 * $1, 90, 60] }, "pixels of another size"),
    ] {
      let path = folder.file("set.json")
      try AtomicFile.write(
        text: #"{"images":[{"id":7,"file_name":"a.jpg","width":100,"height":80}],"#
          + #""annotations":\#(form),"categories":[{"id":3,"name":"car"}]}"#, to: path)
      let set = try CocoAnnotations(path: path)
      let results = try CocoDetections(
        set.annotations.map { CocoResult(imageID: 7, categoryID: 3, box: $0.box, score: 1) },
        name: "dt.json", groundTruth: set)
      // Results have no areas of their own.
      let both =
        words?.contains("areas") == true ? [set.findings] : [set.findings, results.findings]
      for findings in both {
        let found = findings.described.first { $0.rule == "box/implausible" }
        #expect(words.map { found?.problem.contains($0) == true } ?? (found == nil), "\(form)")
      }
    }
  }

  @Test("Images that are one file are told")
  func repeatedFiles() throws {
    let set = try set(
      images: #"[\#(Self.image),{"id":8,"file_name":"a.jpg","width":10,"height":8}]"#,
      annotations: "[]")
    #expect(
      set.findings.described.map(\.problem) == ["images 7 and 8 are the same file a.jpg"])
  }

  @Test("What stands in the place of a list is named with its key")
  func lists() throws {
    for (value, words) in [("{}", "an object"), ("null", "null"), ("\"a\"", "a text")] {
      let error = #expect(throws: DatasetError.self) { try set(images: value, annotations: "[]") }
      #expect(error?.problem.contains("has \(words) where the list of its 'images'") == true)
    }
  }

  @Test("Results of images that were left out say why those are gone")
  func hiddenCause() throws {
    let set = try set(images: #"[{"id":7,"width":-1,"height":8}]"#, annotations: "[]")
    let error = #expect(throws: DatasetError.self) {
      try CocoDetections(
        [
          CocoResult(
            imageID: 7, categoryID: 3, box: CocoBox(x: 1, y: 1, width: 2, height: 2), score: 1)
        ], name: "dt.json", groundTruth: set)
    }
    #expect(error?.problem.contains("-1x8") == true && error?.remedy.contains("split") == false)
  }

  @Test("A flat segmentation is one finding, and errors are summed up in a sentence")
  func summary() throws {
    let set = try set(
      images: "[\(Self.image)]",
      annotations: #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0,"#
        + #""segmentation":[0,0,3,0,3,3]},{"id":2,"image_id":8,"category_id":3,"bbox":[1,1,2,2],"#
        + #""area":4,"iscrowd":0}]"#)
    #expect(set.annotations.count == 1 && set.objectsWithoutMask == 1)
    #expect(set.categoriesWithoutMask == [0] && set.findings.count(.malformedMask) == 1)
    let note = try #require(set.findings.errorNote)
    #expect(note.hasPrefix("2 records of set.json had errors"), "\(note)")
  }

  @Test("The field ignore is read as Python would and written again")
  func ignore() throws {
    let values = [
      "true": true, "1": true, "0": false, "null": false, "\"yes\"": true, "0.0": false,
    ]
    for (value, expected) in values {
      let set = try set(
        images: "[\(Self.image)]",
        annotations: #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"#
          + #""iscrowd":0,"ignore":\#(value)}]"#)
      #expect(set.annotations.map(\.isIgnored) == [expected], "\(value)")
      #expect(set.findings.total == 0)
      try CocoWriter.write(set, to: folder.file("again.json"))
      let again = try CocoAnnotations(path: folder.file("again.json"))
      #expect(again.annotations.map(\.isIgnored) == [expected], "\(value)")
    }
  }
}
