import CocoFormat
import CounterRandom
import FileSupport
import Foundation
import VisionData

/// Tar archives of images with classes, whose headers are wrong behind their checksums.
struct ArchiveDriver: FuzzDriver {
  static let name = "archives"
  private let root: String
  private let image: [UInt8]

  private static let names = [
    "a/1.png", "b/2.png", "./a/3.png", "000.png", "000.cls", "001.png", "001.cls", "n01.tar",
    "../x.png", "/x.png", "a/../../x.png", "", "a/", "a/.1.png", String(repeating: "d/", count: 49),
    "é.png",
  ]
  /// What a sound archive holds.
  private static let plain = [["a/1.png", "b/2.png"], ["000.png", "000.cls"]]

  init(folder: String) throws {
    root = folder + "/data"
    image = try ImageFile.png(RGBImage(width: 3, height: 3, red: 7))
  }

  private func header(_ name: String, size: Int, _ random: inout RandomStream) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: some Collection<UInt8>, at place: Int) {
      for (offset, byte) in text.prefix(512 - place).enumerated() { header[place + offset] = byte }
    }
    put(Array(name.utf8).prefix(100), at: 0)
    put(Array(String(size, radix: 8).utf8), at: 124)
    put([random.once(in: 16) ? UInt8(random.pick(Array("123567xgLKSV".utf8))) : 0x30], at: 156)
    put(Array((random.once(in: 3) ? "ustar  " : "ustar").utf8), at: 257)
    if random.once(in: 8) {
      // Numbers and names that no writer would write, and that the checksum covers.
      let changed = ByteMutation.changed(header, &random)
      header =
        Array(changed.prefix(512)) + [UInt8](repeating: 0, count: max(0, 512 - changed.count))
    }
    put([UInt8](repeating: 0x20, count: 8), at: 148)
    put(Array(String(header.reduce(0) { $0 + Int($1) }, radix: 8).utf8) + [0], at: 148)
    return header
  }

  private func archive(_ random: inout RandomStream, depth: Int = 0) -> [UInt8] {
    var bytes: [UInt8] = []
    let names =
      random.once(in: 3)
      ? (0..<random.below(6)).map { _ in random.pick(Self.names) } : random.pick(Self.plain)
    for name in names {
      var content = image
      if name.hasSuffix(".cls") {
        content = Array(random.pick(["0", "1\n", "-1", "x", "99999999"]).utf8)
      }
      if name.hasSuffix(".tar"), depth == 0 { content = archive(&random, depth: 1) }
      if random.once(in: 16) {
        content = Array(
          random.pick(["15 path=b.png\n", "12 size=9\n", "9 a", "99999 path=c\n"]).utf8)
      }
      bytes += header(name, size: content.count, &random) + content
      bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
    if !random.once(in: 8) { bytes += [UInt8](repeating: 0, count: 1024) }
    return random.once(in: 6) ? ByteMutation.changed(bytes, &random) : bytes
  }

  mutating func read(_ random: inout RandomStream) throws {
    try AtomicFile.write(archive(&random), to: root + "/train.tar")
    try AtomicFile.write(archive(&random), to: root + "/val.tar")
    try AtomicFile.write(text: "000.png 0\n001.png 1\n", to: root + "/val_map.txt")
    _ = DataCheck(root: root, depth: .full).run(threadCount: 1).text
    let data = try ClassificationData(root: root)
    for index in 0..<data.validation.count { _ = try data.validation.image(index) }
    _ = data.train.manifestHash()
  }
}

/// PASCAL VOC's folders: XML and lists of names.
struct VOCDriver: FuzzDriver {
  static let name = "voc"
  private let root: String

  private static let text = """
    <annotation><folder>VOC2012</folder><filename>1.png</filename>
    <size><width>64</width><height>48</height><depth>3</depth></size>
    <object><name>cat</name><difficult>0</difficult>
    <bndbox><xmin>3</xmin><ymin>4</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
    <object><name>dog</name><difficult>1</difficult><part><name>head</name></part>
    <bndbox><xmin>1.5</xmin><ymin>2</ymin><xmax>9</xmax><ymax>64</ymax></bndbox></object></annotation>
    """
  private static let pieces = [
    "<", ">", "</object>", "<object>", "-1", "1e300", "nan", "&amp;", "&x;", "<!DOCTYPE a>",
    "<![CDATA[", "]]>", "<!--", "\u{0}", "9999999999999999999", "<a/>", "",
  ]

  init(folder: String) throws {
    root = folder + "/voc"
    for name in ["1", "2"] {
      try AtomicFile.write(
        try ImageFile.png(RGBImage(width: 64, height: 48, red: 7)),
        to: "\(root)/JPEGImages/\(name).png")
    }
    try AtomicFile.write(text: Self.text, to: root + "/Annotations/2.xml")
  }

  mutating func read(_ random: inout RandomStream) throws {
    var bytes = Array(Self.text.utf8)
    for _ in 0..<random.below(3) {
      let at = random.below(bytes.count)
      let end = min(bytes.count, at + random.below(12))
      bytes.replaceSubrange(at..<end, with: random.pick(Self.pieces).utf8)
    }
    if random.once(in: 4) { bytes = ByteMutation.changed(bytes, &random) }
    try AtomicFile.write(bytes, to: root + "/Annotations/1.xml")
    let lists = ["1\n", "2\n", "1\n2\n", "1 1\r\n2 -1\r\n", "../1\n", "3\n", "1\n1\n", ""]
    for split in ["train", "val"] {
      try AtomicFile.write(
        text: random.pick(lists), to: "\(root)/ImageSets/Main/\(split).txt")
    }
    let layout = try DetectionLayout.expect(root)
    let set = try DetectionDataset(layout.part(.testing), use: .testing)
    _ = DetectionCheck(root: root, sets: [set], depth: .full).run(threadCount: 1).text
    for image in set.images { _ = try set.sample(image) }
    _ = try set.annotationHash()
  }
}
