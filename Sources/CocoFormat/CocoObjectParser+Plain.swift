import CFormats
import FileSupport
import Geometry

/// What of a record was read without the parser.
struct PlainParts {
  var box: CocoBox?
  /// Corners of polygons, and where each polygon ends.
  var corners: [Double] = []
  var polygonEnds: [Int] = []
  /// The rest of the record, with null where that stood.
  var rest: [UInt8] = []

  mutating func removeAll() {
    box = nil
    polygonEnds.removeAll(keepingCapacity: true)
    rest.removeAll(keepingCapacity: true)
  }
}

/// Numbers beside the parser. Lists of numbers are most of an annotation, and a tree of them costs
/// two allocations a number; detections, of which there are many times more, are nothing but
/// numbers and run lengths. Both are read here where they are as they should be. Anything else, be
/// it a fault or only unusual, leaves the whole record to the parser, so that there is one place
/// that knows what can be wrong and says so.
extension CocoObjectParser {
  // MARK: Annotations

  /// Reads an annotation: its lists of numbers here, the rest by the parser.
  mutating func readAnnotation(_ range: Range<Int>) throws(DatasetError) {
    guard splitAnnotation(range) else { return try readTree(of: range) }
    guard let value = plain.rest.withUnsafeBufferPointer({ Self.tree(parser, $0) }) else {
      return try readTree(of: range)
    }
    defer { cf_json_release(value) }
    try read(value)
  }

  /// A tree, or nil where the bytes are no JSON or only null.
  private static func tree(
    _ parser: UnsafeMutableRawPointer?, _ bytes: UnsafeBufferPointer<UInt8>
  ) -> UnsafeMutableRawPointer? {
    var value: UnsafeMutableRawPointer?
    var failedAt = 0
    var message: CChar = 0
    let status = cf_json_parse(
      parser, bytes.baseAddress, bytes.count, &value, &failedAt, &message, 1)
    return status == 0 ? value : nil
  }

  /// Takes the numbers of box and polygons out of an annotation; false where the record is not
  /// plain.
  private mutating func splitAnnotation(_ range: Range<Int>) -> Bool {
    plain.removeAll()
    guard let base = document.base else { return false }
    var cursor = PlainCursor(base: base, at: range.lowerBound, end: range.upperBound)
    guard cursor.take(UInt8(ascii: "{")) else { return false }
    var copied = range.lowerBound
    var (hasBox, hasMask) = (false, false)
    while true {
      guard let key = cursor.text(), cursor.take(UInt8(ascii: ":")) else { return false }
      let first = cursor.next()
      let start = cursor.at
      switch key {
      case "bbox":
        guard !hasBox, let box = plainBox(&cursor) else { return false }
        hasBox = true
        plain.box = box
        leaveOut(start..<cursor.at, from: &copied, base)
      case "segmentation":
        guard !hasMask else { return false }
        hasMask = true
        if first == UInt8(ascii: "[") {
          guard plainPolygons(&cursor) else { return false }
          leaveOut(start..<cursor.at, from: &copied, base)
        } else {
          guard cursor.skipValue() else { return false }
        }
      default: guard cursor.skipValue() else { return false }
      }
      if cursor.take(UInt8(ascii: "}")) { break }
      guard cursor.take(UInt8(ascii: ",")) else { return false }
    }
    guard cursor.at == range.upperBound else { return false }
    plain.rest.append(
      contentsOf: UnsafeBufferPointer(start: base + copied, count: range.upperBound - copied))
    return true
  }

  /// Copies the record up to a value, and null for that.
  private mutating func leaveOut(
    _ value: Range<Int>, from copied: inout Int, _ base: UnsafePointer<UInt8>
  ) {
    plain.rest.append(
      contentsOf: UnsafeBufferPointer(start: base + copied, count: value.lowerBound - copied))
    plain.rest.append(contentsOf: "null".utf8)
    copied = value.upperBound
  }

