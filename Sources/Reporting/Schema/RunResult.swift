import Evaluation
import FileSupport
import Foundation

/// A measured number with what is needed to trust it.
public struct MetricValue: Sendable, Equatable {
  /// The number; fractions, not percentages.
  public var value: Double
  /// Its 95 % interval over images, when it has one.
  public var interval: Interval?
  /// Images it was measured on.
  public var count: Int

  /// A number with its interval.
  public init(_ value: Double, interval: Interval? = nil, count: Int) {
    self.value = value
    self.interval = interval
    self.count = count
  }

  /// The fraction of `successes` in `count`, with Wilson's interval.
  public init(successes: Int, of count: Int) {
    self.init(
      count == 0 ? .nan : Double(successes) / Double(count),
      interval: Proportions.wilson(successes: successes, of: count), count: count)
  }

  var json: JSONValue {
    var members: [String: JSONValue] = ["value": .number(value), "n": .integer(count)]
    if let interval {
      members["low"] = .number(interval.low)
      members["high"] = .number(interval.high)
    }
    return .object(members)
  }

  init?(_ json: JSONValue) {
    guard let count = json["n"]?.intValue else { return nil }
    self.count = count
    value = json["value"]?.doubleValue ?? .nan
    if let low = json["low"]?.doubleValue, let high = json["high"]?.doubleValue {
      interval = Interval(low: low, high: high)
    }
  }
}

/// A class and the one it was taken for.
public struct Confusion: Sendable, Equatable {
  /// The true class and the predicted one.
  public let label, prediction: String
  /// How often: images, objects or pixels.
  public let count: Int

  /// Names a confusion.
  public init(label: String, prediction: String, count: Int) {
    self.label = label
    self.prediction = prediction
    self.count = count
  }
}

/// What a run found, in the form that reports read.
///
/// Its bytes depend on the protocol alone. The file carries the digest of its own contents, so an
/// edited one is noticed; files from before the digest are read, and say so by `isSealed`.
public struct RunResult: Sendable, Equatable {
  /// Raised when the form changes; `SchemaMigration` says how.
  public static let schemaVersion = SchemaMigration.current

  /// The task: `linear`, `coco`, `ade20k` or `pretraining`.
  public var task: String
  /// The backbone: its name in tables, architecture, SHA-256 of its weights, layout.
  public var backbone: [String: String]
  /// The data: name, hash, counts.
  public var data: [String: String]
  /// Every resolved setting that decides the numbers.
  public var settings: [String: String]
  /// The measured numbers by name.
  public var metrics: [String: MetricValue]
  /// Values over epochs by name.
  public var curves: [String: [Double]]
  /// Accuracy, AP or IoU of each class by its name.
  public var classes: [(name: String, measurement: MetricValue)]
  /// What a reader must know: deviations from the published protocol, short training.
  public var notes: [String]
  /// What each type of detection error costs, by its name, as AP that it takes away (TIDE).
  public var errorCosts: [String: Double]
  /// The most frequent mistakes, where the records do not tell them.
  public var confusions: [Confusion]
  /// Curves, points to work at, calibration and confusions of a detector, by the type of overlap.
  public var detection: [String: DetectionDetails]
  /// SHA-256 of the files beside the result that its numbers come from, by name.
  public var files: [String: String]
  /// Whether the file that this was read from carried the digest of its contents.
  public private(set) var isSealed = true

  /// The setting `made` of a run whose predictions are not this suite's.
  public static let madeElsewhere = "elsewhere"

  /// The value of a setting that only whoever made the predictions knows.
  public static let asPredicted = "as predicted"

  /// A result without numbers.
  public init(
    task: String, backbone: [String: String], data: [String: String], settings: [String: String]
  ) {
    self.task = task
    self.backbone = backbone
    self.data = data
    self.settings = settings
    metrics = [:]
    curves = [:]
    classes = []
    notes = []
    errorCosts = [:]
    confusions = []
    detection = [:]
    files = [:]
  }

  /// Whether two results write the same text.
  ///
  /// Not by their values: 1.0 is read back as the whole number 1, and NaN as no number at all.
  public static func == (a: RunResult, b: RunResult) -> Bool { a.json.text() == b.json.text() }

  /// The result as a document with the digest of its contents.
  public var json: JSONValue {
    guard case .object(var members) = contents else { return contents }
    members["digest"] = .string(Self.digest(contents))
    return .object(members)
  }

  private static func digest(_ contents: JSONValue) -> String { SHA256.digest(contents.text()) }

