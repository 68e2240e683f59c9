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
  var labelledKeypoints = 0
}

/// The objects of a part of a file.
struct CocoObjectPart: Sendable {
  var objects: [CocoRawObject] = []
  var segmentations = CocoSegmentations()
  var keypoints = CocoKeypoints()
  var findings = CocoFindings()
  /// Whether the first record of the part has a box; nil where the part is empty.
  var firstHasBox: Bool?
}

/// Reads annotations or detections out of their JSON trees.
struct CocoObjectParser {
  enum Role { case annotation, detection }

  let document: JSONDocument
  let role: Role
  let parser: UnsafeMutableRawPointer?
  /// How much of the file the batch takes.
  let batchBytes: Int
  let intervals = MaskIntervals()
  var numbers: [Double] = []
  var part = CocoObjectPart()
  /// The place of the record at hand in the list, from 0.
  private(set) var index = 0
  /// What was read of it without the parser, and what is left for that.
  var plain = PlainParts()

  /// Reads one batch of records.
  ///
  /// - Throws: `DatasetError` where the file is no JSON.
  static func parse(
    _ document: JSONDocument, _ role: Role, _ parser: UnsafeMutableRawPointer?,
    _ batch: JSONElementBatch
  ) throws(DatasetError) -> CocoObjectPart {
    var reader = CocoObjectParser(
      document: document, role: role, parser: parser, batchBytes: batch.bytes)
    reader.part.objects.reserveCapacity(batch.starts.count)
    reader.part.segmentations.slots.reserveCapacity(batch.starts.count)
    for (place, (start, end)) in zip(batch.starts, batch.ends).enumerated() {
      reader.index = batch.firstIndex + place
      switch role {
      case .annotation: try reader.readAnnotation(start..<end)
      case .detection:
        if !reader.readPlainDetection(start..<end) { try reader.readTree(of: start..<end) }
      }
    }
    return reader.part
  }

  private init(
    document: JSONDocument, role: Role, parser: UnsafeMutableRawPointer?, batchBytes: Int
  ) {
    self.batchBytes = batchBytes
    self.document = document
    self.role = role
    self.parser = parser
  }

  /// Reads the record in a range of the file by the parser.
  ///
  /// - Throws: `DatasetError` where it is no JSON.
  mutating func readTree(of range: Range<Int>) throws(DatasetError) {
    let value = try document.parse(parser, range)
    defer { cf_json_release(value) }
    plain.removeAll()
    try read(value)
  }

  mutating func find(
    _ rule: CocoRule, _ object: CocoRawObject, _ problem: @autoclosure () -> String
  ) {
    let name =
      role == .annotation
      ? "annotation \(object.id)" : "detection \(index + 1) (image \(object.imageID))"
    part.findings.add(rule, in: document.path, "\(name) \(problem())")
  }

  /// Reads a record.
  ///
  /// - Throws: `DatasetError` where the file turns out to be of another format.
  mutating func read(_ value: UnsafeMutableRawPointer?) throws(DatasetError) {
    var object = CocoRawObject()
    let what = role == .annotation ? "annotation" : "detection"
    guard cf_json_kind(value) == CF_JSON_OBJECT else {
      return part.findings.add(
        .malformed, in: document.path,
        "\(what) \(index + 1) of the list is \(value == nil ? "null" : described(value)), no object"
      )
    }
    guard isMissing(cf_json_member(value, "segments_info")) else {
      throw document.panoptic(role)
    }
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
    if let box = plain.box {
      object.box = box
      object.hasBox = true
    } else {
      guard readBox(box, &object) else { return }
    }
    let area = cf_json_member(value, "area")
    if role == .annotation {
      if isNumber(area) {
        object.area = cf_json_double(area)
        guard object.area.isFinite else {
          return find(.notFinite, object, "has an area that is not finite")
        }
        // The range of all sizes, beyond which the reference evaluator scores nothing.
        if !(0...1e10).contains(object.area) {
          find(.strangeArea, object, "has an area of \(object.area)")
        }
      } else if isMissing(area) {
        find(.missingArea, object, "has no area")
      } else {
        return find(.malformed, object, "has \(described(area)) as its area, not a number")
      }
      let crowd = cf_json_member(value, "iscrowd")
      if wholeNumber(crowd) != nil || cf_json_kind(crowd) == CF_JSON_BOOL {
        object.isCrowd = isTrue(crowd)
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
    let points = readKeypoints(value, &object)
    if plain.polygonEnds.isEmpty { readMask(segmentation, &object) } else { takePolygons() }
    if !object.hasBox, part.segmentations.slots.last?.kind == CocoSegmentations.Slot.Kind.none {
      guard role == .detection, !points.isEmpty else {
        part.segmentations.slots.removeLast()
        return find(.malformed, object, "has neither a box nor a mask")
      }
      object.box = CocoKeypoints.bounds(points)
      object.area = object.box.area
    }
    part.keypoints.append(points, of: part.objects.count)
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

  // MARK: Keypoints

  /// The keypoints of a record; none where they are damaged.
  private mutating func readKeypoints(
    _ record: UnsafeRawPointer?, _ object: inout CocoRawObject
  ) -> [Double] {
    let value = cf_json_member(record, "keypoints")
    guard !isMissing(value) else {
      if let said = wholeNumber(cf_json_member(record, "num_keypoints")), said > 0 {
        find(.malformedKeypoints, object, "has no keypoints and \(said) as its num_keypoints")
      }
      return []
    }
    let count = cf_json_count(value)
    guard cf_json_kind(value) == CF_JSON_ARRAY, readNumbers(value, count) else {
      find(.malformedKeypoints, object, "has keypoints that are no list of numbers")
      return []
    }
    guard count % 3 == 0 else {
      find(
        .malformedKeypoints, object,
        "has keypoints of \(count) numbers, which are no triples of x, y and flag")
      return []
    }
    let points = Array(numbers.prefix(count))
    // Beyond this no image reaches, and distances would overflow.
    guard points.allSatisfy({ abs($0) <= 1e8 }) else {
      find(.malformedKeypoints, object, "has a keypoint that is not finite or beyond 1e8")
      return []
    }
    guard role == .annotation, count > 0 else { return points }
    let labelled = cf_json_member(record, "num_keypoints")
    if let number = wholeNumber(labelled) {
      object.labelledKeypoints = number
    } else {
      object.labelledKeypoints = stride(from: 2, to: count, by: 3).count { points[$0] > 0 }
      find(
        .missingKeypointCount, object,
        "has \(describedNumber(labelled)) as its num_keypoints")
    }
    return points
  }

  // MARK: Numbers

  /// Fills `numbers`; false when an item is none.
  mutating func readNumbers(_ value: UnsafeRawPointer?, _ count: Int) -> Bool {
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
    let problem = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 160) {
      message -> String? in
      let status = cf_json_parse(
        parser, base.map { $0 + range.lowerBound }, range.count, &value, &failedAt,
        message.baseAddress, message.count)
      guard status != 0 else { return nil }
      let words = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      return String(decoding: words, as: UTF8.self)
    }
    if let problem { throw malformed(at: range.lowerBound + failedAt, problem) }
    return value
  }
}
