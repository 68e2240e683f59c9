import FileSupport

extension SegmentationRecord {
  /// Classes that a file may name when nobody says how many there are.
  public static let classLimit = 1 << 16

  /// The record as one row of a file that only grows.
  ///
  /// - Parameter name: The image's name, so that rows stay readable and can be matched.
  public func json(name: String) -> JSONValue {
    func list(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }
    return .object([
      "index": .integer(index), "name": .string(name), "classes": list(classes),
      "intersections": list(intersections), "predicted": list(predicted),
      "labelled": list(labelled),
    ])
  }

  /// Reads a row; nil when it is none, or its counts contradict each other or the class count.
  public init?(_ json: JSONValue, classCount: Int = SegmentationRecord.classLimit) {
    func list(_ key: String) -> [Int]? {
      guard let items = json[key]?.arrayValue else { return nil }
      let values = items.compactMap(\.intValue)
      return values.count == items.count ? values : nil
    }
    guard let index = json["index"]?.intValue, let classes = list("classes"),
      let intersections = list("intersections"), let predicted = list("predicted"),
      let labelled = list("labelled"), (classes.last ?? 0) < classCount,
      Self.areConsistent(classes, intersections, predicted, labelled)
    else { return nil }
    self.init(
      index: index, classes: classes, intersections: intersections, predicted: predicted,
      labelled: labelled)
  }
}

/// Records of images on disk: written one by one, read again to go on or to resample.
public enum SegmentationRecordFile {
  /// One record with its checksum, as a line to append.
  public static func line(_ record: SegmentationRecord, name: String) -> String {
    RecordLines.line(record.json(name: name))
  }

  /// Reads a file; one that does not exist has no records.
  ///
  /// - Returns: Names and records in the order of the file, and the bytes that they take: a torn
  ///   last line begins there, and is to be cut off before more is appended.
  /// - Throws: `FileError` when it cannot be read, is damaged, or is of another class table.
  public static func read(
    _ path: String, classCount: Int = SegmentationRecord.classLimit
  ) throws(FileError) -> (records: [(name: String, record: SegmentationRecord)], length: Int) {
    let contents = try RecordLines.read(path)
    var records: [(name: String, record: SegmentationRecord)] = []
    for (number, row) in contents.rows.enumerated() {
      guard let name = row["name"]?.stringValue,
        let record = SegmentationRecord(row, classCount: classCount)
      else {
        throw FileError(
          path: path, problem: "line \(number + 1) is no record of \(classCount) classes",
          remedy: "move the file away and run again", exitCode: .badData)
      }
      records.append((name, record))
    }
    return (records, contents.length)
  }
}
