import FileSupport
import Geometry

extension Detection {
  /// One image's detections as a line of a run, by class and inside a class by falling score.
  public static func row(_ detections: [Detection], imageID: Int) -> JSONValue {
    let ordered = detections.enumerated().sorted {
      ($0.element.label, $0.offset) < ($1.element.label, $1.offset)
    }.map(\.element)
    return .object([
      "image_id": .integer(imageID),
      "detections": .array(
        ordered.map { detection in
          .object([
            "label": .integer(detection.label), "score": .number(Double(detection.score)),
            "box": .array(
              [detection.box.x1, detection.box.y1, detection.box.x2, detection.box.y2]
                .map { .number(Double($0)) }),
            "size": .array([.integer(detection.mask.height), .integer(detection.mask.width)]),
            "runs": .array(detection.mask.runs.map { .integer(Int($0)) }),
          ])
        }),
    ])
  }

  /// The lines of some images, by their ids.
  ///
  /// - Throws: `FileError` when the file cannot be read or is damaged.
  public static func rows(
    _ path: String, ofImages ids: Set<Int>
  ) throws(FileError) -> [Int: JSONValue] {
    // Members stand in the order of their names, so the id is last; a line has up to megabytes.
    let endings = Set(ids.map { "\"image_id\":\($0)}" })
    let rows = try RecordLines.read(path) { text in
      let tail = String(decoding: text.suffix(32), as: UTF8.self)
      return endings.contains { tail.hasSuffix($0) }
    }.rows
    return Dictionary(
      rows.compactMap { row in row["image_id"]?.intValue.map { ($0, row) } },
      uniquingKeysWith: { _, last in last })
  }

  /// The detections of a line; nil when it is of another form or names a class that is not there.
  public static func detections(_ row: JSONValue, classCount: Int) -> [Detection]? {
    guard let items = row["detections"]?.arrayValue else { return nil }
    var detections: [Detection] = []
    for item in items {
      let box = item["box"]?.arrayValue?.compactMap { $0.doubleValue.map { Float($0) } } ?? []
      let size = item["size"]?.arrayValue?.compactMap(\.intValue) ?? []
      guard let label = item["label"]?.intValue, (0..<classCount).contains(label),
        let score = item["score"]?.doubleValue, box.count == 4, size.count == 2,
        let runs = item["runs"]?.arrayValue?.compactMap(\.intValue),
        let mask = try? RunLengthMask(height: size[0], width: size[1], counts: runs)
      else { return nil }
      detections.append(
        Detection(
          box: CornerBox(box[0], box[1], box[2], box[3]), label: label,
          score: Float(score), mask: mask))
    }
    return detections
  }
}
