import CFormats
import FileSupport

/// What a file seems to be that is not the one which is wanted.
extension JSONDocument {
  /// The error for a file of panoptic annotations or results.
  func panoptic(_ role: CocoObjectParser.Role) -> DatasetError {
    DatasetError(
      path: path, problem: "holds panoptic records, with segments_info and no objects",
      remedy: role == .annotation
        ? "name an instances_*.json" : "name results of boxes, masks or keypoints")
  }

  /// The error for a file that does not begin as annotations, an object, or detections, a list, do.
  ///
  /// - Throws: `DatasetError` where the file is damaged JSON.
  func mistaken(
    for role: CocoObjectParser.Role, first byte: UInt8, at position: Int
  ) throws(DatasetError) -> DatasetError {
    switch byte {
    case UInt8(ascii: "/"), UInt8(ascii: "#"):
      return other("begins with a comment, which JSON does not have", "remove the comment")
    case UInt8(ascii: "{"): return try mistakenObject(at: position)
    case UInt8(ascii: "["):
      return isScored(at: position)
        ? other("is a list of detections, not annotations", "name an instances_*.json")
        : other(
          "is a list, not an object of images, annotations and categories",
          "name an instances_*.json")
    default: break
    }
    if isTable { return other("is a table of text (CSV), not JSON", "write it in COCO's format") }
    return role == .annotation
      ? malformed(at: position, "is no JSON object")
      : other("is no JSON list of detections", "name a result file in COCO's format")
  }

  private func other(_ problem: String, _ remedy: String) -> DatasetError {
    DatasetError(path: path, problem: problem, remedy: remedy)
  }

  /// What an object is where a list of detections belongs.
  private func mistakenObject(at position: Int) throws(DatasetError) -> DatasetError {
    let end = cf_json_skip_space(base, file.count, try valueEnd(from: position))
    if end < file.count, file.bytes[end] == UInt8(ascii: "{") {
      return other(
        "holds one object after the other (JSON lines), not one list",
        "write them as one list, with brackets and commas")
    }
    var (keys, lists): ([String], [String]) = ([], [])
    try forEachMember { (key, at) throws(DatasetError) in
      keys.append(key)
      if file.bytes[at] == UInt8(ascii: "[") { lists.append(key) }
      return try valueEnd(from: at)
    }
    if keys.contains("images"), keys.contains("annotations") {
      return other("is a file of annotations, not of detections", "name a result file")
    }
    guard !keys.contains("image_id"), lists.count == 1 else {
      return other(
        "is an object, not a list of detections", "name a result file in COCO's format")
    }
    return other(
      "is an object with a list under '\(lists[0].prefix(40))', not a list of detections",
      "write that list alone into a file and name it")
  }

  /// Whether the first record of a list has a score.
  private func isScored(at position: Int) -> Bool {
    let parser = cf_json_begin()
    defer { cf_json_end(parser) }
    guard let (_, at) = try? next(from: position + 1), let end = try? valueEnd(from: at),
      let value = try? parse(parser, at..<end)
    else { return false }
    defer { cf_json_release(value) }
    return isNumber(cf_json_member(value, "score"))
  }

  /// Whether the first line has several columns.
  private var isTable: Bool {
    let line = file.bytes.prefix(4096).prefix { $0 != UInt8(ascii: "\n") }
    let isText = line.allSatisfy { $0 >= UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == 13 }
    return isText
      && [",", ";", "\t"].contains { (mark: Unicode.Scalar) in
        line.count { $0 == UInt8(ascii: mark) } > 1
      }
  }
}
