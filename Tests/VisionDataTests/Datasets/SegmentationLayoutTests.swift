import FileSupport
import Foundation
import Geometry
import TestSupport
import Testing
import VisionData

@Suite("Layouts of segmentation data")
struct SegmentationLayoutTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func image(_ paths: String...) throws {
    for path in paths {
      try AtomicFile.write(
        try ImageFile.png(RGBImage(width: 6, height: 4, red: UInt8(path.utf8.count))),
        to: folder.file(path))
    }
  }

  private func map(_ values: [UInt8] = [0, 1, 2, 255], _ paths: String...) throws {
    for path in paths {
      try AtomicFile.write(
        try ImageFile.png(
          LabelMap(width: 6, height: 4, labels: (0..<24).map { values[$0 % values.count] })),
        to: folder.file(path))
    }
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  private func pairs(_ suffix: String? = nil) throws -> [String] {
    let layout = try SegmentationLayout.expect(folder.path, labelSuffix: suffix)
    return try SegmentationFolder.Split.allCases.filter(layout.has).flatMap { split in
      let part = try SegmentationFolder(layout, split: split)
      return (0..<part.count).map { part.relativeImagePath($0) + " " + part.relativeLabelPath($0) }
    }
  }

  @Test("A split under two names is refused, unless both are one folder")
  func twoNames() throws {
    for name in ["val", "validation"] {
      try image("images/\(name)/a.png")
      try map([1], "annotations/\(name)/a.png")
    }
    #expect(
      message { _ = try pairs() }.contains("has both images/validation and images/val"))
    let files = FileManager.default
    for kind in ["images", "annotations"] {
      try files.removeItem(atPath: folder.file("\(kind)/val"))
      try files.createSymbolicLink(
        atPath: folder.file("\(kind)/val"), withDestinationPath: "validation")
    }
    #expect(try pairs() == ["images/validation/a.png annotations/validation/a.png"])
    // Predictions and truth are maps alone.
    try files.removeItem(atPath: folder.file("images"))
    let maps = try SegmentationLayout.find(folder.path, mapsOnly: true)
    #expect(maps?.has(.validation) == true)
    try files.removeItem(atPath: folder.file("annotations/val"))
    try map([1], "annotations/val/a.png")
    #expect(
      message { _ = try SegmentationLayout.find(folder.path, mapsOnly: true) }
        .contains("has both annotations/validation and annotations/val"))
  }

  @Test("Cityscapes' towns are walked, its 34 ids become 19 classes, its other maps are left out")
  func cityscapes() throws {
    for (split, town) in [("train", "aachen"), ("val", "ulm")] {
      let name = "\(split)/\(town)/\(town)_0_1"
      try image("leftImg8bit/\(name)_leftImg8bit.png")
      try map([7, 8, 33, 0, 34 - 1], "gtFine/\(name)_gtFine_labelIds.png")
      try map([1], "gtFine/\(name)_gtFine_instanceIds.png", "gtFine/\(name)_gtFine_color.png")
      try map([0, 18, 255], "gtFine/\(name)_gtFine_labelTrainIds.png")
    }
    let layout = try SegmentationLayout.expect(folder.path)
    #expect(layout.source == .cityscapes)
    let data = try SegmentationData(layout)
    #expect(data.classes == .cityscapes && data.training?.count == 1)
    #expect(
      data.testing.relativeLabelPath(0) == "gtFine/val/ulm/ulm_0_1_gtFine_labelIds.png")
    #expect(
      try data.testing.load(0, data.classes.encoding).labels.labels.prefix(5)
        == [0, 1, 18, 255, 18])
    let trained = try SegmentationData(
      SegmentationLayout.expect(folder.path, labelSuffix: "_gtFine_labelTrainIds"), labels: .direct)
    #expect(try trained.testing.load(0, trained.classes.encoding).labels.labels[1] == 18)
    #expect(SegmentationCheck(layout, depth: .full).run(threadCount: 1).worst != .error)
  }

  @Test("PASCAL VOC's lists choose the images; its 21 classes are known")
  func voc() throws {
    for name in ["1", "2", "3"] {
      try image("VOC2012/JPEGImages/\(name).png")
      try map([0, 20, 255], "VOC2012/SegmentationClass/\(name).png")
    }
    try image("VOC2012/JPEGImages/boxes-only.png")
    func list(_ split: String, _ names: String) throws {
      try AtomicFile.write(
        text: names, to: folder.file("VOC2012/ImageSets/Segmentation/\(split).txt"))
    }
    try list("train", "1\n3\n")
    try list("val", "2\n")
    let data = try SegmentationData(SegmentationLayout.expect(folder.path))
    #expect(data.classes == .voc && data.classes.count == 21)
    #expect(data.classes.entries[15].color == SIMD3(192, 128, 128))
    #expect(data.training.map { part in (0..<part.count).map { part.name($0) } } == ["1", "3"])
    #expect(
      try data.testing.load(0, data.classes.encoding).labels.labels.prefix(3) == [0, 20, 255])
    try list("val", "4\n")
    #expect(
      message { _ = try SegmentationData(SegmentationLayout.expect(folder.path)) }
        .contains("4.jpg: does not exist, but"))
  }

  @Test("Other folders pair by name, with a suffix of the maps or without one")
  func folders() throws {
    try image("img_dir/train/a.png", "img_dir/val/b.png")
    try map([0], "ann_dir/train/a.png", "ann_dir/val/b.png")
    #expect(
      try pairs() == [
        "img_dir/train/a.png ann_dir/train/a.png", "img_dir/val/b.png ann_dir/val/b.png",
      ])
    try FileManager.default.removeItem(atPath: folder.file("img_dir"))
    try image("train/images/a.png")
    try map([0], "train/masks/a_mask.png")
    #expect(try pairs("_mask") == ["train/images/a.png train/masks/a_mask.png"])
    #expect(message { _ = try pairs() }.contains("give --label-suffix _mask if a_mask.png is one"))
    try FileManager.default.removeItem(atPath: folder.file("train"))
    try image("train/x.png")
    try map([0], "train/x_mask.png")
    #expect(try pairs("_mask") == ["train/x.png train/x_mask.png"])
    #expect(try SegmentationLayout.find(folder.path) == nil)
  }

  @Test("Folders of a detector's text labels are none")
  func others() throws {
    try image("images/train/a.png")
    try AtomicFile.write(text: "0 0.5 0.5 1 1", to: folder.file("labels/train/a.txt"))
    #expect(try SegmentationLayout.find(folder.path) == nil)
  }

  @Test("Scoring asks for no training images")
  func scoring() throws {
    try image("images/validation/a.png")
    try map([1], "annotations/validation/a.png")
    try AtomicFile.write(text: #"["wall"]"#, to: folder.file("classes.json"))
    let layout = try SegmentationLayout.expect(folder.path)
    #expect(try SegmentationData(layout, scoresOnly: true).training == nil)
    #expect(
      SegmentationCheck(layout, splits: [.validation], depth: .full).run(threadCount: 1)
        .findings.isEmpty)
    #expect(
      message { _ = try SegmentationData(layout) }.contains("images/training: does not exist"))
  }
}
