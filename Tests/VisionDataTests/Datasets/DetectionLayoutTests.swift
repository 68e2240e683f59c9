import CocoFormat
import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

@Suite("Layouts of detection data", .timeLimit(.minutes(5)))
struct DetectionLayoutTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private static let gray = RGBImage(width: 48, height: 40, red: 90)

  private func coco(_ path: String, files: [String]) throws {
    let images = files.enumerated().map {
      #"{"id":\#($0 + 1),"file_name":"\#($1)","width":48,"height":40}"#
    }
    let objects = files.indices.map {
      #"{"id":\#($0 + 1),"image_id":\#($0 + 1),"category_id":1,"bbox":[4,4,20,20],"area":400,"#
        + #""iscrowd":0,"segmentation":[[4,4,4,24,24,24,24,4]]}"#
    }
    try AtomicFile.write(
      text: #"{"images":[\#(images.joined(separator: ","))],"#
        + #""annotations":[\#(objects.joined(separator: ","))],"#
        + #""categories":[{"id":1,"name":"cat"}]}"#, to: folder.file(path))
  }

  private func image(_ path: String) throws {
    try AtomicFile.write(try ImageFile.png(Self.gray), to: folder.file(path))
  }

  /// Both splits, with all their images there.
  private func splits(_ layout: DetectionLayout) throws -> [DetectionDataset] {
    let sets = [
      try DetectionDataset(layout.part(.training), use: .training),
      try DetectionDataset(layout.part(.testing), use: .testing),
    ]
    if layout.source != .named {
      for part in [try layout.part(.training), try layout.part(.testing)] {
        let known = try DetectionLayout.truth(part.annotations)
        let images = try #require(known.images.first { FileTree.isFolder($0) })
        #expect(part.images.contains(images))
        #expect(DetectionLayout.part(ofImages: images + "/") != nil)
      }
      #expect(DetectionLayout.part(ofImages: sets[1].folder) == (try layout.part(.testing)))
      #expect(DetectionLayout.part(ofImages: folder.file("elsewhere")) == nil)
    }
    for set in sets {
      try set.expectFiles()
      for image in set.images { #expect(try set.sample(image).image == Self.gray) }
    }
    return sets
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  @Test("Roboflow's export has its annotations beside the images of each split")
  func roboflow() throws {
    for split in ["train", "valid"] {
      try coco("\(split)/_annotations.coco.json", files: ["a_jpg.rf.12.png"])
      try image("\(split)/a_jpg.rf.12.png")
    }
    let layout = try DetectionLayout.expect(folder.path)
    #expect(layout.source == .roboflow)
    #expect(try splits(layout).map(\.folder) == ["train", "valid"].map { folder.file($0) })
    #expect(try DataLayout.find(folder.path) == [.detection(layout)])
  }

  @Test("CVAT's export has one file a subset, with images in folders of the subset or in one")
  func cvat() throws {
    try coco("annotations/instances_Train.json", files: ["a.png", "sub/b.png"])
    try coco("annotations/instances_Validation.json", files: ["c.png"])
    for path in ["Train/a.png", "Train/sub/b.png", "c.png"] { try image("images/" + path) }
    let layout = try DetectionLayout.expect(folder.path)
    #expect(layout.source == .cvat)
    #expect(
      try splits(layout).map(\.folder) == ["images/Train", "images"].map { folder.file($0) })
  }

  @Test("One file for all images is for scoring alone")
  func whole() throws {
    try coco("annotations/instances_default.json", files: ["a.png"])
    try image("images/a.png")
    let layout = try DetectionLayout.expect(folder.path)
    #expect(message { _ = try layout.part(.training) }.contains("is not split"))
    let set = try DetectionDataset(layout.part(.testing, scoresOnly: true), use: .testing)
    try set.expectFiles()
    #expect(set.relativePath(0) == "a.png")
  }

  @Test("Label Studio's names of another machine are found by their last part, and no other's")
  func labelStudio() throws {
    try coco(
      "result.json",
      files: [#"images\\1.png"#, "/data/upload/3/2.png", "../../media/3.png", "images/4.png"])
    for number in 1...4 { try image("images/\(number).png") }
    let layout = try DetectionLayout.expect(folder.path)
    #expect(layout.source == .labelStudio)
    let part = try layout.part(.testing, scoresOnly: true)
    let set = try DetectionDataset(part, use: .testing)
    try set.expectFiles()
    #expect(set.images.map(set.relativePath) == (1...4).map { "\($0).png" })
    // Two names that would be one file are a fault, as is a name that leads nowhere.
    try coco("result.json", files: ["x/1.png", "y/1.png"])
    #expect(
      message { _ = try DetectionDataset(part, use: .testing) }.contains("which would both be"))
    try coco("result.json", files: ["x/1.png", "1.png"])
    let other = try DetectionDataset(part, use: .testing)
    #expect(other.missing == [0])
    try coco("result.json", files: ["../../5.png"])
    let outside = try DetectionDataset(part, use: .testing)
    #expect(outside.missing == [0] && outside.path(0) == folder.file("images/5.png"))
  }

  @Test("Files of any names are taken, with their images beside them or where one says")
  func named() throws {
    try coco("a/my train.json", files: ["1.png"])
    try coco("b/my val.json", files: ["2.png"])
    try image("pictures/1.png")
    try image("b/images/2.png")
    let layout = DetectionLayout(
      training: folder.file("a/my train.json"), validation: folder.file("b/my val.json"),
      images: [folder.file("pictures"), folder.file("b/images")])
    _ = try splits(layout)
    let beside = DetectionLayout(
      training: nil, validation: folder.file("b/my val.json"), images: [])
    let set = try DetectionDataset(beside.part(.testing), use: .testing)
    #expect(set.folder == folder.file("b/images"))
    #expect(message { _ = try beside.part(.training) }.contains("has no training annotations"))
  }

  // MARK: PASCAL VOC

  private func voc(
    _ name: String, _ objects: String, size: String = "<width>48</width><height>40</height>",
    file: String? = nil, root: String = "VOCdevkit/VOC2012"
  ) throws {
    try AtomicFile.write(
      text: "<annotation><filename>\(file ?? name + ".png")</filename>"
        + "<size>\(size)</size>\(objects)</annotation>",
      to: folder.file("\(root)/Annotations/\(name).xml"))
    try image("\(root)/JPEGImages/\(name).png")
  }

  private func object(_ name: String, _ box: String, _ more: String = "") -> String {
    let sides = zip(["xmin", "ymin", "xmax", "ymax"], box.split(separator: " ")).map {
      "<\($0)>\($1)</\($0)>"
    }
    return "<object><name>\(name)</name>\(more)<bndbox>\(sides.joined())</bndbox></object>"
  }

  private func list(_ split: String, _ names: String, root: String = "VOCdevkit/VOC2012") throws {
    try AtomicFile.write(text: names, to: folder.file("\(root)/ImageSets/Main/\(split).txt"))
  }

  @Test(
    "PASCAL VOC's XML is read: boxes count from 0, difficult objects are crowds, parts are none")
  func vocFiles() throws {
    let head = "<part><name>head</name><bndbox><xmin>2</xmin></bndbox></part>"
    try voc(
      "2008_1",
      object("dog", "1 1 20 30") + object("person", "5 6 24 25", "<difficult>1</difficult>")
        + object("person", "2 2.5 9 12.5", head))
    try voc("2008_2", object("cat", "10 11 12 13"), size: "<width>0</width><height>0</height>")
    try list("train", "2008_1\n")
    try list("val", "2008_2  1\r\n")
    let layout = try DetectionLayout.expect(folder.path)
    #expect(layout.source == .voc)
    let (train, val) = try (splits(layout)[0], splits(layout)[1])
    // Both splits have the classes of all files.
    #expect(train.classNames == ["cat", "dog", "person"] && val.classNames == train.classNames)
    let boxes = train.annotations.annotations.map(\.box)
    #expect(boxes[0] == CocoBox(x: 0, y: 0, width: 20, height: 30))
    #expect(boxes[2] == CocoBox(x: 1, y: 1.5, width: 8, height: 11))
    #expect(train.annotations.annotations.map(\.isCrowd) == [false, true, false])
    #expect(try train.sample(0).target.labels == [1, 2] && !train.hasMasks)
    // A size of 0 is that of the picture.
    #expect(val.annotations.images[0].width == 48)
    let hash = try val.annotationHash()
    try voc("2008_2", object("cat", "10 11 12 14"))
    #expect(try DetectionDataset(layout.part(.testing), use: .testing).annotationHash() != hash)
  }

  @Test("What an object's difficulty says is read in both spellings, or refused")
  func vocDifficulty() throws {
    for (text, isDifficult) in [("1", true), ("True", true), ("0", false), ("false", false)] {
      try voc("1", object("dog", "1 1 20 30", "<difficult>\(text)</difficult>"))
      try list("train", "1\n")
      try list("val", "1\n")
      let set = try splits(try DetectionLayout.expect(folder.path))[0]
      #expect(set.annotations.annotations.map(\.isCrowd) == [isDifficult], "\(text)")
    }
    try voc("1", object("dog", "1 1 20 30", "<difficult>2</difficult>"))
    let error = #expect(throws: DatasetError.self) {
      try splits(try DetectionLayout.expect(folder.path))
    }
    #expect(error?.problem.contains("'2' as difficult of object 1, a dog") == true)
  }

  @Test("Two files that may both be the validation annotations are refused")
  func twoValidations() throws {
    let empty = #"{"images":[],"annotations":[],"categories":[]}"#
    for name in ["instances_train", "instances_val", "instances_validation"] {
      try AtomicFile.write(text: empty, to: folder.file("annotations/\(name).json"))
    }
    let error = #expect(throws: DatasetError.self) { try DetectionLayout.expect(folder.path) }
    #expect(error?.problem.contains("to validate on") == true, "\(error as Any)")
  }

  @Test("What is scored is found from VOC's folders and lists; any folder of XML files will do")
  func vocTruth() throws {
    for name in ["1", "2", "3"] { try voc(name, object("dog", "1 1 20 30")) }
    let base = "VOCdevkit/VOC2012"
    try list("train", "1\n")
    try list("val", "2\n3\n")
    try list("mine", "3\n")
    func images(_ path: String) throws -> [String] {
      try DetectionTruth(DetectionLayout.truth(folder.file(path))).annotations.images.map(
        \.fileName)
    }
    for path in ["", base, base + "/Annotations", base + "/ImageSets/Main/val.txt"] {
      #expect(try images(path) == ["2.png", "3.png"], "\(path)")
    }
    #expect(try images(base + "/ImageSets/Main/train.txt") == ["1.png"])
    #expect(try images(base + "/ImageSets/Main/mine.txt") == ["3.png"])
    let set = try splits(DetectionLayout.expect(folder.path))[1]
    let truth = try DetectionTruth(DetectionLayout.truth(folder.file(base)))
    #expect(try truth.hash() == set.annotationHash())
    try FileManager.default.moveItem(
      atPath: folder.file(base + "/Annotations"), toPath: folder.file("xml"))
    #expect(try images("xml").count == 3)
    #expect(message { _ = try images("nothing") }.contains("nothing"))
    #expect(message { _ = try images(base + "/JPEGImages") }.contains("does not exist"))
  }

  @Test("Faults of VOC's files are said in one sentence each")
  func vocFaults() throws {
    try voc("1", object("dog", "1 1 20 30"))
    try list("val", "1\n")
    func fault() throws -> String {
      let layout = try DetectionLayout.expect(folder.path)
      return message { _ = try DetectionDataset(layout.part(.testing), use: .testing) }
    }
    #expect(try fault() == "")
    for (objects, words) in [
      (object("dog", "a 1 20 30"), "has 'a' as xmin of object 1, a dog"),
      (object("dog", "1 1 1e30 30"), "as xmax of object 1"),
      (object("dog", "1 1 nan 30"), "has 'nan' as xmax"),
      (object("", "1 1 2 3"), "has no name of object 1"),
      ("<object><name>dog</name></object>", "has '' as xmin"),
    ] {
      try voc("1", objects)
      #expect(try fault().contains(words), "\(words)")
    }
    try voc("1", object("dog", "1 1 2 3"), size: "<width>-4</width>")
    #expect(try fault().contains("has '-4' as the image's width"))
    try voc("1", object("dog", "1 1 2 3"), file: "../../../etc/1.png")
    #expect(try fault() == "")
    try list("val", "1\n2\n")
    #expect(try fault().contains("2.xml: does not exist, but"))
    try list("val", "1\n1\n")
    #expect(try fault().contains("names '1' twice"))
    try list("val", "../1\n")
    #expect(try fault().contains("leads out of the data set"))
    try AtomicFile.write(
      text: "<!DOCTYPE x []><annotation/>",
      to: folder.file("VOCdevkit/VOC2012/Annotations/1.xml"))
    try list("val", "1\n")
    #expect(try fault().contains("declares a document type"))
    try voc("1", "", root: "VOCdevkit/VOC2007")
    #expect(message { _ = try DetectionLayout.find(folder.path) }.contains("VOC2007 and VOC2012"))
  }
}
