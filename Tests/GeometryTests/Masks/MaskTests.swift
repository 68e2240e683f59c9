import CounterRandom
import FileSupport
import Foundation
import Geometry
import Reporting
import TestSupport
import Testing

/// Masks of pycocotools, made by `Tests/References/coco_evaluation.py`.
private func reference(_ list: String) throws -> [JSONValue] {
  let data = try Data(contentsOf: URL(fileURLWithPath: SourceTree.fixture("Geometry/masks.json")))
  return try #require(JSONValue(parsing: Array(data))?[list]?.arrayValue)
}

extension JSONValue {
  fileprivate func int(_ key: String) throws -> Int { try #require(self[key]?.intValue) }
  fileprivate func text(_ key: String) throws -> String { try #require(self[key]?.stringValue) }
  fileprivate func ints(_ key: String) throws -> [Int] {
    try #require(self[key]?.arrayValue).compactMap(\.intValue)
  }
}

private func text(_ mask: RunLengthMask?) -> String? {
  mask.map { String(decoding: $0.compressedCounts, as: UTF8.self) }
}

private func box(_ mask: RunLengthMask) -> [Int] {
  [mask.box.x, mask.box.y, mask.box.width, mask.box.height]
}

@Suite("Masks", .timeLimit(.minutes(5)))
struct MaskTests {
  @Test("Counts decoded to intervals say what the strict decoder says, sound and damaged")
  func intervals() throws {
    var stream = RandomStream(seed: 3, purpose: .test, epoch: 0, sample: 0)
    let intervals = MaskIntervals()
    var refused = 0
    for trial in 0..<3000 {
      let (height, width) = (1 + stream.below(60), 1 + stream.below(60))
      var pixels = [UInt8](repeating: 0, count: height * width)
      let period = 1 + stream.below(40)
      for at in pixels.indices { pixels[at] = (at / period + trial) % 3 == 0 ? 1 : 0 }
      if trial % 4 == 0 { for at in pixels.indices { pixels[at] = UInt8(stream.below(2)) } }
      let mask = pixels.withUnsafeBufferPointer {
        RunLengthMask(height: height, width: width, pixels: $0)
      }
      var text = mask.compressedCounts
      if trial % 3 == 0, !text.isEmpty {
        text[stream.below(text.count)] = UInt8(40 + stream.below(80))
      }
      if trial % 5 == 0, !text.isEmpty { text.removeLast(1 + stream.below(min(3, text.count))) }
      intervals.removeAll()
      text.withUnsafeBufferPointer { bytes in
        let slot = intervals.append(compressedCounts: bytes, height: height, width: width)
        let strict = try? RunLengthMask(height: height, width: width, compressedCounts: bytes)
        #expect((slot == nil) == (strict == nil))
        guard let slot, let strict else {
          refused += 1
          return
        }
        #expect(intervals.mask(slot, height: height, width: width) == strict)
        let again = intervals.append(runs: strict.runs, height: height)
        #expect(slot.extent == again.extent)
      }
    }
    #expect(refused > 300 && refused < 2700)
  }

  @Test("Polygons are rasterised to the bit as pycocotools does, inside the image and outside")
  func polygons() throws {
    let rows = try reference("polygons")
    #expect(rows.count > 200)
    for row in rows {
      let polygons = try #require(row["polygons"]?.arrayValue).map {
        try #require($0.arrayValue).compactMap(\.doubleValue)
      }
      let mask = try RunLengthMask(
        height: row.int("height"), width: row.int("width"), polygons: polygons)
      #expect(text(mask) == (try row.text("counts")), "\(polygons)")
      #expect(mask.area == (try row.int("area")))
      #expect(box(mask) == (try row.ints("box")))
    }
  }

  @Test("Bitmaps, unions, areas, boxes and overlaps equal those of pycocotools")
  func bitmaps() throws {
    for row in try reference("bitmaps") {
      let (height, width) = (try row.int("height"), try row.int("width"))
      let pixels = try row.text("pixels").utf8.map { $0 - 48 }
      let first = try RunLengthMask(
        height: height, width: width, compressedCounts: row.text("first"))
      let second = try RunLengthMask(
        height: height, width: width, compressedCounts: row.text("second"))
      let encoded = pixels.withUnsafeBufferPointer {
        RunLengthMask(height: height, width: width, pixels: $0)
      }
      #expect(encoded == first)
      #expect(first.pixels == pixels)
      #expect(text(encoded) == (try row.text("first")))
      #expect(first.area == (try row.int("area")))
      #expect(box(first) == (try row.ints("box")))
      #expect(text(RunLengthMask.union([first, second])) == (try row.text("union")))
      #expect(
        first.intersectionOverUnion(with: second) == (try #require(row["overlap"]?.doubleValue)))
      #expect(
        first.intersectionOverUnion(with: second, isCrowd: true)
          == (try #require(row["crowdOverlap"]?.doubleValue)))
    }
  }

  @Test("Known counts and their text belong together, long and falling runs too")
  func codec() throws {
    let known: [(counts: [Int], text: String, height: Int, width: Int)] = [
      ([6, 1, 40, 4, 5, 4, 5, 4, 21], "61X13mN000`0", 9, 10), ([6, 2, 3, 2, 12], "62309", 5, 5),
    ]
    for row in known {
      let mask = try RunLengthMask(height: row.height, width: row.width, counts: row.counts)
      #expect(text(mask) == row.text)
      let back = try RunLengthMask(
        height: row.height, width: row.width, compressedCounts: row.text)
      #expect(back.runs.map { Int($0) } == row.counts)
    }
    let long = try RunLengthMask(
      height: 40_000, width: 50_000, counts: [0, 1_999_000_000, 16, 999_980, 1, 3])
    let back = try RunLengthMask(
      height: 40_000, width: 50_000, compressedCounts: try #require(text(long)))
    #expect(back == long)
  }

  @Test("Empty runs inside are merged, so equal masks are equal whatever their runs were")
  func canonical() throws {
    let plain = try RunLengthMask(height: 2, width: 5, counts: [3, 4, 3])
    #expect(try RunLengthMask(height: 2, width: 5, counts: [1, 0, 2, 4, 0, 0, 3]) == plain)
    let leading = try RunLengthMask(height: 2, width: 5, counts: [0, 0, 0, 0, 3, 4, 3])
    #expect(leading == plain)
    // Three leading zeros in the text: the box is that of the mask, not of its empty runs.
    let zeros = try RunLengthMask(height: 2, width: 5, compressedCounts: "000340")
    #expect(zeros.runs == [0, 3, 4, 3])
    let again = zeros.pixels.withUnsafeBufferPointer {
      RunLengthMask(height: 2, width: 5, pixels: $0)
    }
    #expect(again == zeros)
    #expect(box(again) == box(zeros))
  }

  @Test("What is no mask is refused with the reason")
  func refusals() {
    #expect(throws: MaskError.wrongSum(9, expected: 10)) {
      try RunLengthMask(height: 2, width: 5, counts: [9])
    }
    #expect(throws: MaskError.negativeRun(-1)) {
      try RunLengthMask(height: 2, width: 5, counts: [-1, 11])
    }
    #expect(throws: MaskError.wrongSize(height: -2, width: 5)) {
      try RunLengthMask(height: -2, width: 5, counts: [])
    }
    #expect(throws: MaskError.wrongSize(height: Int.max, width: 5)) {
      try RunLengthMask(height: Int.max, width: 5, polygons: [])
    }
    #expect(throws: MaskError.badCharacter(32, position: 1)) {
      try RunLengthMask(height: 2, width: 5, compressedCounts: "3 ")
    }
    #expect(throws: MaskError.cutShort) {
      try RunLengthMask(height: 2, width: 5, compressedCounts: "P")
    }
    #expect(throws: MaskError.self) {
      try RunLengthMask(height: 2, width: 5, compressedCounts: String(repeating: "o", count: 30))
    }
  }

  @Test("Corners that are no numbers or far away draw nothing, and no polygon an empty mask")
  func strangePolygons() throws {
    let empty = try RunLengthMask(height: 4, width: 4, counts: [16])
    for polygon in [
      [], [1.0, 1], [Double.nan, 0, 3, 0, 3, 3], [0, .infinity, 3, 0, 3, 3], [9e9, 0, 1, 1, 0, 1],
    ] {
      #expect(try RunLengthMask(height: 4, width: 4, polygons: [polygon]) == empty)
    }
    // An odd number at the end belongs to no corner.
    let square: [Double] = [1, 1, 1, 3, 3, 3, 3, 1]
    #expect(
      try RunLengthMask(height: 5, width: 5, polygons: [square + [7]])
        == RunLengthMask(height: 5, width: 5, polygons: [square]))
  }

  @Test("Masks of different sizes have no union and the overlap -1")
  func sizes() throws {
    let (a, b) = (
      try RunLengthMask(height: 2, width: 5, counts: [3, 7]),
      try RunLengthMask(height: 5, width: 2, counts: [3, 7])
    )
    #expect(RunLengthMask.union([a, b]) == nil)
    #expect(a.intersectionOverUnion(with: b) == -1)
  }
}
