import CocoFormat
import CounterRandom
import FileSupport
import Foundation
import Geometry
import Models
import Reporting
import SampleData
import TestSupport
import Testing
import VisionData

@testable import Inspection

@Suite("Galleries", .timeLimit(.minutes(5)))
struct GalleryTests {
  private func data() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try SampleSet(.small(images: (1, 1), instances: (1, 2), labels: (1, 2))).generate(
      at: folder.file("data"))
    return folder
  }

  private func run(
    _ name: String, _ task: TaskDescription, _ images: RunImages, in folder: TemporaryDirectory,
    data: [String: String] = [:], classes: [String] = []
  ) throws -> StoredRun {
    let path = folder.file("runs/\(name)")
    var result = RunResult(
      task: task.name, backbone: ["name": name, "architecture": "Swin-T"], data: data, settings: [:]
    )
    result.classes = classes.map { ($0, MetricValue(0.5, count: 1)) }
    try AtomicFile.write(text: result.json.text(), to: path + "/result.json")
    try images.write(to: path)
    return try StoredRun(folder: path)
  }

  @Test("A picture that a run brings is shown, and a damaged one said")
  func ownPictures() throws {
    let folder = try data()
    let listed = RunImages(root: folder.file("data"), indices: [0], paths: ["a.png"])
    let row = try run("MoBY", .coco, listed, in: folder)
    let base = try run("Supervised", .coco, listed, in: folder)
    let png = try ImageFile.png(RGBImage(width: 9, height: 9, red: 7))
    try AtomicFile.write(png, to: row.path + "/gallery/0.png")
    try AtomicFile.write(png.dropLast(30), to: base.path + "/gallery/0.png")
    let shown = try #require(Gallery().pictures(row, base, [0]).first)
    #expect(shown.pictures.map(\.caption) == ["MoBY"] && shown.pictures.first?.bytes == png)
    #expect(
      shown.missing.count == 1 && shown.missing[0].hasPrefix("Supervised: "), "\(shown.missing)")
  }

  @Test("Detections of the run are drawn beside the annotated objects; a run without any says so")
  func detections() throws {
    let folder = try data()
    let images = try DetectionDataset(
      DetectionLayout.expect(folder.file("data/coco")).part(.testing), use: .testing)
    let truth = images.annotations
    let listed = RunImages(
      root: images.folder, indices: truth.images.map(\.id), paths: truth.images.map(\.fileName))
    let row = try run("MoBY", .coco, listed, in: folder)
    let base = try run("Supervised", .coco, listed, in: folder)
    let labels = Dictionary(
      uniqueKeysWithValues: truth.categoriesByLabel.enumerated().map { ($0.element, $0.offset) })
    var lines = ""
    for (index, image) in truth.images.enumerated() {
      // Sure of all objects of the first image, of none of the second.
      let found = try truth.annotationIndices(ofImage: index).map { at in
        let object = truth.annotations[Int(at)]
        return Detection(
          box: CornerBox(
            Float(object.box.x), Float(object.box.y), Float(object.box.x + object.box.width),
            Float(object.box.y + object.box.height)),
          label: try #require(labels[object.category]), score: index == 0 ? 0.75 : 0.125,
          mask: try #require(try truth.mask(of: Int(at))))
      }
      lines += RecordLines.line(Detection.row(found, imageID: image.id))
    }
    try AtomicFile.write(text: lines, to: row.path + "/detections.jsonl")
    let ids = truth.images.map(\.id)
    let shown = Gallery().pictures(row, base, ids)
    let count = truth.annotationIndices(ofImage: 0).count
    #expect(
      shown[0].pictures.map(\.caption) == [
        "annotated: \(count)", "MoBY: \(count) from score 0.3 on",
      ])
    #expect(shown[0].missing == ["Supervised stores no detections, so none are drawn"])
    let few = min(3, truth.annotationIndices(ofImage: 1).count)
    #expect(
      shown[1].pictures.last?.caption == "MoBY: the best \(few), none reaches score 0.3")
    // What is drawn is the image with the objects over it.
    let pixels = try images.pixels(0)
    let small = pixels.fitted
    let items = try truth.annotationIndices(ofImage: 0).map { at in
      let object = truth.annotations[Int(at)]
      let label = try #require(labels[object.category])
      let mask = try #require(try truth.mask(of: Int(at)))
      return DetectionOverlay.Item(
        box: CornerBox(
          Float(object.box.x), Float(object.box.y), Float(object.box.x + object.box.width),
          Float(object.box.y + object.box.height)),
        mask: LabelMap(width: mask.width, height: mask.height, labels: mask.pixels),
        caption: images.classNames[label], label: label
      ).resized(from: (pixels.width, pixels.height), to: (small.width, small.height))
    }
    let drawn = DetectionOverlay().image(small, items: items)
    #expect(drawn != small)
    #expect(
      shown[0].pictures[0].bytes
        == (try ImageFile.jpeg(drawn, quality: 85, subsamplesColor: false)))
    #expect(shown[0].pictures[1].bytes != shown[1].pictures[1].bytes)
    // Masks that are not of the image are not brought to its size.
    let empty = try RunLengthMask(height: 0, width: 0, counts: [])
    let odd = Detection(box: CornerBox(0, 0, 1, 1), label: 0, score: 1, mask: empty)
    try AtomicFile.write(
      text: RecordLines.line(Detection.row([odd], imageID: ids[0])),
      to: row.path + "/detections.jsonl")
    let refused = Gallery().pictures(row, base, [ids[0]])[0]
    #expect(refused.pictures.count == 1)
    #expect(refused.missing.contains("MoBY stores masks of another size than the image"))
  }

  @Test("Predicted label maps are drawn beside the annotated ones with a legend")
  func labelMaps() throws {
    let folder = try data()
    let root = folder.file("data/ade20k")
    let set = try SegmentationFolder(root: root, split: .validation)
    let classes = try SegmentationClasses(path: root + "/classes.json")
    let listed = RunImages(
      root: root, indices: [0, 1], paths: [0, 1].map { set.relativeImagePath($0) })
    func run(_ name: String) throws -> StoredRun {
      try self.run(
        name, .ade20k, listed, in: folder,
        data: ["labels": classes.encoding.kind.rawValue], classes: classes.names)
    }
    let (row, base) = (try run("MoBY"), try run("Supervised"))
    let (image, labels) = try set.load(0, classes.encoding)
    let flat = LabelMap(
      width: labels.width, height: labels.height,
      labels: [UInt8](repeating: 3, count: labels.labels.count))
    try AtomicFile.write(
      try ImageFile.png(flat), to: RunImages.predictedMap(of: set.name(0), in: row.path))
    let shown = Gallery().pictures(row, base, [0, 1])
    #expect(
      shown[0].pictures.map(\.caption) == ["annotated", "MoBY", "classes, parts of all pixels"])
    #expect(shown[0].missing == ["Supervised stores no label maps, so none are drawn"])
    #expect(shown[1].pictures.map(\.caption) == ["annotated", "classes, parts of all pixels"])
    let small = image.fitted
    for (picture, map) in zip(shown[0].pictures, [labels, flat]) {
      let drawn = SegmentationOverlay(classes: classes).mixed(
        small, map.nearestResized(width: small.width, height: small.height))
      #expect(
        picture.bytes == (try ImageFile.jpeg(drawn, quality: 85, subsamplesColor: false)))
    }
  }

  @Test("Where a network looks is drawn beside the part of the image that it saw")
  func attention() throws {
    let folder = try data()
    let split = try ClassificationData(root: folder.file("data/classification")).validation
    let listed = RunImages(
      root: split.root, indices: [0, 1], paths: [0, 1].map { split.relativePath($0) })
    let run = try run("MoBY", .linear, listed, in: folder)
    #expect(Gallery().pictures(run).isEmpty)
    let map = RunAttention.Map(
      title: "of the class token", headCount: 2, rows: 1, columns: 2, values: [0.25, 0.5, 0, 0.75])
    try RunAttention(
      view: .init(shorterSide: 40, crop: 32, filter: "bicubic"),
      images: [.init(index: 1, maps: [map]), .init(index: 5, maps: [map])]
    ).write(to: run.path)
    let shown = Gallery().pictures(run)
    #expect(shown.map(\.index) == [1, 5] && shown.map(\.path) == [split.relativePath(1), nil])
    #expect(
      shown[0].pictures.pictures.map(\.caption) == [
        "as the network sees it", "attention of the class token",
      ])
    var stream = RandomStream(seed: 0, purpose: .test)
    let seen = EvaluationTransform(resizeSize: 40, cropSize: 32, filter: .bicubic)(
      try split.image(1), stream: &stream)
    #expect(
      shown[0].pictures.pictures[0].bytes
        == (try ImageFile.jpeg(seen, quality: 85, subsamplesColor: false)))
    // An image that the run does not list is named, and its maps are still drawn.
    #expect(shown[1].pictures.pictures.count == 1 && shown[1].pictures.missing.count == 1)
    let side = AttentionGallery.side
    let tile = AttentionGallery.tile([0.25, 0.5], rows: 1, columns: 2)
    #expect((tile.width, tile.height) == (side, side / 2))
    // Half of the largest: all of red, half of green. The largest: white.
    #expect(Array(tile.pixels[..<3]) == [255, 128, 0])
    #expect(Array(tile.pixels.suffix(3)) == [255, 255, 255])
    #expect(AttentionGallery.tile([0, 0], rows: 2, columns: 1).pixels.allSatisfy { $0 == 0 })
    #expect(AttentionGallery.sheet(map).width > 3 * side)
  }

  @Test("Images in tar archives are read from inside of them, however they are packed")
  func archives() throws {
    let folder = try TemporaryDirectory()
    func picture(_ shade: UInt8) -> RGBImage { RGBImage(width: 12, height: 8, red: shade) }
    func write(_ path: String, _ members: [(String, [UInt8])]) throws {
      var archive = TarWriter()
      for (name, content) in members { archive.add(name, content) }
      try AtomicFile.write(archive.whole, to: folder.file(path))
    }
    func file(_ shade: UInt8) throws -> [UInt8] { try ImageFile.png(picture(shade)) }
    func number(_ label: Int) -> [UInt8] { Array("\(label)".utf8) }
    // ImageNet's own archives, WebDataset's shards, and archives with a folder a class.
    var inner = TarWriter()
    inner.add("n01_0.JPEG", try file(1))
    try write(
      "imagenet/ILSVRC2012_img_train.tar", [("n01.tar", inner.whole), ("n02.tar", inner.whole)])
    try write(
      "imagenet/ILSVRC2012_img_val.tar", [("v_2.JPEG", try file(50)), ("v_1.JPEG", try file(90))])
    try AtomicFile.write(
      text: "v_1.JPEG 1\nv_2.JPEG 0\n", to: folder.file("imagenet/val_map.txt"))
    for split in ["train", "val"] {
      try write(
        "shards/\(split)/0.tar",
        [
          ("1.png", try file(90)), ("1.cls", number(1)), ("0.png", try file(50)),
          ("0.cls", number(0)),
        ])
      try write(
        "folders/\(split).tar", [("n01/a.png", try file(50)), ("n02/a.png", try file(90))])
    }
    for name in ["imagenet", "shards", "folders"] {
      let data = try ClassificationData(root: folder.file(name))
      let listed = RunImages(
        root: data.validation.root, indices: [0, 1],
        paths: (0..<2).map { data.validation.relativePath($0) })
      let run = try run(name, .linear, listed, in: folder, classes: data.train.classNames)
      for (shown, shade) in zip(Gallery().pictures(run, run, [0, 1]), [UInt8(50), 90]) {
        #expect(shown.missing.isEmpty, "\(name): \(shown.missing)")
        #expect(
          shown.pictures.map(\.bytes) == [
            try ImageFile.jpeg(picture(shade), quality: 85, subsamplesColor: false)
          ])
      }
      // Another list than the archives have.
      let other = try self.run(
        name + "-other", .linear, RunImages(root: listed.root, indices: [0], paths: ["no.png"]),
        in: folder, classes: data.train.classNames)
      #expect(
        Gallery().pictures(other, other, [0])[0].missing.first?.contains(
          "no no.png is found in the archives") == true)
    }
    try AtomicFile.write([1, 2, 3], to: folder.file("folders/val.tar"))
    let damaged = try StoredRun(folder: folder.file("runs/folders"))
    let shown = Gallery().pictures(damaged, damaged, [0])[0]
    #expect(shown.pictures.isEmpty && shown.missing[0].contains("val.tar"))
  }

  @Test("Images that are not at hand, or lie outside of the run's folder, are named and not read")
  func missing() throws {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(
      try ImageFile.png(RGBImage(width: 8, height: 8)), to: folder.file("secret.png"))
    let listed = RunImages(
      root: folder.file("data"), indices: [0, 1, 2],
      paths: ["../secret.png", folder.file("secret.png"), "gone.png"])
    let run = try run("MoBY", .linear, listed, in: folder)
    try FileManager.default.createDirectory(
      atPath: folder.file("data"), withIntermediateDirectories: true)
    for pictures in Gallery().pictures(run, run, [0, 1, 2, 3]) {
      #expect(pictures.pictures.isEmpty && pictures.missing.count == 1)
    }
    let nowhere = try self.run(
      "DINO", .linear, RunImages(root: "", indices: [0], paths: ["secret.png"]), in: folder)
    #expect(Gallery().pictures(nowhere, nowhere, [0])[0].pictures.isEmpty)
  }
}