  /// A box that is not empty.
  private mutating func plainBox(_ cursor: inout PlainCursor) -> CocoBox? {
    guard cursor.numbers(into: &numbers) == 4, numbers[2] > 0, numbers[3] > 0 else { return nil }
    return CocoBox(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
  }

  /// Reads polygons of which nothing has to be said into `plain`.
  private mutating func plainPolygons(_ cursor: inout PlainCursor) -> Bool {
    guard cursor.take(UInt8(ascii: "[")) else { return false }
    var filled = 0
    while true {
      guard let count = cursor.numbers(into: &plain.corners, from: filled), count >= 6,
        count % 2 == 0
      else { return false }
      let isSound = plain.corners.withUnsafeBufferPointer { corners in
        // The last corner may be the first one.
        var last = (Double.nan, Double.nan)
        // Nothing but 0 and 1 may be pixels.
        var isOutline = false
        for at in stride(from: filled, to: filled + count, by: 2) {
          let (x, y) = (corners[at], corners[at + 1])
          if x == last.0 && y == last.1 || abs(x) > 1e8 || abs(y) > 1e8 { return false }
          last = (x, y)
          isOutline = isOutline || x != 0 && x != 1 || y != 0 && y != 1
        }
        return isOutline
      }
      guard isSound else { return false }
      filled += count
      plain.polygonEnds.append(filled)
      if cursor.take(UInt8(ascii: "]")) { return true }
      guard cursor.take(UInt8(ascii: ",")) else { return false }
    }
  }

  /// Adds the slot of the polygons that were read without the parser.
  mutating func takePolygons() {
    let start = part.segmentations.filling.polygonEnds.count
    let base = part.segmentations.filling.corners.count
    part.segmentations.filling.corners += plain.corners.prefix(plain.polygonEnds.last ?? 0)
    for end in plain.polygonEnds { part.segmentations.filling.polygonEnds.append(base + end) }
    part.segmentations.slots.append(part.segmentations.polygonSlot(from: start))
  }

  // MARK: Detections

  /// Reads a detection with a box, compressed run lengths or both; false, with nothing done, for
  /// any other.
  mutating func readPlainDetection(_ range: Range<Int>) -> Bool {
    guard let base = document.base else { return false }
    var cursor = PlainCursor(base: base, at: range.lowerBound, end: range.upperBound)
    var object = CocoRawObject()
    var slot = CocoSegmentations.Slot()
    let textLength = part.segmentations.filling.runText.count
    guard let drawn = readDetection(&cursor, &object, &slot), cursor.at == range.upperBound else {
      let added = part.segmentations.filling.runText.count - textLength
      if added > 0 { part.segmentations.filling.runText.removeLast(added) }
      return false
    }
    object.id = index + 1
    if part.firstHasBox == nil { part.firstHasBox = object.hasBox }
    if slot.kind != .none { take(drawn, &object) }
    part.segmentations.slots.append(slot)
    part.objects.append(object)
    return true
  }

  /// The mask of a detection, empty where it has none; nil where the record is not plain.
  private mutating func readDetection(
    _ cursor: inout PlainCursor, _ object: inout CocoRawObject,
    _ slot: inout CocoSegmentations.Slot
  ) -> MaskIntervals.Slot? {
    var drawn = MaskIntervals.Slot.empty
    // One bit for every name that was met: of equal ones the parser knows which counts.
    var met: UInt8 = 0
    func isNew(_ bit: UInt8) -> Bool {
      defer { met |= bit }
      return met & bit == 0
    }
    guard cursor.take(UInt8(ascii: "{")) else { return nil }
    while true {
      guard let key = cursor.text(), cursor.take(UInt8(ascii: ":")) else { return nil }
      switch key {
      case "image_id":
        guard isNew(1), let number = cursor.wholeNumber() else { return nil }
        object.imageID = number
      case "category_id":
        guard isNew(2), let number = cursor.wholeNumber() else { return nil }
        object.categoryID = number
      case "score":
        guard isNew(4), let number = cursor.number() else { return nil }
        object.score = number.value
      case "bbox":
        guard isNew(8), let box = plainBox(&cursor) else { return nil }
        object.box = box
        object.hasBox = true
      case "segmentation":
        guard isNew(16), let mask = readRuns(&cursor, &slot) else { return nil }
        drawn = mask
      case "keypoints", "num_keypoints": return nil
      default: guard cursor.skipScalar() else { return nil }
      }
      if cursor.take(UInt8(ascii: "}")) { break }
      guard cursor.take(UInt8(ascii: ",")) else { return nil }
    }
    return met & 7 == 7 && met & 24 != 0 ? drawn : nil
  }

  /// Reads compressed run lengths with their size.
  private mutating func readRuns(
    _ cursor: inout PlainCursor, _ slot: inout CocoSegmentations.Slot
  ) -> MaskIntervals.Slot? {
    guard cursor.take(UInt8(ascii: "{")) else { return nil }
    var size: (height: Int, width: Int)?
    var hasText = false
    let start = part.segmentations.filling.runText.count
    if start == 0 { part.segmentations.filling.runText.reserveCapacity(batchBytes) }
    for place in 0..<2 {
      guard let key = cursor.text(), cursor.take(UInt8(ascii: ":")) else { return nil }
      switch key {
      case "size":
        guard size == nil, cursor.take(UInt8(ascii: "[")), let height = cursor.wholeNumber(),
          cursor.take(UInt8(ascii: ",")), let width = cursor.wholeNumber(),
          cursor.take(UInt8(ascii: "]"))
        else { return nil }
        size = (height, width)
      case "counts":
        guard !hasText, cursor.appendRunText(to: &part.segmentations.filling.runText) else {
          return nil
        }
        hasText = true
      default: return nil
      }
      guard cursor.take(place == 0 ? UInt8(ascii: ",") : UInt8(ascii: "}")) else { return nil }
    }
    guard hasText, let (height, width) = size,
      (try? RunLengthMask.pixelCount(height: height, width: width)) != nil
    else { return nil }
    slot = part.segmentations.runSlot(
      from: start, isCompressed: true, height: height, width: width)
    intervals.removeAll()
    return part.segmentations.filling.runText.withUnsafeBufferPointer { text in
      intervals.append(
        compressedCounts: UnsafeBufferPointer(rebasing: text[start...]), height: height,
        width: width)
    }
  }
}
