import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

@Suite("Data sets of a folder")
struct DataLayoutTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func make(_ paths: String...) throws {
    for path in paths { try AtomicFile.write(text: "1", to: folder.file(path)) }
  }

  private func found(_ root: String = "") throws -> [String] {
    var left: [String] = []
    let sets = try DataLayout.all(in: folder.path + root) { left.append("left out \($0.path)") }
    return sets.flatMap { set in
      set.layouts.map { "\((set.folder as NSString).lastPathComponent): \($0.summary)" }
    } + left.map { $0.replacing(folder.path, with: "") }
  }

  @Test("Data sets of all kinds lie side by side; what is none is passed over")
  func sideBySide() throws {
    try make(
      "imagenet/train/a/1.jpg", "imagenet/val/a/2.jpg",
      "coco/annotations/instances_train2017.json", "coco/train2017/1.jpg",
      "ade/images/training/1.jpg", "ade/annotations/training/1.png",
      "VOCdevkit/VOC2012/JPEGImages/1.jpg", "VOCdevkit/VOC2012/Annotations/1.xml",
      "VOCdevkit/VOC2012/SegmentationClass/1.png",
      "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", "papers/moby.pdf", "notes.txt")
    let expected = [
      "VOCdevkit: boxes and masks, PASCAL VOC", "VOCdevkit: label maps, PASCAL VOC",
      "ade: label maps, ADE20K", "coco: boxes and masks, COCO", "imagenet: classes, folders",
    ]
    #expect(try found() == expected)
    #expect(try found("/imagenet") == ["imagenet: classes, folders"])
    #expect(
      try found("/VOCdevkit/VOC2012")
        == ["VOC2012: boxes and masks, PASCAL VOC", "VOC2012: label maps, PASCAL VOC"])
    #expect(try found("/papers").isEmpty)
    try make("VOCdevkit/VOC2007/JPEGImages/1.jpg")
    #expect(
      try found()
        == Array(expected.dropFirst(2)) + ["left out /VOCdevkit"])
  }

  @Test("Classes stand beside boxes and label maps; the pictures of these are no classes")
  func severalKinds() throws {
    for set in ["coco", "both", "shards"] {
      try make("\(set)/annotations/instances_train2017.json", "\(set)/train2017/1.jpg")
    }
    try make(
      "both/train/cat/1.jpg", "both/val/cat/1.jpg", "coco/train2017.tar",
      "shards/train/0.tar", "flat/annotations/instances_train2017.json", "flat/train/1.jpg",
      "robo/train/_annotations.coco.json", "robo/train/day/1.jpg",
      "cvat/annotations/instances_train.json", "cvat/train/day/1.jpg",
      "ade/images/training/1.jpg", "ade/annotations/training/1.png", "ade/train/cat/1.jpg",
      "maps/train/images/1.jpg", "maps/train/masks/1.png")
    let boxes = "boxes and masks, COCO"
    #expect(
      try found() == [
        "ade: label maps, ADE20K", "ade: classes, folders", "both: \(boxes)",
        "both: classes, folders", "coco: \(boxes)", "cvat: boxes and masks, CVAT",
        "flat: \(boxes)", "maps: label maps, folders", "robo: boxes and masks, Roboflow",
        "shards: \(boxes)", "shards: classes, tar archives",
      ])
  }

  @Test("A file is no folder of data")
  func file() throws {
    try make("a.txt")
    let error = #expect(throws: DatasetError.self) { try DataLayout.find(folder.file("a.txt")) }
    #expect(error?.problem == "is no folder")
    #expect(try DataLayout.find(folder.file("none")).isEmpty)
  }

  @Test("Links that lead back up end nothing")
  func loops() throws {
    try make("set/train/a/1.jpg")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("set/train/a/loop"), withDestinationPath: folder.path)
    #expect(try found() == ["set: classes, folders"])
    let error = #expect(throws: DatasetError.self) {
      try ClassificationData(root: folder.file("set"))
    }
    #expect(error?.problem == "is a link to a folder above it")
  }
}
