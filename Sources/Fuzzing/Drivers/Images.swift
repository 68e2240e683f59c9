import CounterRandom
import FileSupport
import Foundation
import Geometry
import VisionData

/// Pictures: PNG with every checksum right, and JPEG.
struct ImageDriver: FuzzDriver {
  static let name = "images"
  private var pngs: [[UInt8]] = []
  private var jpegs: [[UInt8]] = []

  init(folder: String) throws {
    for side in [1, 9, 40] {
      let pixels = (0..<side * side * 3).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let image = RGBImage(width: side, height: side, pixels: pixels)
      pngs.append(try ImageFile.png(image))
      let labels = (0..<side * side).map { UInt8($0 % 5) }
      pngs.append(try ImageFile.png(LabelMap(width: side, height: side, labels: labels)))
      jpegs.append(try ImageFile.jpeg(image))
      jpegs.append(try ImageFile.jpeg(image, quality: 40, subsamplesColor: false))
    }
  }

  /// A file that is nearly a picture.
  static func file(
    _ pngs: [[UInt8]], _ jpegs: [[UInt8]], _ random: inout RandomStream
  ) -> [UInt8] {
    switch random.below(6) {
    case 0, 1: PNGMutation.drawn(&random)
    case 2: PNGMutation.changed(random.pick(pngs), &random)
    case 3, 4: JPEGMutation.changed(random.pick(jpegs), &random)
    default: ByteMutation.changed(random.pick(random.once(in: 2) ? pngs : jpegs), &random)
    }
  }

  mutating func read(_ random: inout RandomStream) throws {
    let bytes = Self.file(pngs, jpegs, &random)
    switch random.below(4) {
    case 0: _ = try ImageFile.decodeLabels(bytes: bytes, name: "input")
    case 1: _ = try ImageFile.inspect(bytes: bytes, name: "input")
    default:
      _ = try ImageFile.decode(
        bytes: bytes, name: "input", appliesOrientation: random.once(in: 2),
        damage: random.once(in: 2) ? .refused : .accepted)
    }
  }
}

/// Folders of ADE20K's kind: tables of classes, and label maps.
struct SegmentationDriver: FuzzDriver {
  static let name = "segmentation"
  private let root: String
  private let image: [UInt8]
  private let labels: [UInt8]
  private let tables: [JSONMutation]

  init(folder: String) throws {
    root = folder + "/ade"
    let pixels = (0..<20 * 16 * 3).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    image = try ImageFile.jpeg(RGBImage(width: 20, height: 16, pixels: pixels))
    labels = try ImageFile.png(
      LabelMap(width: 20, height: 16, labels: (0..<320).map { UInt8($0 % 4) }))
    let rows = (1...4).map {
      "{\"id\":\($0),\"name\":\"class \($0)\",\"color\":[\($0 * 40),20,30]}"
    }
    tables = [
      "[\(rows.joined(separator: ","))]", #"["a","b","c","d"]"#,
      #"{"0":"a","1":"b","2":"c","3":"d"}"#,
    ].map { JSONMutation(Array($0.utf8)) }
    for split in ["training", "validation"] {
      for number in 0..<2 {
        try AtomicFile.write(image, to: "\(root)/images/\(split)/\(number).jpg")
        try AtomicFile.write(labels, to: "\(root)/annotations/\(split)/\(number).png")
      }
    }
  }

  mutating func read(_ random: inout RandomStream) throws {
    let map = root + "/annotations/validation/1.png"
    let picture = root + "/images/validation/1.jpg"
    let table = random.pick(tables)
    try AtomicFile.write(
      random.once(in: 2) ? table.changed(&random) : table.text, to: root + "/classes.json")
    try AtomicFile.write(
      random.once(in: 2) ? ImageDriver.file([labels], [image], &random) : labels, to: map)
    try AtomicFile.write(
      random.once(in: 4) ? ImageDriver.file([labels], [image], &random) : image, to: picture)
    if random.once(in: 2) {
      let depth = random.once(in: 2) ? DataCheck.Depth.full : .quick
      _ = try SegmentationCheck(SegmentationLayout.expect(root), depth: depth).run(threadCount: 1)
        .text
    }
    let kind = random.pick([nil] + LabelEncoding.Kind.allCases.map(Optional.some))
    let data = try SegmentationData(SegmentationLayout.expect(root), labels: kind)
    for index in 0..<data.testing.count {
      _ = try data.testing.load(index, data.classes.encoding)
    }
  }
}
