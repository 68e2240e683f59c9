import CounterRandom
import FileSupport
import Foundation
import TestSupport
import Testing

@testable import VisionData

/// The twins of the pictures in corruptions.py.
private enum Picture {
  static func scene(_ side: Int = 224) -> RGBImage {
    var image = RGBImage(width: side, height: side)
    func paint(_ x: Int, _ y: Int, _ red: Int, _ green: Int, _ blue: Int) {
      let at = (y * side + x) * 3
      image.pixels[at] = UInt8(red)
      image.pixels[at + 1] = UInt8(green)
      image.pixels[at + 2] = UInt8(blue)
    }
    for y in 0..<side {
      for x in 0..<side {
        paint(x, y, x * 255 / 223 % 256, y * 255 / 223 % 256, (x ^ y) % 256)
        if (x - 60) * (x - 60) + (y - 70) * (y - 70) < 1600 { paint(x, y, 240, 200, 20) }
        if x % 16 < 3, y > 200 { paint(x, y, 200, 30, 60) }
        for (left, top, right, bottom, gray) in [
          (130, 20, 200, 80, 255), (20, 150, 90, 200, 0), (120, 130, 210, 200, 128),
        ] where (left..<right).contains(x) && (top..<bottom).contains(y) {
          paint(x, y, gray, gray, gray)
        }
      }
    }
    return image
  }

  static func frost(_ number: Int) -> RGBImage {
    let (width, height) = (260 + 10 * number, 250 + 5 * number)
    var image = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let value = (x * y * (number + 3) + 7 * x + 11 * y) % 256
        for (channel, level) in [value, value + x, value + 2 * y].enumerated() {
          image.pixels[(y * width + x) * 3 + channel] = UInt8(level % 256)
        }
      }
    }
    return image
  }

  /// The pictures of frost, read from files as users give them.
  static func frostPictures() throws -> FrostPictures {
    let folder = try TemporaryDirectory()
    for number in 0..<6 {
      try AtomicFile.write(
        try ImageFile.png(frost(number)), to: folder.file("frost\(number + 1).png"))
    }
    return try FrostPictures(folder: folder.path, side: 224)
  }
}

private func corrupted(
  _ image: RGBImage, _ corruption: Corruption, _ severity: Int, frost: FrostPictures? = nil,
  index: Int = 7
) throws -> RGBImage {
  var stream = corruption.stream(severity: severity, image: index)
  return try corruption(image, severity: severity, frost: frost, stream: &stream)
}

@Suite("Corruptions of ImageNet-C")
struct CorruptionTests {
  /// Those that equal the published code's to the last bit, in every strength.
  private static let exact: Set<Corruption> = [
    .gaussianNoise, .shotNoise, .impulseNoise, .speckleNoise, .motionBlur, .zoomBlur, .frost, .fog,
    .contrast, .elasticTransform, .pixelate, .jpegCompression, .spatter,
  ]

