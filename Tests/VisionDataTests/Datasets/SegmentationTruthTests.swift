import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

@Suite("Label maps that predictions are scored against")
struct SegmentationTruthTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func map(_ paths: String...) throws {
    for path in paths {
      try AtomicFile.write(
        try ImageFile.png(LabelMap(width: 2, height: 1, labels: [7, 0])), to: folder.file(path))
    }
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  private func cityscapes() throws {
    for (split, name) in [
      ("val", "ulm/ulm_1"), ("val", "ulm/ulm_1B"), ("val", "bonn/bonn_1"), ("train", "aa/aa_1"),
    ] {
      try map(
        "gtFine/\(split)/\(name)_gtFine_labelIds.png", "gtFine/\(split)/\(name)_gtFine_color.png")
    }
  }

  @Test("Cityscapes' maps are found from each of its folders, without pictures")
  func folders() throws {
    try cityscapes()
    let validation = ["bonn/bonn_1", "ulm/ulm_1B", "ulm/ulm_1"]
    for path in ["", "gtFine", "gtFine/val", "gtFine/val/"] {
      let truth = try SegmentationTruth(folder.file(path))
      #expect(truth.layout?.source == .cityscapes && truth.names == validation, "\(path)")
      #expect(try truth.classes() == .cityscapes)
      #expect(truth.dataset == nil)
      #expect(truth.path("ulm/ulm_1")?.hasSuffix("val/ulm/ulm_1_gtFine_labelIds.png") == true)
    }
    #expect(try SegmentationTruth(folder.file("gtFine/train")).names == ["aa/aa_1"])
    #expect(
      try SegmentationTruth(folder.file("")).classes(labels: .direct).encoding.kind == .direct)
    // With pictures they are those of the split, in its order.
    for name in validation {
      try AtomicFile.write(
        try ImageFile.png(RGBImage(width: 2, height: 1, red: 0)),
        to: folder.file("leftImg8bit/val/\(name)_leftImg8bit.png"))
    }
    let set = try #require(try SegmentationTruth(folder.file("gtFine/val")).dataset)
    #expect(set.name(1) == "ulm/ulm_1B_leftImg8bit")
  }

  @Test("Predictions have the pictures' names, the maps', or the common part, in folders or in one")
  func predictions() throws {
    try cityscapes()
    let truth = try SegmentationTruth(folder.file("gtFine/val"))
    for (number, names) in [
      ["bonn/bonn_1", "ulm/ulm_1", "ulm/ulm_1B"],
      ["bonn_1_leftImg8bit", "ulm_1_leftImg8bit", "ulm_1B_leftImg8bit"],
      ["bonn/bonn_1_gtFine_labelIds", "ulm_1", "ulm/ulm_1B_leftImg8bit"],
    ].enumerated() {
      for name in names { try map("out\(number)/\(name).png") }
      let found = try truth.predictions(in: LabelMapFolder(folder.file("out\(number)")))
      let order = [names[0], names[2], names[1]]
      #expect(found.paths == order.map { folder.file("out\(number)/\($0).png") })
      #expect(found.extra.isEmpty)
    }
    try map("out0/berlin_1.png")
    #expect(
      try truth.predictions(in: LabelMapFolder(folder.file("out0"))).extra == ["berlin_1"])
    try map("out0/bonn_1_leftImg8bit.png")
    #expect(
      message { _ = try truth.predictions(in: LabelMapFolder(folder.file("out0"))) }
        .contains("bonn/bonn_1.png and bonn_1_leftImg8bit.png, both of bonn/bonn_1"))
    try FileManager.default.removeItem(atPath: folder.file("out1/bonn_1_leftImg8bit.png"))
    #expect(
      message { _ = try truth.predictions(in: LabelMapFolder(folder.file("out1"))) }
        .contains("lacks bonn/bonn_1.png of 3 predictions"))
  }

  @Test("Predictions under other names are named, with what helps")
  func nearNames() throws {
    try map("gt/im0.png", "gt/im1.png", "gt/im10.png", "masks/im0_mask.png", "masks/im1_mask.png")
    func advice(_ truth: String, _ out: String, _ names: String...) throws -> String {
      for name in names { try map("\(out)/\(name).png") }
      let truth = try SegmentationTruth(folder.file(truth))
      return message { _ = try truth.predictions(in: LabelMapFolder(folder.file(out))) }
    }
    for (out, name) in [
      ("suffix", "im1_pred"), ("double", "im1.jpg"), ("below", "x/y/im1"),
      ("both", "x/y/im1_pred"),
    ] {
      let told = try advice("gt", out, "im0", name, name.replacing("im1", with: "im10"))
      #expect(told.contains("rename \(name).png to im1.png if it is that"), "\(told)")
    }
    let suffix = try advice("masks", "plain", "im0", "im1")
    #expect(suffix.contains("give --label-suffix _mask if im0.png is its prediction"), "\(suffix)")
    #expect(try advice("gt", "none", "im0", "im10").contains("predict every image"))
  }

  @Test("A folder without PNG files says what it holds")
  func otherFormats() throws {
    for (kind, remedy) in [("jpg", "JPEG changes their values"), ("npy", "convert them")] {
      for name in ["a", "b"] {
        try AtomicFile.write(text: "1", to: folder.file("\(kind)/\(name).\(kind)"))
      }
      let told = message { _ = try LabelMapFolder(folder.file(kind)) }
      #expect(told.contains("holds no PNG, but 2 .\(kind) files (a.\(kind))"), "\(told)")
      #expect(told.contains(remedy), "\(told)")
    }
  }

  @Test("Files of one name in two folders are told apart by their folders alone")
  func ambiguous() throws {
    try map("maps/a/1.png", "maps/b/1.png", "out/1.png", "out/b/1.png")
    let truth = try SegmentationTruth(folder.file("maps"))
    #expect(truth.layout == nil && truth.names == ["a/1", "b/1"])
    #expect(
      message { _ = try truth.predictions(in: LabelMapFolder(folder.file("out"))) }
        .contains("lacks a/1.png"))
  }

  @Test("A suffix tells maps from pictures, in a layout and beside them")
  func suffix() throws {
    try map(
      "set/images/validation/a.png", "set/annotations/validation/a_mask.png",
      "set/annotations/validation/b_other.png", "side/c.png", "side/c_mask.png", "out/a.png",
      "out2/c_mask.png", "out2/d.png")
    let truth = try SegmentationTruth(folder.file("set"), labelSuffix: "_mask")
    #expect(truth.names == ["a"] && truth.layout != nil)
    #expect(truth.path("a")?.hasSuffix("set/annotations/validation/a_mask.png") == true)
    #expect(truth.dataset?.count == 1)
    let found = try truth.predictions(in: LabelMapFolder(folder.file("out")))
    #expect(found.paths.count == 1 && found.extra.isEmpty)
    let side = try SegmentationTruth(folder.file("side"), labelSuffix: "_mask")
    #expect(side.names == ["c"] && side.layout == nil)
    let other = try side.predictions(in: LabelMapFolder(folder.file("out2")))
    #expect(other.paths.count == 1 && other.extra == ["d"])
    #expect(
      message { _ = try SegmentationTruth(folder.file("side"), labelSuffix: "_gt") }
        .contains("holds no label map (*_gt.png)"))
  }

  @Test("PASCAL VOC's validation list chooses the maps, whichever folder is named")
  func voc() throws {
    for name in ["1", "2", "3"] {
      try map("VOC2012/JPEGImages/\(name).png", "VOC2012/SegmentationClass/\(name).png")
    }
    try map("VOC2012/SegmentationObject/2.png")
    try AtomicFile.write(
      text: "2\n3\n", to: folder.file("VOC2012/ImageSets/Segmentation/val.txt"))
    for path in ["", "VOC2012", "VOC2012/SegmentationClass"] {
      let truth = try SegmentationTruth(folder.file(path))
      #expect(truth.names == ["2", "3"], "\(path)")
      #expect(try truth.classes() == .voc)
      #expect(truth.dataset?.count == 2)
    }
    try AtomicFile.write(
      text: "2\n9\n", to: folder.file("VOC2012/ImageSets/Segmentation/val.txt"))
    #expect(
      message { _ = try SegmentationTruth(folder.file("VOC2012")) }
        .contains("SegmentationClass/9.png: does not exist, but"))
  }
}
