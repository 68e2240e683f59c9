import CFormats
import Geometry

/// Masks of records: polygons and run lengths.
extension CocoObjectParser {
  /// Adds exactly one slot.
  mutating func readMask(_ value: UnsafeRawPointer?, _ object: inout CocoRawObject) {
    var slot = CocoSegmentations.Slot()
    var isAbsent = false
    defer {
      // What is there and gives no mask was damaged; that is another thing than no mask.
      slot.isDamaged = !isAbsent && slot.kind == .none
      part.segmentations.slots.append(slot)
    }
    switch Int(cf_json_kind(value)) {
    case CF_JSON_NONE: isAbsent = true
    case CF_JSON_ARRAY:
      guard cf_json_count(value) > 0 else {
        isAbsent = true
        return
      }
      guard !isNumber(cf_json_item(value, 0)) else {
        find(
          .malformedMask, object, "has a segmentation of numbers, not of polygons: a list too few")
        return
      }
      guard !isBitmap(value) else {
        find(
          .malformedMask, object,
          "has rows of 0 and 1 as its segmentation, not polygons or run lengths")
        return
      }
      let start = part.segmentations.filling.polygonEnds.count
      for at in 0..<cf_json_count(value) { readPolygon(cf_json_item(value, at), object) }
      if part.segmentations.filling.polygonEnds.count > start {
        slot = part.segmentations.polygonSlot(from: start)
      }
    case CF_JSON_OBJECT: slot = readRuns(value, &object)
    default:
      find(
        .malformedMask, object,
        "has \(described(value)) as its segmentation, not polygons or run lengths")
    }
  }

  /// Whether a list is one of rows of pixels: all as long as the first, and of nothing but 0 and 1.
  private mutating func isBitmap(_ value: UnsafeRawPointer?) -> Bool {
    let (rows, columns) = (cf_json_count(value), cf_json_count(cf_json_item(value, 0)))
    guard rows > 1, columns > 2 else { return false }
    return (0..<rows).allSatisfy { at in
      let row = cf_json_item(value, at)
      return cf_json_count(row) == columns && readNumbers(row, columns)
        && numbers.prefix(columns).allSatisfy { $0 == 0 || $0 == 1 }
    }
  }

  private mutating func readPolygon(_ value: UnsafeRawPointer?, _ object: CocoRawObject) {
    var count = cf_json_count(value)
    guard isMissing(cf_json_member(value, "counts")) else {
      return find(.malformedMask, object, "has run lengths in a list, where they belong alone")
    }
    guard cf_json_kind(value) == CF_JSON_ARRAY, readNumbers(value, count) else {
      return find(.malformedMask, object, "has a polygon that is no list of numbers")
    }
    guard count >= 6 else {
      return find(.shortPolygon, object, "has a polygon of \(count) numbers, 6 are the fewest")
    }
    if count % 2 == 1 {
      find(.oddPolygon, object, "has a polygon of \(count) numbers, which are no pairs")
      count -= 1
    }
    // Beyond this the reference tools' 32-bit numbers overflow.
    guard numbers.prefix(count).allSatisfy({ abs($0) <= 1e8 }) else {
      return find(.farPolygon, object, "has a polygon corner that is not finite or beyond 1e8")
    }
    for at in stride(from: 2, to: count, by: 2)
    where numbers[at] == numbers[at - 2] && numbers[at + 1] == numbers[at - 1] {
      let (x, y) = (numbers[at], numbers[at + 1])
      find(.repeatedVertex, object, "repeats the corner \(x), \(y)")
      break
    }
    part.segmentations.filling.corners += numbers.prefix(count)
    part.segmentations.filling.polygonEnds.append(part.segmentations.filling.corners.count)
  }

  private mutating func readRuns(
    _ value: UnsafeRawPointer?, _ object: inout CocoRawObject
  ) -> CocoSegmentations.Slot {
    let size = cf_json_member(value, "size")
    guard cf_json_count(size) == 2, let height = wholeNumber(cf_json_item(size, 0)),
      let width = wholeNumber(cf_json_item(size, 1))
    else {
      find(.malformedMask, object, "has run lengths without a size of two whole numbers")
      return CocoSegmentations.Slot()
    }
    let counts = cf_json_member(value, "counts")
    let isCompressed = cf_json_kind(counts) == CF_JSON_TEXT
    let start = part.segmentations.filling.runText.count
    do throws(MaskError) {
      _ = try RunLengthMask.pixelCount(height: height, width: width)
      if isCompressed {
        var length = 0
        let text = UnsafeBufferPointer(
          start: UnsafeRawPointer(cf_json_text(counts, &length))?.assumingMemoryBound(
            to: UInt8.self),
          count: length)
        try measure(text, height: height, width: width, &object)
        part.segmentations.filling.runText += text
      } else {
        guard cf_json_kind(counts) == CF_JSON_ARRAY else {
          find(.malformedMask, object, "has run lengths without counts")
          return CocoSegmentations.Slot()
        }
        let items = (0..<cf_json_count(counts)).map { cf_json_item(counts, $0) }
        let runs = items.compactMap { wholeNumber($0) }
        guard runs.count == items.count else {
          let wrong = items.first { wholeNumber($0) == nil } ?? nil
          find(
            .malformedMask, object,
            "has \(described(wrong)) as a run length, not a whole number")
          return CocoSegmentations.Slot()
        }
        let mask = try RunLengthMask(height: height, width: width, counts: runs)
        measure(mask, &object)
        part.segmentations.filling.runText += mask.compressedCounts
      }
    } catch {
      find(.badRuns, object, "has a mask that \(error)")
      return CocoSegmentations.Slot()
    }
    return part.segmentations.runSlot(
      from: start, isCompressed: isCompressed, height: height, width: width)
  }

  /// Checks compressed run lengths and takes area and bounds from them where they are wanted.
  private mutating func measure(
    _ text: UnsafeBufferPointer<UInt8>, height: Int, width: Int, _ object: inout CocoRawObject
  ) throws(MaskError) {
    intervals.removeAll()
    guard let drawn = intervals.append(compressedCounts: text, height: height, width: width) else {
      // Only to learn what is wrong.
      _ = try RunLengthMask(height: height, width: width, compressedCounts: text)
      throw .cutShort
    }
    take(drawn, &object)
  }

  private mutating func measure(_ mask: RunLengthMask, _ object: inout CocoRawObject) {
    intervals.removeAll()
    take(intervals.append(runs: mask.runs, height: mask.height), &object)
  }

  mutating func take(_ drawn: MaskIntervals.Slot, _ object: inout CocoRawObject) {
    if role == .detection {
      part.segmentations.setExtent(drawn.extent, of: part.segmentations.slots.count)
    }
    if drawn.area == 0 { find(.emptyMask, object, "has a mask without a pixel") }
    if object.area.isNaN { object.area = Double(drawn.area) }
    if !object.hasBox {
      object.box = CocoBox(
        x: Double(drawn.minX), y: Double(drawn.minY), width: Double(drawn.maxX - drawn.minX),
        height: Double(drawn.maxY - drawn.minY))
    }
  }
}