  /// The result as a document without its digest: what identifies a run before it has numbers.
  public var contents: JSONValue {
    func strings(_ map: [String: String]) -> JSONValue { .object(map.mapValues { .string($0) }) }
    var members: [String: JSONValue] = [
      "schema": .integer(Self.schemaVersion), "task": .string(task),
      "backbone": strings(backbone), "data": strings(data), "settings": strings(settings),
      "metrics": .object(metrics.mapValues(\.json)),
      "curves": .object(curves.mapValues { .array($0.map { .number($0) }) }),
      "classes": .array(
        classes.map { .object(["name": .string($0.name), "value": $0.measurement.json]) }),
      "notes": .array(notes.map { .string($0) }),
    ]
    if !errorCosts.isEmpty { members["errors"] = .object(errorCosts.mapValues { .number($0) }) }
    if !files.isEmpty { members["files"] = strings(files) }
    if !detection.isEmpty { members["detection"] = .object(detection.mapValues(\.json)) }
    if !confusions.isEmpty {
      members["confusions"] = .array(
        confusions.map {
          .object([
            "label": .string($0.label), "prediction": .string($0.prediction),
            "count": .integer($0.count),
          ])
        })
    }
    return .object(members)
  }

  /// Reads a result file.
  ///
  /// - Throws: `FileError` when it is missing, cut off, edited, of a newer schema or otherwise no
  ///   result.
  public init(path: String) throws(FileError) { try self.init(FileBytes.read(path), of: path) }

  /// Reads the bytes of a result file.
  ///
  /// - Parameter path: The file, for errors.
  /// - Throws: As `init(path:)`.
  package init(_ bytes: [UInt8], of path: String) throws(FileError) {
    func fault(_ problem: String, _ remedy: String) -> FileError {
      FileError(path: path, problem: problem, remedy: remedy, exitCode: .badData)
    }
    guard let stored = JSONValue(parsing: bytes) else {
      throw fault("is cut off or no JSON", "run the benchmark again")
    }
    guard let schema = stored["schema"]?.intValue, let task = stored["task"]?.stringValue else {
      throw fault("is no result of this suite", "name a result.json")
    }
    guard schema <= Self.schemaVersion else {
      throw fault(
        "has schema \(schema), this program reads up to \(Self.schemaVersion)", "update it")
    }
    let json = SchemaMigration.result(stored, schema: schema)
    func unreadable(_ key: String) -> FileError {
      fault("has no readable '\(key)'", "run the benchmark again")
    }
    func members<Value>(
      _ key: String, _ read: (JSONValue) -> Value?
    ) throws(FileError) -> [String: Value] {
      guard case .object(let members)? = json[key] else { throw unreadable(key) }
      let known = members.compactMapValues(read)
      guard known.count == members.count else { throw unreadable(key) }
      return known
    }
    func items<Value>(
      _ key: String, _ read: (JSONValue) -> Value?
    ) throws(FileError) -> [Value] {
      guard let items = json[key]?.arrayValue else { throw unreadable(key) }
      let known = items.compactMap(read)
      guard known.count == items.count else { throw unreadable(key) }
      return known
    }
    self.init(
      task: task, backbone: try members("backbone", \.stringValue),
      data: try members("data", \.stringValue), settings: try members("settings", \.stringValue))
    metrics = try members("metrics") { MetricValue($0) }
    curves = try members("curves") { $0.arrayValue?.map { $0.doubleValue ?? .nan } }
    classes = try items("classes") { entry in
      guard let name = entry["name"]?.stringValue,
        let measurement = entry["value"].flatMap(MetricValue.init)
      else { return nil }
      return (name, measurement)
    }
    notes = try items("notes", \.stringValue)
    if json["errors"] != nil { errorCosts = try members("errors", \.doubleValue) }
    if json["files"] != nil { files = try members("files", \.stringValue) }
    if json["confusions"] != nil {
      confusions = try items("confusions") { entry in
        guard let label = entry["label"]?.stringValue,
          let prediction = entry["prediction"]?.stringValue, let count = entry["count"]?.intValue
        else { return nil }
        return Confusion(label: label, prediction: prediction, count: count)
      }
    }
    if json["detection"] != nil {
      guard case .object(let members)? = json["detection"] else { throw unreadable("detection") }
      for (name, details) in members {
        guard let type = OverlapType(rawValue: name),
          let known = DetectionDetails(details, overlapType: type)
        else { throw unreadable("detection") }
        detection[name] = known
      }
    }
    guard case .object(var sealed) = stored, let digest = sealed.removeValue(forKey: "digest")
    else {
      isSealed = false
      return
    }
    guard digest.stringValue == Self.digest(.object(sealed)) else {
      throw fault("was edited after it was written", "run the benchmark again")
    }
  }
}
