import CFormats
import FileSupport
import Geometry

/// An object as its record says, before its ids are looked up.
struct CocoRawObject: Sendable {
  var id = 0, imageID = 0, categoryID = 0
  var box = CocoBox(x: 0, y: 0, width: 0, height: 0)
  var hasBox = false
  /// Annotated area, or the pixels of the mask; NaN where neither is known yet.
  var area = Double.nan
  var score = 0.0
  var isCrowd = false
  var isIgnored = false
}

/// The objects of a part of a file.
struct CocoObjectPart: Sendable {
  var objects: [CocoRawObject] = []
  var segmentations = CocoSegmentations()
  var findings = CocoFindings()
  /// Whether the first record of the part has a box; nil where the part is empty.
  var firstHasBox: Bool?
}

/// Reads annotations or detections out of their JSON trees.
struct CocoObjectParser {
  enum Role { case annotation, detection }

  private let document: JSONDocument
  private let role: Role
  private let parser: UnsafeMutableRawPointer?
  private let intervals = MaskIntervals()
  private var numbers: [Double] = []
  private var part = CocoObjectPart()
  // The record at hand, for messages.
  private var index = 0

  /// Reads one batch of records.
  ///
  /// - Throws: `DatasetError` where the file is no JSON.
  static func parse(
    _ document: JSONDocument, _ role: Role, _ parser: UnsafeMutableRawPointer?,
    _ batch: JSONElementBatch
  ) throws(DatasetError) -> CocoObjectPart {
    var reader = CocoObjectParser(document: document, role: role, parser: parser)
    reader.part.objects.reserveCapacity(batch.starts.count)
    for (place, (start, end)) in zip(batch.starts, batch.ends).enumerated() {
      reader.index = batch.firstIndex + place
      let value = try document.parse(parser, start..<end)
      defer { cf_json_release(value) }
      reader.read(value)
    }
    return reader.part
  }

  private init(document: JSONDocument, role: Role, parser: UnsafeMutableRawPointer?) {
    self.document = document
    self.role = role
    self.parser = parser
  }

  private mutating func find(
    _ rule: CocoRule, _ object: CocoRawObject, _ problem: @autoclosure () -> String
  ) {
    let name =
      role == .annotation
      ? "annotation \(object.id)" : "detection \(index + 1) (image \(object.imageID))"
    part.findings.add(rule, in: document.path, "\(name) \(problem())")
  }

  private mutating func read(_ value: UnsafeMutableRawPointer?) {
    var object = CocoRawObject()
    let what = role == .annotation ? "annotation" : "detection"
    let box = cf_json_member(value, "bbox")
    let segmentation = cf_json_member(value, "segmentation")
    if part.firstHasBox == nil { part.firstHasBox = cf_json_count(box) > 0 }
    guard let imageID = wholeNumber(cf_json_member(value, "image_id")),
      let categoryID = wholeNumber(cf_json_member(value, "category_id")),
      let id = role == .detection ? index + 1 : wholeNumber(cf_json_member(value, "id"))
    else {
      let needed = role == .annotation ? "id, image_id and category_id" : "image_id and category_id"
      let known = wholeNumber(cf_json_member(value, "id")).map { " (id \($0))" } ?? ""
      let names = (role == .annotation ? ["id"] : []) + ["image_id", "category_id"]
      let wrong = names.first { wholeNumber(cf_json_member(value, $0)) == nil } ?? needed
      let found = describedNumber(cf_json_member(value, wrong))
      part.findings.add(
        .malformed, in: document.path,
        "\(what) \(index + 1) of the list\(known) has \(found) as \(wrong)")
      return
    }
    (object.id, object.imageID, object.categoryID) = (id, imageID, categoryID)
    guard readBox(box, &object) else { return }
    let area = cf_json_member(value, "area")
    if role == .annotation {
      if isNumber(area) {
        object.area = cf_json_double(area)
        guard object.area.isFinite else {
          return find(.notFinite, object, "has an area that is not finite")
        }
      } else if isMissing(area) {
        find(.missingArea, object, "has no area")
      } else {
        return find(.malformed, object, "has \(described(area)) as its area, not a number")
      }
      let crowd = cf_json_member(value, "iscrowd")
      if let flag = wholeNumber(crowd) {
        object.isCrowd = flag != 0
      } else if isMissing(crowd) {
        find(.missingCrowd, object, "has no iscrowd")
      } else {
        return find(.malformed, object, "has \(described(crowd)) as its iscrowd, not 0 or 1")
      }
      object.isIgnored = isTrue(cf_json_member(value, "ignore"))
      if id == 0 { find(.zeroID, object, "has the id 0") }
    } else {
      let score = cf_json_member(value, "score")
      guard isNumber(score) else {
        return find(
          .malformed, object,
          isMissing(score)
            ? "has no score" : "has \(described(score)) as its score, not a number")
      }
      object.score = cf_json_double(score)
      guard object.score.isFinite else {
        return find(.notFinite, object, "has a score that is not finite")
      }
    }
    readMask(segmentation, &object)
    if !object.hasBox, part.segmentations.slots.last?.kind == CocoSegmentations.Slot.Kind.none {
      part.segmentations.slots.removeLast()
      return find(.malformed, object, "has neither a box nor a mask")
    }
    part.objects.append(object)
  }

