import CFormats
import FileSupport
import Foundation
import Geometry

/// Reads the lists of images and categories.
enum CocoTables {
  typealias Read<Item> = (items: [Item], findings: CocoFindings, end: Int)

  static func images(_ document: JSONDocument, at: Int) throws(DatasetError) -> Read<CocoImage> {
    try read(document, at: at, "images") { value, number in
      let rule = CocoRule.malformedImage
      let file = cf_json_member(value, "file_name")
      // LVIS names its images by where COCO's are.
      let url = text(cf_json_member(value, "coco_url"))
      let name =
        text(file).flatMap { $0.isEmpty ? nil : $0 } ?? url.map {
          ($0 as NSString).lastPathComponent
        }
        ?? ""
      let (width, height) = (cf_json_member(value, "width"), cf_json_member(value, "height"))
      guard let id = wholeNumber(cf_json_member(value, "id")) else {
        return .failure(rule, noID("image \(number)", value))
      }
      if !isMissing(file), text(file) == nil {
        return .failure(rule, "image \(id) has \(described(file)) as its file_name, not a text")
      }
      let (negative, partial) = (
        cf_json_member(value, "neg_category_ids"),
        cf_json_member(value, "not_exhaustive_category_ids")
      )
      let (negativeIDs, partialIDs) = (wholeNumbers(negative), wholeNumbers(partial))
      func image(_ width: Int, _ height: Int) -> CocoImage {
        CocoImage(
          id: id, fileName: name, width: width, height: height, negativeCategoryIDs: negativeIDs,
          notExhaustiveCategoryIDs: partialIDs ?? [])
      }
      let sides = [("width", width), ("height", height)]
      for (side, value) in sides where value != nil && wholeNumber(value) == nil {
        return .flawed(
          image(0, 0), .malformedSize, "image \(id) has \(describedNumber(value)) as its \(side)")
      }
      // Exporters that do not know a size write none, or 0.
      let isZero = wholeNumber(width) == 0 && wholeNumber(height) == 0
      let missing = sides.filter { isZero || $0.1 == nil }.map(\.0)
      if !missing.isEmpty {
        return .flawed(
          image(0, 0), .missingSize, "image \(id) has no \(missing.joined(separator: " and "))")
      }
      guard let width = wholeNumber(width), let height = wholeNumber(height), width > 0, height > 0,
        max(width, height) <= CocoImage.longestSide,
        (try? RunLengthMask.pixelCount(height: height, width: width)) != nil
      else {
        return .flawed(
          image(0, 0), .malformedSize,
          "image \(id) has a size that no image can have, "
            + [width, height].map { wholeNumber($0).map(String.init) ?? "none" }
            .joined(separator: "x"))
      }
      for (list, ids, key) in [
        (negative, negativeIDs, "neg_category_ids"),
        (partial, partialIDs, "not_exhaustive_category_ids"),
      ] where !isMissing(list) && ids == nil {
        return .flawed(
          image(width, height), .malformedFederation,
          "image \(id) has \(key) that are no list of whole numbers")
      }
      if negativeIDs != nil, isMissing(partial) {
        return .flawed(
          image(width, height), .malformedFederation,
          "image \(id) has neg_category_ids and no not_exhaustive_category_ids")
      }
      return .item(image(width, height))
    }
  }

  /// The whole numbers of a list; nil where it is none.
  private static func wholeNumbers(_ value: UnsafeRawPointer?) -> [Int]? {
    guard cf_json_kind(value) == CF_JSON_ARRAY else { return nil }
    let count = cf_json_count(value)
    let numbers = (0..<count).compactMap { wholeNumber(cf_json_item(value, $0)) }
    return numbers.count == count ? numbers : nil
  }

  /// What is wrong with the id of a record.
  private static func noID(_ what: String, _ value: UnsafeRawPointer?) -> String {
    "\(what) of the list has \(describedNumber(cf_json_member(value, "id"))) as its id"
  }

  static func categories(
    _ document: JSONDocument, at: Int
  ) throws(DatasetError) -> Read<CocoCategory> {
    try read(document, at: at, "categories") { value, number in
      guard let id = wholeNumber(cf_json_member(value, "id")) else {
        return .failure(.malformedCategory, noID("category \(number)", value))
      }
      let points = cf_json_member(value, "keypoints")
      let frequency = cf_json_member(value, "frequency")
      let category = CocoCategory(
        id: id, name: name(cf_json_member(value, "name")) ?? "category \(id)",
        supercategory: text(cf_json_member(value, "supercategory")) ?? "",
        keypointNames: (0..<cf_json_count(points)).map {
          name(cf_json_item(points, $0)) ?? "point \($0 + 1)"
        },
        frequency: text(frequency).flatMap(CocoCategory.Frequency.init(rawValue:)))
      guard isMissing(frequency) || category.frequency != nil else {
        return .flawed(
          category, .unknownFrequency,
          "category \(id) has \(described(frequency)) as its frequency")
      }
      return .item(category)
    }
  }

  private enum Outcome<Item> {
    case item(Item)
    case flawed(Item, CocoRule, String)
    case failure(CocoRule, String)
  }

  private static func read<Item: Sendable>(
    _ document: JSONDocument, at: Int, _ what: String,
    _ make: (UnsafeRawPointer?, Int) -> Outcome<Item>
  ) throws(DatasetError) -> Read<Item> {
    let (parts, end) = try JSONArrayReader.read(document, at: at) {
      (parser, batch) throws(DatasetError) -> ([Item], CocoFindings) in
      var items: [Item] = []
      var findings = CocoFindings()
      for (place, (start, end)) in zip(batch.starts, batch.ends).enumerated() {
        let value = try document.parse(parser, start..<end)
        defer { cf_json_release(value) }
        // Ids that are texts throughout are another format's, not a few records' fault.
        if let id = text(cf_json_member(value, "id")) {
          throw DatasetError(
            path: document.path, problem: "has texts as ids of its \(what), such as '\(id)'",
            remedy: "number them: ids in COCO's format are whole numbers")
        }
        switch make(value, batch.firstIndex + place + 1) {
        case .item(let item): items.append(item)
        case .flawed(let item, let rule, let problem):
          items.append(item)
          findings.add(rule, in: document.path, problem)
        case .failure(let rule, let problem): findings.add(rule, in: document.path, problem)
        }
      }
      return (items, findings)
    }
    var findings = CocoFindings()
    for part in parts { findings.merge(part.1) }
    return (parts.flatMap(\.0), findings, end)
  }

  /// A category's name; some call it by a number.
  private static func name(_ value: UnsafeRawPointer?) -> String? {
    text(value) ?? (isMissing(value) ? nil : wholeNumber(value).map { "\($0)" })
  }

  static func text(_ value: UnsafeRawPointer?) -> String? {
    var count = 0
    guard let bytes = cf_json_text(value, &count) else { return nil }
    return String(
      decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// Where each id is; the first of equal ones counts.
  static func index(
    _ ids: [Int], _ rule: CocoRule, _ what: String, _ path: String,
    _ findings: inout CocoFindings
  ) -> [Int: Int] {
    var places: [Int: Int] = [:]
    places.reserveCapacity(ids.count)
    for (place, id) in ids.enumerated() {
      if places[id] == nil {
        places[id] = place
      } else {
        findings.add(rule, in: path, "\(what) \(id) is there more than once")
      }
    }
    return places
  }
}
