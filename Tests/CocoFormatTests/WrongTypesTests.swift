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
      (#""width":0,"height":8"#, "0x8"), (#""width":true,"height":8"#, "true as its width"),
    ] {
      let set = try set(
        images: #"[{"id":7,\#(size)}]"#,
        annotations:
          #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0}]"#)
      // The image stays, and so do its boxes.
      #expect(set.images.map(\.height) == [0] && set.annotations.count == 1)
      #expect(set.findings.count(.malformedSize) == 1 && set.findings.total == 1)
      let found = set.findings.described.first?.problem ?? ""
      #expect(found.contains(words), "\(found)")
    }
    let named = try set(
      images: #"[{"id":7,"width":10,"height":8,"file_name":5}]"#, annotations: "[]")
    #expect(named.images.isEmpty && named.findings.count(.malformedImage) == 1)
    #expect(named.findings.text().contains("a whole number as its file_name"))
  }

  @Test("A size of 0 by 0 is one that is not known, as none at all")
  func zeroSize() throws {
    for (size, words) in [
      ("", "no width and height"), (#","width":0,"height":0"#, "no width and height"),
      (#","height":8"#, "no width"),
    ] {
      let set = try set(
        images: #"[{"id":7,"file_name":"a.jpg"\#(size)}]"#,
        annotations:
          #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0,"#
          + #""segmentation":[[1,1,1,3,3,3,3,1]]}]"#)
      #expect(set.images.count == 1 && set.annotations.count == 1)
      #expect(!set.segmentations.hasMask(0) && set.segmentations.isUnsized(0))
      #expect(set.findings.described.map(\.problem) == ["image 7 has \(words)"])
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
      // A box that reaches a little out of its image.
      (boxes { [$0 / 100 - 0.42, $1 / 80, 0.3, 0.25] }, "fractions of the image"),
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

  @Test("Without file names images are called as their addresses end, as LVIS has them")
  func addresses() throws {
    let images = [
      #"{"id":7,"coco_url":"http://images.example/val2017/000000397133.jpg","width":10,"height":8}"#,
      #"{"id":8,"file_name":"","coco_url":"a/b.jpg","width":10,"height":8}"#,
      #"{"id":9,"file_name":null,"width":10,"height":8}"#,
    ]
    let set = try set(images: "[\(images.joined(separator: ","))]", annotations: "[]")
    #expect(set.images.map(\.fileName) == ["000000397133.jpg", "b.jpg", ""])
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
    let set = try set(
      images: #"[{"id":7,"width":1,"height":8,"file_name":5}]"#, annotations: "[]")
    let error = #expect(throws: DatasetError.self) {
      try CocoDetections(
        [
          CocoResult(
            imageID: 7, categoryID: 3, box: CocoBox(x: 1, y: 1, width: 2, height: 2), score: 1)
        ], name: "dt.json", groundTruth: set)
    }
    #expect(
      error?.problem.contains("as its file_name") == true
        && error?.remedy.contains("split") == false)
  }

  @Test(
    "What is wrong with a mask is said by what stands there",
    arguments: [
      (#"{"size":[8,10],"counts":[10.5,69.5]}"#, "has the number 10.5 as a run length"),
      (#"{"size":[8,10],"counts":["10",70]}"#, "has the text '10' as a run length"),
      (#"{"size":[8,10],"counts":[-1,81]}"#, "has a run of length -1"),
      (
        #"{"size":[8,10],"counts":[1000000000000000000,5]}"#,
        "has runs of 1000000000000000000 pixels or more where its size has 80"
      ),
      (#"{"size":[0,0],"counts":[5,5]}"#, "has runs of 5 pixels or more where its size has 0"),
      (#"{"size":[8,10],"counts":[9]}"#, "has runs of 9 pixels where its size has 80"),
      (
        #"[{"size":[8,10],"counts":"9260g1"}]"#,
        "has run lengths in a list, where they belong alone"
      ),
      ("[[0,0,0,0],[0,1,1,0]]", "has rows of 0 and 1 as its segmentation"),
    ])
  func masks(mask: String, words: String) throws {
    let set = try set(
      images: "[\(Self.image)]",
      annotations: #"[{"id":1,"image_id":7,"category_id":3,"bbox":[1,1,2,2],"area":4,"iscrowd":0,"#
        + #""segmentation":\#(mask)}]"#)
    #expect(set.annotations.count == 1 && set.segmentations.isDamaged(0))
    #expect(set.findings.total == 1)
    #expect(set.findings.text().contains(words), "\(set.findings.text())")
  }

  @Test("Truth values are no ids, and what is no object is called what it is")
  func noIDs() throws {
    let rest = #""bbox":[1,1,2,2],"score":0.5}"#
    let truth = try set(images: #"[\#(Self.image),{"id":true}]"#, annotations: "[]")
    #expect(truth.findings.text().contains("image 2 of the list has true as its id"))
    for (record, words) in [
      (#"{"image_id":true,"category_id":3,"# + rest, "has true as image_id"),
      (#"{"image_id":7,"category_id":false,"# + rest, "has false as category_id"),
      (#"{"image_id":1e30,"category_id":3,"# + rest, "has a number beyond 63 bits as image_id"),
      (
        #"{"image_id":100000000000000000000000,"category_id":3,"# + rest,
        "has a number beyond 63 bits as image_id"
      ),
      ("[7]", "detection 1 of the list is a list, no object"),
      ("null", "detection 1 of the list is null, no object"),
      ("7", "detection 1 of the list is a whole number, no object"),
    ] {
      let path = folder.file("results.json")
      try AtomicFile.write(text: "[" + record + "]", to: path)
      let found = try CocoDetections(path: path, groundTruth: truth)
      #expect(found.detections.isEmpty)
      #expect(found.findings.text().contains(words), "\(found.findings.text())")
    }
  }

  @Test(
    "Files of another kind are called by it",
    arguments: [
      ("// mine\n[]", "begins with a comment"), ("# mine\n[]", "begins with a comment"),
      ("image_id,category_id,score\n1,1,0.5\n", "is a table of text (CSV)"),
      (#"{"image_id":7,"score":1}"# + "\n" + #"{"image_id":7,"score":1}"#, "(JSON lines)"),
      (#"{"results":[{"image_id":7}]}"#, "is an object with a list under 'results'"),
      (#"{"image_id":7,"bbox":[1,1,2,2]}"#, "is an object, not a list of detections"),
      (#"{"images":[],"annotations":[]}"#, "is a file of annotations, not of detections"),
      (#"[{"image_id":7,"segments_info":[]}]"#, "holds panoptic records"),
      ("nonsense", "is no JSON list of detections"),
    ])
  func otherKinds(text: String, words: String) throws {
    let truth = try set(images: "[\(Self.image)]", annotations: "[]")
    let path = folder.file("results.json")
    try AtomicFile.write(text: text, to: path)
    let error = #expect(throws: DatasetError.self) {
      try CocoDetections(path: path, groundTruth: truth)
    }
    #expect(error?.problem.contains(words) == true, "\(error as Any)")
  }

  @Test("Annotations of another kind are called by it")
  func otherAnnotations() throws {
    let panoptic = #"[{"image_id":7,"file_name":"a.png","segments_info":[]}]"#
    let error = #expect(throws: DatasetError.self) {
      try set(images: "[\(Self.image)]", annotations: panoptic)
    }
    #expect(error?.problem.contains("panoptic") == true)
    for (text, words) in [
      (#"[{"image_id":7,"score":0.5}]"#, "is a list of detections, not annotations"),
      ("[[1]]", "is a list, not an object of images"), ("a,b,c", "is a table of text"),
      ("// mine\n{}", "begins with a comment"),
    ] {
      try AtomicFile.write(text: text, to: folder.file("truth.json"))
      let error = #expect(throws: DatasetError.self) {
        try CocoAnnotations(path: folder.file("truth.json"))
      }
      #expect(error?.problem.contains(words) == true, "\(error as Any)")
      #expect(error?.remedy.contains("download") == false)
    }
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
