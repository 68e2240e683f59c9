import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing
import VisionData

/// Writes pairs `split/name` with maps made by `label(x, y)`.
func makeSegmentationSet(
  in folder: TemporaryDirectory, _ names: [String], width: Int = 14, height: Int = 10,
  classes: String =
    #"[{"id": 1, "name": "sky"}, {"id": 2, "name": "sea"}, {"id": 3, "name": "sand"}]"#,
  label: (Int, Int) -> UInt8 = { x, y in UInt8((x / 4 + y / 3) % 4) }
) throws {
  let labels = (0..<height).flatMap { y in (0..<width).map { x in label(x, y) } }
  for (index, name) in names.enumerated() {
    var image = RGBImage(width: width, height: height, red: UInt8(index * 30 % 256))
    image.pixels[1] = UInt8(index)
    try AtomicFile.write(try ImageFile.png(image), to: folder.file("images/\(name).png"))
    try AtomicFile.write(
      try ImageFile.png(LabelMap(width: width, height: height, labels: labels)),
      to: folder.file("annotations/\(name).png"))
  }
  if !classes.isEmpty { try AtomicFile.write(text: classes, to: folder.file("classes.json")) }
}

private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}

@Suite("Segmentation data", .timeLimit(.minutes(5)))
struct SegmentationDataTests {
  private static let names = ["training/a", "training/b", "validation/c"]

