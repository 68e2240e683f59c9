import FileSupport
import Foundation
import TestSupport
import Testing
import VisionData

@Suite("Layouts of classification data")
struct ClassificationLayoutTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return "\(error)" }
  }

  private func paths(_ split: ImageFolder) -> [String] {
    (0..<split.count).map { "\(split.labels[$0]) \(split.relativePath($0))" }
  }

  @Test("Tiny-ImageNet's validation images have their classes in val_annotations.txt")
  func tinyImageNet() throws {
    try makeImageFolder(
      in: folder,
      [
        "train/n01/images/n01_0.JPEG", "train/n02/images/n02_0.JPEG", "val/images/val_0.JPEG",
        "val/images/val_1.JPEG",
      ])
    try AtomicFile.write(
      text: "n01_0.JPEG\t0\t1\t2\t3\n", to: folder.file("train/n01/n01_boxes.txt"))
    try AtomicFile.write(
      text: "val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t52\t55\t57\t59\n",
      to: folder.file("val/val_annotations.txt"))
    let data = try ClassificationData(root: folder.path)
    #expect(
      paths(data.train)
        == ["0 images/n01_0.JPEG", "1 images/n02_0.JPEG"].map {
          $0.replacing("images", with: $0.hasPrefix("0") ? "n01/images" : "n02/images")
        })
    #expect(paths(data.validation) == ["1 images/val_0.JPEG", "0 images/val_1.JPEG"])
    #expect(try data.validation.image(0).width == 12)
    #expect(DataCheck(root: folder.path, depth: .full).run(threadCount: 1).worst != .error)
  }

  @Test("Kaggle's solution file names images without their ending")
  func kaggle() throws {
    try makeImageFolder(in: folder, ["train/n01/a.png", "train/n02/b.png", "val/v_1.png"])
    try AtomicFile.write(
      text: "ImageId,PredictionString\nv_1,n02 85 1 499 272 n02 1 2 3 4 \n",
      to: folder.file("LOC_val_solution.csv"))
    #expect(paths(try ClassificationData(root: folder.path).validation) == ["1 v_1.png"])
  }

  @Test("A val_map.txt may hold indices, and images may lie in folders that are no classes")
  func map() throws {
    try makeImageFolder(
      in: folder,
      ["train/n01/a/b/1.png", "train/n02/2.png", "val/part 1/3.png", "val/part 2/4.png"])
    try AtomicFile.write(text: "3.png\t1\n4.png\t0\n", to: folder.file("val_map.txt"))
    let data = try ClassificationData(root: folder.path)
    #expect(paths(data.train) == ["0 n01/a/b/1.png", "1 n02/2.png"])
    #expect(paths(data.validation) == ["1 part 1/3.png", "0 part 2/4.png"])
  }

  @Test("A val_map.txt may be written as CSV, with names of its columns and quotes")
  func quotedMap() throws {
    try makeImageFolder(
      in: folder, ["train/n01/1.png", "train/n02/2.png", "val/3, left.png", "val/4.png"])
    let text = "file,class\n\"3, left.png\",\"n02\"\n\"4.png\",n01\n"
    try AtomicFile.write(text: text, to: folder.file("val_map.txt"))
    #expect(
      paths(try ClassificationData(root: folder.path).validation)
        == ["1 3, left.png", "0 4.png"])
  }

  @Test("Images that a map names and that are not there are told; two maps must agree")
  func absent() throws {
    try makeImageFolder(
      in: folder, ["train/n01/1.png", "train/n02/2.png", "val/3.png", "val/4.png"])
    let lines = "3.png n02\n4.png n01\n"
    try AtomicFile.write(text: lines + "5.png n01\n6.png n01\n", to: folder.file("val_map.txt"))
    #expect(
      try ClassificationData(root: folder.path).validation.absentImages == ["5.png", "6.png"])
    let report = DataCheck(root: folder.path, depth: .quick).run(threadCount: 1)
    let finding = report.findings.first { $0.rule == "layout/absent-images" }
    #expect(finding?.problem.contains("5.png and 1 more") == true, "\(report.findings)")
    try AtomicFile.write(text: lines, to: folder.file("val/val_map.txt"))
    let error = #expect(throws: DatasetError.self) { try ClassificationData(root: folder.path) }
    #expect(error?.problem.contains("does not say the same as") == true)
    try AtomicFile.write(text: lines, to: folder.file("val_map.txt"))
    #expect(try ClassificationData(root: folder.path).validation.absentImages.isEmpty)
  }

  @Test("A file of classes beside class folders must not say otherwise")
  func foldersAndMap() throws {
    try makeImageFolder(
      in: folder, ["train/n01/1.png", "train/n02/2.png", "val/n01/3.png", "val/n02/4.png"])
    try AtomicFile.write(text: "3.png n01\n4.png n02\n", to: folder.file("val_map.txt"))
    #expect(try ClassificationData(root: folder.path).validation.labels == [0, 1])
    try AtomicFile.write(text: "3.png n02\n", to: folder.file("val_map.txt"))
    let error = #expect(throws: DatasetError.self) { try ClassificationData(root: folder.path) }
    #expect(
      error?.problem == "gives 3.png the class 'n02', but it lies in the folder of 'n01'")
    // One name in several folders is not what the file is about.
    try makeImageFolder(in: folder, ["val/n02/3.png"])
    #expect(try ClassificationData(root: folder.path).validation.count == 3)
  }

  @Test("A split that is compressed as a whole is named, not said to be missing")
  func compressedSplit() throws {
    try AtomicFile.write([0x1F, 0x8B, 8], to: folder.file("train.tar.gz"))
    let error = #expect(throws: DatasetError.self) { try ClassificationLayout.find(folder.path) }
    #expect(error?.problem == "is a compressed archive, which is not read")
    #expect(error?.path.hasSuffix("/train.tar.gz") == true)
  }

  @Test("Two folders that may both be the validation images are refused")
  func twoSplits() throws {
    try makeImageFolder(
      in: folder, ["train/n01/1.png", "val/n01/2.png", "validation/n01/3.png"])
    let error = #expect(throws: DatasetError.self) { try ClassificationLayout.find(folder.path) }
    #expect(error?.problem == "has both val and validation")
  }

  @Test("Images that have no classes are found where no split has them, and nowhere else")
  func unlabelled() throws {
    func images(_ root: String) throws -> [String]? {
      try ClassificationLayout.unlabelled(folder.file(root)).map { layout in
        #expect(layout.isOneSplit)
        let split = try ClassificationData(layout).train
        #expect(split.classNames.isEmpty && split.emptyClasses.isEmpty)
        #expect(split.evenly(1) == [0])
        #expect(try split.image(0).width > 0)
        return paths(split)
      }
    }
    try makeImageFolder(
      in: folder,
      [
        "photos/b.png", "photos/2025/a.png", "photos/.trash/c.png", "flat/train/1.png",
        "flat/val/2.png", "sorted/train/n01/3.png", "scored/val/n01/4.png",
        "coco/images/train/5.png", "named/Training/6.png", "named/Testing/7.png",
      ])
    #expect(try images("photos") == ["0 b.png", "0 2025/a.png"])
    #expect(try images("flat") == ["0 1.png"])
    #expect(try images("sorted") == nil && images("scored") == nil && images("nowhere") == nil)
    let hidden = try ClassificationLayout.unlabelled(folder.file("photos")).map {
      DataCheck($0, depth: .quick).run(threadCount: 1).findings.map(\.rule)
    }
    #expect(hidden == ["layout/hidden-images", "layout/unlabelled"])
    let checked = DataCheck(root: folder.file("flat/train"), depth: .full).run(threadCount: 1)
    #expect(checked.worst == .note && checked.imageCount == 1, "\(checked.findings)")
    let named = #expect(throws: DatasetError.self) { try images("named") }
    #expect(named?.problem.contains("'Testing', which may be a split") == true)
    #expect(DataCheck(root: folder.file("named"), depth: .full).run(threadCount: 1).worst == .error)

    // Captions beside the images are none of its business; without validation images no classes are.
    try archive("captions/c-train-0.tar", [("1.png", file(1)), ("1.txt", [65])])
    try archive("captions/c-train-1.tar", [("1.png", file(2)), ("1.txt", [66])])
    #expect(try images("captions") == ["0 c-train-0.tar/1.png", "0 c-train-1.tar/1.png"])
    try archive("captions/c-val-0.tar", [("1.png", file(3)), ("1.cls", [48])])
    #expect(try images("captions") == nil)

    try AtomicFile.write(
      text: "{\"images\": [], \"annotations\": [], \"categories\": []}",
      to: folder.file("coco/annotations/instances_train2017.json"))
    let error = #expect(throws: DatasetError.self) { try images("coco") }
    #expect(error?.remedy.contains("give the folder of its training images") == true)
  }

  @Test("A split under another name is named where its own is missing; valid is one")
  func otherNames() throws {
    func remedy(_ root: String) -> String? {
      #expect(throws: DatasetError.self) { try ClassificationData(root: folder.file(root)) }?.remedy
    }
    try makeImageFolder(
      in: folder,
      [
        "a/Train/n01/1.png", "a/Val/n01/2.png", "b/train/n01/1.png", "b/test/n01/2.png",
        "c/train/n01/1.png", "c/valid/n01/2.png", "d/train/n01/1.png",
      ])
    #expect(remedy("a") == "rename 'Train' to 'train' if that is it")
    #expect(remedy("b") == "rename 'test' to 'val' if that is it")
    #expect(try ClassificationData(root: folder.file("c")).validation.count == 1)
    #expect(remedy("d")?.hasPrefix("give the folder that holds train and val") == true)
    let error = #expect(throws: DatasetError.self) {
      try ClassificationData(root: folder.file("nowhere"))
    }
    #expect(error?.path.hasSuffix("/nowhere") == true && error?.problem == "does not exist")
  }

  // MARK: Archives

  private func file(_ shade: UInt8) throws -> [UInt8] {
    try ImageFile.png(RGBImage(width: 8, height: 6, red: shade))
  }

  private func archive(_ path: String, _ members: [(String, [UInt8])]) throws {
    var writer = TarWriter()
    for (name, content) in members { writer.add(name, content) }
    try AtomicFile.write(writer.whole, to: folder.file(path))
  }

  private func tar(_ members: [(String, [UInt8])]) -> [UInt8] {
    var writer = TarWriter()
    for (name, content) in members { writer.add(name, content) }
    return writer.whole
  }

  @Test("ImageNet is read from its own archives, in the order of the unpacked folders")
  func imageNet() throws {
    try archive(
      "ILSVRC2012_img_train.tar",
      [
        ("n02.tar", tar([("n02_1.JPEG", try file(3)), ("n02_0.JPEG", try file(2))])),
        ("n01.tar", tar([("n01_0.JPEG", try file(1))])),
      ])
    try archive(
      "ILSVRC2012_img_val.tar", [("val_2.JPEG", try file(5)), ("val_1.JPEG", try file(4))])
    #expect(
      message { _ = try ClassificationData(root: folder.path) }.contains(
        "holds images side by side, without classes; put a val_map.txt"))
    try AtomicFile.write(text: "val_1.JPEG 1\nval_2.JPEG 0\n", to: folder.file("val_map.txt"))
    let data = try ClassificationData(root: folder.path)
    #expect(data.train.classNames == ["n01", "n02"])
    #expect(paths(data.train) == ["0 n01/n01_0.JPEG", "1 n02/n02_0.JPEG", "1 n02/n02_1.JPEG"])
    #expect(try (0..<3).map { try data.train.image($0).pixels[0] } == [1, 2, 3])
    #expect(paths(data.validation) == ["0 val_2.JPEG", "1 val_1.JPEG"])
    #expect(try data.validation.image(0).pixels[0] == 5)
    #expect(data.train.path(1) == folder.file("ILSVRC2012_img_train.tar:n02/n02_0.JPEG"))
    let report = DataCheck(root: folder.path, depth: .full).run(threadCount: 1)
    #expect(report.openedCount == 5 && report.findings.allSatisfy { $0.severity == .note })
  }

  @Test("Archives with folders, and one archive a class, are the same data")
  func packings() throws {
    let images = [("n01/a.png", try file(1)), ("n02/b.png", try file(2))]
    try archive("x/train.tar", images.map { ("./data/train/" + $0.0, $0.1) })
    try archive("x/val.tar", images)
    for split in ["train", "val"] {
      try archive("y/\(split)/n01.tar", [("a.png", try file(1))])
      try archive("y/\(split)/n02.tar", [("b.png", try file(2))])
    }
    for root in ["x", "y"] {
      let data = try ClassificationData(root: folder.file(root))
      for split in [data.train, data.validation] {
        #expect(paths(split) == ["0 n01/a.png", "1 n02/b.png"])
        #expect(try split.image(1).pixels[0] == 2)
      }
    }
    guard case .classification(let layout)? = try DataLayout.find(folder.file("x")).first else {
      Issue.record("no layout")
      return
    }
    #expect(layout.source == .archives)
  }

  @Test("Shards whose samples cannot be told apart are refused, not guessed at")
  func ambiguousShards() throws {
    let (image, other) = (try file(1), try file(2))
    let (zero, one) = (Array("0".utf8), Array("1".utf8))
    for (members, words) in [
      ([("k.png", image), ("k.cls", zero), ("k.png", other), ("k.cls", one)], "two classes"),
      ([("a.v1.png", image), ("a.v1.cls", zero), ("a.v2.png", other), ("a.v2.cls", one)], "two"),
      ([("a.png", image), ("b.png", other), ("a.cls", zero), ("b.cls", one)], "without"),
      ([("a.png", image), ("a.seg.png", other), ("a.cls", zero)], "two images of one sample"),
      ([("c/a.png", image), ("d/b.png", other), ("c/a.png", image)], "holds 'c/a.png' twice"),
      (
        [("caf\u{E9}/a.png", image), ("cafe\u{301}/b.png", image), ("dog/c.png", image)],
        "in two ways"
      ),
    ] {
      try archive("set/train.tar", members)
      let part = ClassificationLayout.Part.archives(["train.tar"], in: folder.file("set"))
      let error = #expect(throws: DatasetError.self, "\(members.map(\.0))") {
        try ImageFolder(part)
      }
      #expect(error?.problem.contains(words) == true, "\(error as Any)")
    }
    for name in ["00000.tar", "00001.tar"] {
      try archive("json/train/" + name, [("a.png", image), ("a.json", zero)])
    }
    let bare = message {
      _ = try ImageFolder(try #require(try ClassificationLayout.find(folder.file("json"))).training)
    }
    #expect(bare.contains("no .cls"), "\(bare)")
    try archive("gz/train/s-0.tar", [("a.png", image), ("a.cls", zero)])
    try AtomicFile.write(text: "packed", to: folder.file("gz/train/s-1.tar.gz"))
    #expect(
      message { _ = try ClassificationLayout.find(folder.file("gz")) }.contains(
        "s-1.tar.gz: is a compressed archive"))
  }

  @Test("Images of one name in two folders are not told apart by a map")
  func namesakes() throws {
    try makeImageFolder(
      in: folder, ["train/n01/1.png", "train/n02/2.png", "val/part 1/3.png", "val/part 2/3.png"])
    try AtomicFile.write(text: "3.png n01\n", to: folder.file("val_map.txt"))
    #expect(
      message { _ = try ClassificationData(root: folder.path) }.contains(
        "is called as an image in another folder"))
  }

  @Test("WebDataset's shards pair each image with its class")
  func shards() throws {
    func text(_ value: Any) -> [UInt8] { Array("\(value)".utf8) }
    try archive(
      "in-train-0000.tar",
      [
        ("a/01.cls", text("1\n")), ("a/01.png", try file(1)), ("a/01.json", text("{}")),
        ("a/02.png", try file(2)), ("a/02.cls", text(0)),
      ])
    try archive("in-train-0001.tar", [("01.png", try file(3)), ("01.cls", text(10))])
    try archive("in-val-0000.tar", [("01.png", try file(4)), ("01.cls", text(10))])
    let split = try ImageFolder(
      try #require(try ClassificationLayout.find(folder.path)).training)
    #expect(split.classNames.count == 11 && split.classNames[10] == "10")
    #expect(
      paths(split) == [
        "0 in-train-0000.tar/a/02.png", "1 in-train-0000.tar/a/01.png",
        "10 in-train-0001.tar/01.png",
      ])
    #expect(try (0..<3).map { try split.image($0).pixels[0] } == [2, 1, 3])
    // Classes without a training image are an error, as an empty folder is.
    #expect(
      message { _ = try ClassificationData(root: folder.path) }
        .contains("has no sample of class 2, where others have higher numbers"))
    for (members, words) in [
      ([("1.png", try file(1)), ("1.cls", text("cat"))], "has 'cat' in 1.cls"),
      ([("1.png", try file(1)), ("1.cls", text(-1))], "has '-1' in 1.cls"),
      (
        [("1.png", try file(1)), ("2.png", try file(1)), ("2.cls", text(0))], "without a .cls file"
      ),
      (
        [("1.png", try file(1)), ("1.cls", text(0)), ("2.png", try file(1))], "without a .cls file"
      ),
      ([("readme.txt", text(1))], "holds no image"),
    ] {
      try archive("in-train-0000.tar", members)
      try? FileManager.default.removeItem(atPath: folder.file("in-train-0001.tar"))
      #expect(
        message { _ = try ClassificationData(root: folder.path) }.contains(words), "\(words)")
    }
  }

  @Test("An archive that changes while it is used is refused; links in it are, too")
  func changes() throws {
    try archive("train.tar", [("n01/a.png", try file(1)), ("n02/b.png", try file(2))])
    try archive("val.tar", [("n01/c.png", try file(3)), ("n02/d.png", try file(4))])
    let data = try ClassificationData(root: folder.path)
    let hash = data.train.manifestHash()
    try archive("train.tar", [("n01/a.png", try file(7)), ("n02/b.png", try file(8))])
    #expect(message { _ = try data.train.image(0) }.contains("was changed since"))
    #expect(try data.validation.image(0).pixels[0] == 3)
    #expect(try ClassificationData(root: folder.path).train.manifestHash() != hash)
    var writer = TarWriter()
    writer.add("n01/a.png", try file(1))
    writer.add("n02/b.png", kind: "2")
    try AtomicFile.write(writer.whole, to: folder.file("train.tar"))
    #expect(message { _ = try ClassificationData(root: folder.path) }.contains("as a link"))
    try archive("val.tar", [("n01/c.png", try file(3)), ("n03/d.png", try file(4))])
    try archive("train.tar", [("n01/a.png", try file(7)), ("n02/b.png", try file(8))])
    #expect(
      message { _ = try ClassificationData(root: folder.path) }
        .contains("a class that the training split does not have, 'n03'"))
  }
}