  @Test("Every corruption gives the published code's pixels, most of them all")
  func reference() throws {
    let path = SourceTree.fixture("VisionData/corruptions.json")
    let digests = try JSONDecoder().decode(
      [String: String].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    let strips = try ImageFile.decode(path: SourceTree.fixture("VisionData/corruptions.png"))
    let rows = [0, 31, 62, 93, 124, 155, 186, 223]
    let scene = Picture.scene()
    let frost = try Picture.frostPictures()
    #expect(digests.count == 5 * Corruption.allCases.count)
    var strip = 0
    for corruption in Corruption.allCases {
      for severity in Corruption.severities {
        let name = "\(corruption.rawValue) \(severity)"
        let made = try corrupted(scene, corruption, severity, frost: frost)
        let isSame = made.pixels.withUnsafeBytes { SHA256.digest($0) } == digests[name]
        #expect(isSame || !Self.exact.contains(corruption), "\(name)")
        var worst = 0
        for (number, row) in rows.enumerated() {
          let own = made.pixels[row * 672..<(row + 1) * 672]
          let expected = strips.pixels[(strip * 8 + number) * 672..<(strip * 8 + number + 1) * 672]
          worst = zip(own, expected).reduce(worst) { max($0, abs(Int($1.0) - Int($1.1))) }
        }
        #expect(worst <= 1, "\(name) differs by \(worst)")
        strip += 1
      }
    }
  }

  @Test("Noise has the mean and the spread of its law")
  func noise() throws {
    let gray = RGBImage(width: 200, height: 200, red: 128, green: 128, blue: 128)
    func moments(_ corruption: Corruption) throws -> (mean: Double, deviation: Double) {
      let values = try corrupted(gray, corruption, 1).pixels.map { (Double($0) + 0.5) / 255 }
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return (mean, variance.squareRoot())
    }
    let level = 128.0 / 255
    // 120,000 values: a mean's own deviation is a three hundredth of theirs.
    for (corruption, deviation) in [
      (Corruption.gaussianNoise, 0.08), (.speckleNoise, 0.15 * level),
      (.shotNoise, (level / 60).squareRoot()),
    ] {
      let found = try moments(corruption)
      #expect(abs(found.mean - level) < 5 * deviation / 346, "\(corruption)")
      #expect(abs(found.deviation / deviation - 1) < 0.015, "\(corruption)")
    }
    let hit = try corrupted(gray, .impulseNoise, 3).pixels
    let (black, white) = (hit.count { $0 == 0 }, hit.count { $0 == 255 })
    #expect(abs(Double(black + white) / Double(hit.count) - 0.09) < 0.004)
    #expect(abs(Double(white) / Double(black + white) - 0.5) < 0.025)
  }

  @Test("Poisson numbers have their mean as mean and variance", arguments: [0, 0.3, 4, 60, 700])
  func poisson(mean: Double) {
    var stream = RandomStream(seed: 3, purpose: .test)
    let values = (0..<20_000).map { _ in Double(stream.poisson(mean: mean)) }
    let found = values.reduce(0, +) / 20_000
    let variance = values.reduce(0) { $0 + ($1 - found) * ($1 - found) } / 20_000
    #expect(abs(found - mean) <= 5 * (mean / 20_000).squareRoot())
    #expect(abs(variance - mean) <= 0.06 * mean)
  }

  @Test("Stronger corruptions change more")
  func severities() throws {
    let scene = Picture.scene()
    let monotone: [Corruption] = [
      .gaussianNoise, .shotNoise, .impulseNoise, .speckleNoise, .gaussianBlur, .defocusBlur,
      .zoomBlur, .contrast, .brightness, .jpegCompression,
    ]
    for corruption in monotone {
      let changes = try Corruption.severities.map { severity in
        zip(try corrupted(scene, corruption, severity).pixels, scene.pixels)
          .reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
      }
      #expect(changes == changes.sorted() && changes[0] > 0, "\(corruption) \(changes)")
    }
  }

  @Test("Draws depend on image, corruption and strength, and on nothing else")
  func draws() throws {
    let scene = Picture.scene()
    let parts = MadeCorruptions(frost: try Picture.frostPictures()).parts
    let made = MadeCorruptions(frost: try Picture.frostPictures())
    func all(_ threadCount: Int) throws -> [[UInt8]] {
      try survey(parts.count, threadCount: threadCount, progress: { _, _ in }) { place in
        Result { try made.file(scene, parts[place], image: 3) }
      }.map { try $0.get() }
    }
    let alone = try all(1)
    #expect(try all(3) == alone)
    let first = try corrupted(scene, .gaussianNoise, 1, index: 0)
    #expect(try corrupted(scene, .gaussianNoise, 1, index: 0) == first)
    #expect(try corrupted(scene, .gaussianNoise, 1, index: 1) != first)
    var (one, other) = (
      Corruption.fog.stream(severity: 1, image: 0), Corruption.fog.stream(severity: 2, image: 0)
    )
    #expect(one.next() != other.next())
  }

  @Test(
    "Images of every size and gray ones are corrupted",
    arguments: [(1, 1), (2, 1), (3, 7), (33, 20), (9, 64)])
  func sizes(width: Int, height: Int) throws {
    let gray = RGBImage(width: width, height: height, red: 90, green: 90, blue: 90)
    var mixed = gray
    for at in mixed.pixels.indices { mixed.pixels[at] = UInt8(at * 37 % 256) }
    let frost = try Picture.frostPictures()
    for image in [gray, mixed, RGBImage(width: width, height: height)] {
      for corruption in Corruption.allCases {
        for severity in Corruption.severities {
          let made = try corrupted(image, corruption, severity, frost: frost)
          #expect(made.width == width && made.height == height)
        }
      }
    }
    // What only blurs leaves one colour as it is, but for the cut that may take a level.
    for corruption in [Corruption.gaussianBlur, .defocusBlur, .glassBlur, .motionBlur, .pixelate] {
      let made = try corrupted(gray, corruption, 3)
      #expect(made.pixels.allSatisfy { (89...90).contains($0) }, "\(corruption)")
    }
  }

  @Test("Folders without usable pictures of frost are refused")
  func frost() throws {
    let folder = try TemporaryDirectory()
    func message() -> String {
      do {
        _ = try FrostPictures(folder: folder.path, side: 224)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message().contains("has no picture of frost"))
    let small = RGBImage(width: 224, height: 500)
    try AtomicFile.write(try ImageFile.png(small), to: folder.file("frost1.png"))
    #expect(message().contains("224x500 pixels, not larger than the 224"))
    try AtomicFile.write(text: "no picture", to: folder.file("frost1.png"))
    #expect(message().contains("frost1.png"))
  }

  @Test("Corrupted images are those of the kept files, and the list of what is made is in order")
  func made() throws {
    let scene = Picture.scene(300)
    let made = MadeCorruptions([.saturate, .fog], severities: [4, 1], frost: nil)
    #expect(made.parts.map(\.corruption) == [.fog, .fog, .saturate, .saturate])
    #expect(made.parts.map(\.severity) == [1, 4, 1, 4])
    let crop = made.cropped(scene)
    #expect(crop.width == 224 && crop.height == 224)
    for part in made.parts {
      let file = try made.file(crop, part, image: 5)
      #expect(try made.image(crop, part, image: 5) == ImageFile.decode(bytes: file, name: "x"))
    }
    #expect(
      made.settings["corruptions"] == "fog, saturate" && made.settings["severities"] == "1, 4")
    let whole = MadeCorruptions(
      Corruption.benchmark.filter { $0 != .frost }, frost: try Picture.frostPictures())
    #expect(whole.frost == nil && whole.notes.contains { $0.contains("frost is left out") })
  }

  @Test("The record of a folder is read back, and anything else is refused")
  func record() throws {
    let folder = try TemporaryDirectory()
    #expect(try CorruptionRecord(in: folder.path) == nil)
    var record = CorruptionRecord(
      MadeCorruptions([.fog], severities: [2], frost: nil), images: "hash", of: [0, 3])
    try record.write(to: folder.path)
    #expect(try CorruptionRecord(in: folder.path) == record)
    let manifest = record.manifest
    record.isComplete = true
    try record.write(to: folder.path)
    #expect(try CorruptionRecord(in: folder.path)?.isComplete == true)
    #expect(record.manifest == manifest)
    let text = String(
      decoding: try FileBytes.read(folder.file(CorruptionRecord.file)), as: UTF8.self)
    for (part, other) in [
      ("\"schema\": 1", "\"schema\": 9"), ("[2]", "[7]"), ("[2]", "[]"), ("true", "3"),
    ] {
      try AtomicFile.write(
        text: text.replacingOccurrences(of: part, with: other),
        to: folder.file(CorruptionRecord.file))
      #expect(throws: DatasetError.self) { try CorruptionRecord(in: folder.path) }
    }
  }
}