  @Test("Stored values become class indices in each encoding, and back")
  func encodings() throws {
    let reduced = LabelEncoding(.reduceZero, classCount: 150)
    #expect([0, 1, 150, 255].map { reduced.classIndex(of: $0) } == [255, 0, 149, 255])
    #expect(reduced.classIndex(of: 151) == nil)
    let direct = LabelEncoding(.direct, classCount: 19)
    #expect([0, 18, 255].map { direct.classIndex(of: $0) } == [0, 18, 255])
    #expect(direct.classIndex(of: 19) == nil)
    let cityscapes = LabelEncoding(.cityscapes, classCount: 19)
    #expect(
      [0, 7, 8, 9, 33, 32, 29].map { cityscapes.classIndex(of: $0) } == [
        255, 0, 1, 255, 18, 17, 255,
      ])
    for encoding in [reduced, direct, cityscapes] {
      for index in 0..<UInt8(encoding.classCount) {
        #expect(encoding.classIndex(of: encoding.storedValue(of: index)) == index)
      }
      #expect(encoding.classIndex(of: encoding.storedValue(of: 255)) == 255)
      let map = LabelMap(width: 3, height: 1, labels: [0, UInt8(encoding.classCount - 1), 255])
      #expect(try encoding.decode(encoding.encode(map), path: "x") == map)
    }
    #expect(LabelEncoding(.reduceZero, classCount: 254).storedValue(of: 253) == 254)
  }

  @Test("Values that are no labels are named with file, count and the likely reason")
  func ranges() {
    let map = LabelMap(width: 4, height: 1, labels: [0, 3, 9, 9])
    let reduced = message {
      _ = try LabelEncoding(.reduceZero, classCount: 3).decode(map, path: "m.png")
    }
    #expect(
      reduced.hasPrefix(
        "m.png: holds the value 9 (2 pixels), but 3 classes are stored as 0 (other), 1...3"))
    let direct = message {
      _ = try LabelEncoding(.direct, classCount: 9).decode(map, path: "m.png")
    }
    #expect(direct.contains("use --labels reduce-zero"))
  }

  @Test("The built-in tables are those of the data sets")
  func tables() {
    let ade = SegmentationClasses.ade20k
    #expect(ade.count == 150)
    #expect(ade.names[7] == "bed")
    #expect(ade.names[89] == "television receiver")
    #expect(ade.names[149] == "flag")
    #expect(ade.entries[149].color == [92, 0, 255])
    #expect(ade.entries[6].color == ade.entries[48].color)
    #expect(Set(ade.names).count == 150)
    #expect(SegmentationClasses.cityscapes.count == 19)
    #expect(SegmentationClasses.cityscapes.encoding.kind == .cityscapes)
    let colors = (1...254).map(SegmentationClasses.distinctColor)
    #expect(Set(colors).count == 254)
    #expect(colors[0] == [128, 0, 0])
    #expect(colors[14] == [192, 128, 128])
  }

  @Test("Class tables are read in each form, and wrong ones are refused")
  func classFiles() throws {
    let folder = try TemporaryDirectory()
    func table(_ text: String) throws -> SegmentationClasses {
      try AtomicFile.write(text: text, to: folder.file("classes.json"))
      return try SegmentationClasses.find(root: folder.path)
    }
    let rows = try table(#"[{"id": 2, "name": "b "}, {"id": 1, "name": "a", "color": [1, 2, 3]}]"#)
    #expect(rows.names == ["a", "b"])
    #expect(rows.entries[0].color == [1, 2, 3])
    #expect(rows.encoding == LabelEncoding(.reduceZero, classCount: 2))
    #expect(
      try table(#"{"0": "unlabelled (11)", "1": "sky", "2": "sea"}"#).names == ["sky", "sea"])
    #expect(
      try table(#"{"0": "road", "1": "sky"}"#).encoding == LabelEncoding(.direct, classCount: 2))
    #expect(try table(#"["x", "y", "z"]"#).count == 3)
    #expect(message { _ = try table("[") }.contains("ends too early, in line 1, byte 2"))
    #expect(message { _ = try table("[1]") }.contains("is no table of classes"))
    #expect(message { _ = try table(#"["a", "b", "a"]"#) }.contains("ids 1 and 3 both 'a'"))
    #expect(message { _ = try table(#"["a", ""]"#) }.contains("has no name for id 2"))
    #expect(
      message { _ = try table(#"{"1": "a", "1": "b"}"#) }.contains("has the key '1' twice"))
    #expect(message { _ = try table(#"{"1": "a", "3": "b"}"#) }.contains("goes from id 1 to id 3"))
    #expect(message { _ = try table(#"{"4": "a"}"#) }.contains("starts with id 4"))
    #expect(message { _ = try table("[]") }.contains("has 0 classes"))
    #expect(
      message { _ = try table(#"[{"id": 1, "name": "a", "color": [1, 2]}]"#) }
        .contains("not three numbers"))
    let empty = try TemporaryDirectory()
    #expect(message { _ = try SegmentationClasses.find(root: empty.path) }.contains("--classes"))
    try AtomicFile.write(text: "", to: empty.file("objectInfo150.txt"))
    #expect(try SegmentationClasses.find(root: empty.path) == .ade20k)
    #expect(message { _ = try rows.stored(as: .cityscapes) }.contains("19 classes"))
  }

  @Test("Images and maps are paired by name, in byte order, in folders too")
  func folder() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(
      in: folder, ["training/b", "training/B", "training/town/a", "validation/c"])
    let data = try SegmentationData(SegmentationLayout.expect(folder.path))
    let training = try #require(data.training)
    #expect((0..<training.count).map(training.name) == ["B", "b", "town/a"])
    #expect(training.relativeLabelPath(2) == "annotations/training/town/a.png")
    let (image, labels) = try training.load(1, data.classes.encoding)
    #expect(image.width == 14)
    #expect(labels.labels.prefix(5) == [255, 255, 255, 255, 0])
    #expect(training.manifestHash() == training.manifestHash())
    #expect(training.manifestHash() != data.testing.manifestHash())
    try FileManager.default.removeItem(atPath: folder.file("annotations/training/b.png"))
    #expect(
      message { _ = try SegmentationData(SegmentationLayout.expect(folder.path)) }
        .hasSuffix(
          "b.png: has no label map in annotations/training; add b.png there or remove the image."))
  }

  private func rules(
    _ folder: TemporaryDirectory, labels: LabelEncoding.Kind? = nil
  ) throws -> Set<String> {
    Set(
      try SegmentationCheck(SegmentationLayout.expect(folder.path), labels: labels, depth: .full)
        .run(threadCount: 2).findings.map(\.rule))
  }

  @Test("A sound data set has no findings; its layout is recognised")
  func sound() throws {
    let folder = try TemporaryDirectory()
    #expect(try SegmentationLayout.find(folder.path) == nil)
    try makeSegmentationSet(in: folder, Self.names)
    #expect(try SegmentationLayout.find(folder.path)?.source == .ade20k)
    #expect(try rules(folder).isEmpty)
  }

  @Test("Each fault of a map is found by its rule")
  func faults() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(
      in: folder, Self.names + ["training/d", "training/e", "training/f", "training/g"])
    func write(_ name: String, _ labels: [UInt8], _ width: Int, _ height: Int) throws {
      try AtomicFile.write(
        try ImageFile.png(LabelMap(width: width, height: height, labels: labels)),
        to: folder.file("annotations/\(name).png"))
    }
    try write("training/a", [UInt8](repeating: 1, count: 140), 10, 14)
    try write("training/b", [UInt8](repeating: 4, count: 140), 14, 10)
    try write("training/d", [UInt8](repeating: 0, count: 140), 14, 10)
    try AtomicFile.write(
      try ImageFile.png(RGBImage(width: 14, height: 10)),
      to: folder.file("annotations/training/e.png"))
    let whole = try FileBytes.read(folder.file("annotations/training/f.png"))
    try AtomicFile.write(
      whole.prefix(whole.count - 20), to: folder.file("annotations/training/f.png"))
    try FileManager.default.removeItem(atPath: folder.file("annotations/training/g.png"))
    try write("training/h", [1], 1, 1)
    #expect(
      try rules(folder) == [
        "label/size", "label/range", "label/all-ignored", "label/format", "label/truncated",
        "layout/unlabelled", "layout/unused-map", "label/absent-class", "label/unlearned-class",
      ])
    let report = try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .quick).run(
      threadCount: 1)
    #expect(report.worst == .error)
    #expect(report.text.contains("is 10x14, its image 14x10"))
  }

  @Test("Shifted values are found over all maps")
  func shift() throws {
    let folder = try TemporaryDirectory()
    // Three classes from 0, other 255: what reduce-zero would shift once more.
    try makeSegmentationSet(in: folder, Self.names) { x, y in
      let value = (x / 4 + y / 3) % 4
      return value == 3 ? 255 : UInt8(value)
    }
    #expect(try rules(folder).contains("label/shifted"))
    #expect(try rules(folder, labels: .direct).isEmpty)
    // Ids from 1 taken for indices: the last is out of range.
    let other = try TemporaryDirectory()
    try makeSegmentationSet(in: other, Self.names)
    #expect(try rules(other, labels: .direct).contains("label/range"))
  }

  @Test("Values from 0 where classes are stored from 1 are found without any 255")
  func shiftWithoutIgnored() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(in: folder, Self.names) { x, _ in UInt8(x / 5) }
    #expect(try rules(folder).contains("label/shifted"))
    #expect(try rules(folder, labels: .direct).isEmpty)
  }

  @Test("A class without a pixel beside a sea of 255 is called, and masks of 0 and 255 stop a run")
  func seas() throws {
    let classes =
      #"[{"id": 0, "name": "sky"}, {"id": 1, "name": "sea"}, {"id": 2, "name": "sand"}]"#
    func finding(_ label: (Int, Int) -> UInt8) throws -> DataFinding? {
      let folder = try TemporaryDirectory()
      try makeSegmentationSet(in: folder, Self.names, classes: classes, label: label)
      return try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .quick).run(
        threadCount: 1
      ).findings
        .first { $0.rule == "label/ignored-class" }
    }
    let two = try #require(try finding { x, _ in [0, 1, 255][x / 5] })
    #expect(two.severity == .warning && two.problem.contains("class 'sand'"))
    let binary = try #require(try finding { x, _ in x < 9 ? 0 : 255 })
    #expect(binary.severity == .error && binary.problem.contains("masks of 0 and 255"))
    #expect(try finding { x, _ in [0, 1, 2][x / 5] } == nil)
  }

  @Test("Masks of 0 and 255 beside masks of 0 and 1 stop a run; 255 beside 1 means ignored")
  func mixedMasks() throws {
    let classes = #"[{"id": 0, "name": "ground"}, {"id": 1, "name": "crop"}]"#
    func findings(_ masks: [(Int, Int) -> UInt8]) throws -> [DataFinding] {
      let folder = try TemporaryDirectory()
      for (name, mask) in zip(Self.names, masks) {
        try makeSegmentationSet(in: folder, [name], classes: classes, label: mask)
      }
      return try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .quick).run(
        threadCount: 1
      ).findings.filter { $0.rule == "label/mixed-masks" }
    }
    let ones = { (x: Int, _: Int) -> UInt8 in x < 9 ? 0 : 1 }
    let whites = { (x: Int, _: Int) -> UInt8 in x < 9 ? 0 : 255 }
    let borders = { (x: Int, _: Int) -> UInt8 in x < 7 ? 0 : x < 9 ? 255 : 1 }
    let found = try findings([ones, whites, ones])
    #expect(found.count == 1 && found.first?.severity == .error)
    #expect(found.first?.problem.hasSuffix("annotations/training/b.png") == true, "\(found)")
    #expect(try findings([ones, ones, ones]).isEmpty)
    #expect(try findings([borders, whites, ones]).isEmpty)
  }

  @Test("A class that only validation has is called")
  func unlearned() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(in: folder, ["validation/c"])
    try makeSegmentationSet(in: folder, ["training/a"]) { x, _ in UInt8(x / 5) }
    let found = try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .quick).run(
      threadCount: 1
    ).findings
      .first { $0.rule == "label/unlearned-class" }
    #expect(found?.problem.contains("'sand'") == true && found?.path == "training")
  }

  @Test("Hidden images are named, and a link that leads nowhere")
  func leftOut() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(
      in: folder, Self.names + ["training/.more/x", "training/.y"])
    let found = try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .quick).run(
      threadCount: 1
    ).findings
      .filter { $0.rule == "layout/hidden-images" }
    #expect(found.count == 1 && found[0].severity == .error)
    #expect(found[0].problem.contains("and 3 more"), "\(found[0].problem)")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("images/validation/part"), withDestinationPath: "/nowhere")
    let error = #expect(throws: DatasetError.self) {
      try SegmentationFolder(root: folder.path, split: .validation)
    }
    #expect(error?.path.hasSuffix("images/validation/part") == true)
  }

  @Test("A picture is turned as its EXIF data say, unless its map has the stored size")
  func orientation() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(in: folder, Self.names, width: 37, height: 27)
    let picture = SourceTree.fixture("VisionData/flavours/orientation6.png")
    let stored = try ImageFile.decode(path: picture)
    try #require(stored.width != stored.height)
    try AtomicFile.write(
      try FileBytes.read(picture), to: folder.file("images/training/a.png"))
    func load(width: Int, height: Int) throws -> (RGBImage, Set<String>) {
      try AtomicFile.write(
        try ImageFile.png(
          LabelMap(width: width, height: height, labels: .init(repeating: 1, count: width * height))
        ),
        to: folder.file("annotations/training/a.png"))
      let data = try SegmentationData(SegmentationLayout.expect(folder.path))
      let training = try #require(data.training)
      return (try training.load(0, data.classes.encoding).image, try rules(folder))
    }
    let (turned, sound) = try load(width: stored.height, height: stored.width)
    #expect(turned == stored.oriented(6) && !sound.contains("label/orientation"))
    let (plain, warned) = try load(width: stored.width, height: stored.height)
    #expect(plain == stored && warned.contains("label/orientation"))
    #expect(throws: DatasetError.self) { try load(width: 5, height: 4) }
  }

  @Test("The same image in both splits is found; a broken layout is a finding")
  func contents() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(in: folder, Self.names)
    for top in ["images", "annotations"] {
      try AtomicFile.write(
        try FileBytes.read(folder.file("\(top)/training/a.png")),
        to: folder.file("\(top)/validation/seen.png"))
    }
    #expect(try rules(folder) == ["content/overlap"])
    try FileManager.default.removeItem(atPath: folder.file("annotations/validation"))
    try FileManager.default.removeItem(atPath: folder.file("classes.json"))
    #expect(try rules(folder) == ["layout/missing", "layout/classes"])
  }

  @Test("A kept report is used until a file is touched")
  func cache() throws {
    let folder = try TemporaryDirectory()
    try makeSegmentationSet(in: folder, Self.names)
    let kept = try TemporaryDirectory()
    let check = try SegmentationCheck(SegmentationLayout.expect(folder.path), depth: .full)
    #expect(try check.run(cachedIn: kept.path, threadCount: 2).findings.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: kept.path).count == 1)
    try AtomicFile.write(text: "", to: folder.file("annotations/training/a.png"))
    let rules = try check.run(cachedIn: kept.path, threadCount: 2).findings.map(\.rule)
    #expect(rules == ["label/undecodable"])
  }

  private func expectClean(_ root: String) throws {
    let report = try SegmentationCheck(SegmentationLayout.expect(root), depth: .quick).run(
      threadCount: 2)
    #expect(report.findings.isEmpty, "\(report.text)")
    #expect(report.imageCount > 20)
    let data = try SegmentationData(SegmentationLayout.expect(root))
    let (image, labels) = try data.testing.load(0, data.classes.encoding)
    #expect(image.width == labels.width)
  }

  @Test("Real frames pass the check", .needs(sharedData: "segmentation"))
  func realData() throws {
    try expectClean(#require(SourceTree.sharedData("segmentation")))
  }

  @Test("The sample set passes the check")
  func sampleData() throws {
    let folder = try TemporaryDirectory()
    var settings = SampleSettings()
    settings.trainingImagesPerClass = 1
    settings.validationImagesPerClass = 1
    let sample = try SampleSet(settings).generate(at: folder.path)
    try expectClean(sample.segmentationPath)
  }

  @Test("An overlay mixes colour and image, and the legend lists the classes by size")
  func overlay() {
    let overlay = SegmentationOverlay(
      classes: SegmentationClasses(names: ["a", "b"], colors: [[201, 0, 0], [0, 99, 0]]))
    let image = RGBImage(width: 3, height: 1, red: 100, green: 51, blue: 2)
    let labels = LabelMap(width: 3, height: 1, labels: [0, 1, 255])
    let mixed = overlay.mixed(image, labels)
    #expect(mixed.pixels == [150, 25, 1, 50, 75, 1, 50, 25, 1])
    #expect(overlay.colors(of: labels).pixels == [201, 0, 0, 0, 99, 0, 0, 0, 0])
    let legend = overlay.legend(
      for: [LabelMap(width: 4, height: 1, labels: [1, 1, 1, 0])], width: 400)
    func color(_ x: Int, _ y: Int) -> [UInt8] {
      Array(legend.pixels[(y * 400 + x) * 3..<(y * 400 + x) * 3 + 3])
    }
    #expect(color(6, 5) == [0, 99, 0])
    #expect(color(182, 5) == [201, 0, 0])
    let panel = overlay.panel(image, caption: "x", maps: [("y", labels), ("z", labels)])
    #expect(panel.width == 4 + 3 * 7)
  }
}