  /// False when the record has to be left out.
  private mutating func readBox(_ value: UnsafeRawPointer?, _ object: inout CocoRawObject) -> Bool {
    guard isMissing(value) || cf_json_kind(value) == CF_JSON_ARRAY else {
      find(.malformed, object, "has \(described(value)) as its bbox, not four numbers")
      return false
    }
    let count = cf_json_count(value)
    guard count > 0 else { return true }
    guard count == 4 else {
      find(.malformed, object, "has a bbox of \(count) items, not four numbers")
      return false
    }
    guard readNumbers(value, count) else {
      let wrong = (0..<count).map { cf_json_item(value, $0) }.first { !isNumber($0) } ?? value
      find(.malformed, object, "has \(described(wrong)) in its bbox, not a number")
      return false
    }
    guard numbers.prefix(count).allSatisfy(\.isFinite) else {
      find(.notFinite, object, "has a bbox that is not finite")
      return false
    }
    object.box = CocoBox(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
    object.hasBox = true
    if object.box.width <= 0 || object.box.height <= 0 {
      let box = object.box
      find(.emptyBox, object, "has a box of size \(box.width) x \(box.height)")
    }
    return true
  }

  // MARK: Masks

  /// Adds exactly one slot.
  private mutating func readMask(_ value: UnsafeRawPointer?, _ object: inout CocoRawObject) {
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
      slot.start = part.segmentations.polygonEnds.count
      for at in 0..<cf_json_count(value) { readPolygon(cf_json_item(value, at), object) }
      slot.end = part.segmentations.polygonEnds.count
      if slot.end > slot.start { slot.kind = .polygons }
    case CF_JSON_OBJECT: slot = readRuns(value, &object)
    default:
      find(
        .malformedMask, object,
        "has \(described(value)) as its segmentation, not polygons or run lengths")
    }
  }

  private mutating func readPolygon(_ value: UnsafeRawPointer?, _ object: CocoRawObject) {
    var count = cf_json_count(value)
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
    part.segmentations.corners += numbers.prefix(count)
    part.segmentations.polygonEnds.append(part.segmentations.corners.count)
  }

  private mutating func readRuns(
    _ value: UnsafeRawPointer?, _ object: inout CocoRawObject
  ) -> CocoSegmentations.Slot {
    var slot = CocoSegmentations.Slot()
    let size = cf_json_member(value, "size")
    guard cf_json_count(size) == 2, let height = wholeNumber(cf_json_item(size, 0)),
      let width = wholeNumber(cf_json_item(size, 1))
    else {
      find(.malformedMask, object, "has run lengths without a size of two whole numbers")
      return slot
    }
    let counts = cf_json_member(value, "counts")
    let start = part.segmentations.runText.count
    do throws(MaskError) {
      _ = try RunLengthMask.pixelCount(height: height, width: width)
      if cf_json_kind(counts) == CF_JSON_TEXT {
        slot.kind = .compressedRuns
        var length = 0
        let text = UnsafeBufferPointer(
          start: UnsafeRawPointer(cf_json_text(counts, &length))?.assumingMemoryBound(
            to: UInt8.self),
          count: length)
        try measure(text, height: height, width: width, &object)
        part.segmentations.runText += text
      } else {
        slot.kind = .uncompressedRuns
        guard cf_json_kind(counts) == CF_JSON_ARRAY else {
          find(.malformedMask, object, "has run lengths without counts")
          return CocoSegmentations.Slot()
        }
        let runs = (0..<cf_json_count(counts)).map {
          wholeNumber(cf_json_item(counts, $0)) ?? -1
        }
        let mask = try RunLengthMask(height: height, width: width, counts: runs)
        measure(mask, &object)
        part.segmentations.runText += mask.compressedCounts
      }
    } catch {
      find(.badRuns, object, "has a mask that \(error)")
      return CocoSegmentations.Slot()
    }
    (slot.start, slot.end) = (start, part.segmentations.runText.count)
    (slot.height, slot.width) = (UInt32(height), UInt32(width))
    return slot
  }

  /// Checks compressed run lengths and takes area and bounds from them where they are wanted.
  private func measure(
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

  private func measure(_ mask: RunLengthMask, _ object: inout CocoRawObject) {
    intervals.removeAll()
    take(intervals.append(runs: mask.runs, height: mask.height), &object)
  }

  private func take(_ drawn: MaskIntervals.Slot, _ object: inout CocoRawObject) {
    if object.area.isNaN { object.area = Double(drawn.area) }
    if !object.hasBox {
      object.box = CocoBox(
        x: Double(drawn.minX), y: Double(drawn.minY), width: Double(drawn.maxX - drawn.minX),
        height: Double(drawn.maxY - drawn.minY))
    }
  }

  // MARK: Numbers

  /// Fills `numbers`; false when an item is none.
  private mutating func readNumbers(_ value: UnsafeRawPointer?, _ count: Int) -> Bool {
    if numbers.count < count { numbers = [Double](repeating: 0, count: 2 * count) }
    return numbers.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { cf_json_doubles(value, $0) } ?? 0
    } == count
  }
}

extension JSONDocument {
  /// Parses the value in a range of the file; the caller releases it.
  ///
  /// - Throws: `DatasetError` with the place where the file is no JSON.
  func parse(
    _ parser: UnsafeMutableRawPointer?, _ range: Range<Int>
  ) throws(DatasetError) -> UnsafeMutableRawPointer? {
    var value: UnsafeMutableRawPointer?
    var failedAt = 0
    var message = [CChar](repeating: 0, count: 160)
    let status = cf_json_parse(
      parser, base.map { $0 + range.lowerBound }, range.count, &value, &failedAt, &message,
      message.count)
    guard status == 0 else {
      let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw malformed(
        at: range.lowerBound + failedAt, String(decoding: words, as: UTF8.self))
    }
    return value
  }
}
