import Evaluation
import FileSupport

/// What is known of a detector, by one type of overlap, beside its headline numbers: curves, the scores
/// to work at, how far scores can be trusted, every class, and which classes are taken for which.
///
/// Runs keep it with their numbers; tables and JSON are made of it.
public struct DetectionDetails: Sendable, Equatable {
  /// One class that has objects.
  public struct Category: Sendable, Equatable {
    /// Its number in the annotations, and its name.
    public let id: Int, name: String
    /// AP over all overlaps, and its 95 % interval over images where there are enough.
    public let precision: Double
    public let interval: Interval?
    /// Where F1 is best; nil where nothing is found.
    public let best: OperatingPoint?
    /// The expected calibration error; nil without detections.
    public let calibrationError: Double?
  }

  /// The overlap from which on detections are right for F1, calibration and confusions.
  public let overlap: Double
  /// Recalls at which the curves are read.
  public let recalls: [Double]
  /// Precision at these, the mean over classes: `AP`, `AP50`, `AP75`, those that there are.
  public let curves: [String: [Double]]
  /// The mean over classes of the best F1 on each curve: `F1`, `F1_50`, `F1_75`.
  public let f1: [String: Double]
  /// Where F1 is best with one score for all classes; nil where nothing is found.
  public let best: OperatingPoint?
  /// Scores against how often detections are right.
  public let calibration: Calibration
  /// Classes with objects, by ascending id.
  public let categories: [Category]
  /// Which class is taken for which; nil of keypoints.
  public let confusion: DetectionConfusion?

  /// Computes the details of matched detections.
  ///
  /// - Parameters:
  ///   - scores: Those of the records.
  ///   - names: Names of categories by their ids.
  ///   - intervals: Intervals of AP by the ids of categories.
  public init(
    _ records: MatchRecords, _ scores: CocoScores, names: [Int: String],
    intervals: [Int: Interval] = [:], confusion: DetectionConfusion? = nil
  ) {
    let overlap = records.settings.mainOverlap
    self.overlap = overlap
    recalls = records.settings.recallThresholds
    var (curves, f1) = ([String: [Double]](), [String: Double]())
    for (name, threshold) in CocoScores.headlines {
      let curve = scores.curve(threshold: threshold)
      guard !curve.isEmpty else { continue }
      curves[name] = curve
      let number = name.dropFirst(2)
      f1["F1" + (number.isEmpty ? "" : "_\(number)")] = scores.bestF1(threshold: threshold)
    }
    self.curves = curves
    self.f1 = f1
    best = records.bestPoint(threshold: overlap)
    calibration = records.calibration(threshold: overlap)
    categories = records.categoryIDs.enumerated().compactMap { place, id in
      let precision = scores.averagePrecision(category: place)
      guard precision >= 0 else { return nil }
      let error = records.calibration(threshold: overlap, category: place).expectedError
      return Category(
        id: id, name: names[id] ?? "all classes", precision: precision, interval: intervals[id],
        best: records.bestPoint(threshold: overlap, category: place),
        calibrationError: error.isNaN ? nil : error)
    }
    self.confusion = confusion
  }

  /// Mistakes between classes, the most frequent first.
  ///
  /// - Parameter names: Names of categories by their ids.
  public func confusions(names: [Int: String], limit: Int = 20) -> [Confusion] {
    guard let confusion else { return [] }
    func name(_ place: Int) -> String {
      let id = confusion.categoryIDs[place]
      return names[id] ?? "class \(id)"
    }
    let all = confusion.categoryIDs.indices.flatMap { object in
      confusion.categoryIDs.indices.filter { $0 != object }
        .map { (object: object, other: $0, count: confusion.count(object: object, detection: $0)) }
    }
    return all.filter { $0.count > 0 }
      .sorted { ($1.count, $0.object, $0.other) < ($0.count, $1.object, $1.other) }.prefix(limit)
      .map { Confusion(label: name($0.object), prediction: name($0.other), count: $0.count) }
  }
}

// MARK: JSON

extension DetectionDetails {
  /// The details as a document.
  public var json: JSONValue {
    var members: [String: JSONValue] = [
      "overlap": .number(overlap), "recalls": .array(recalls.map { .number($0) }),
      "curves": .object(curves.mapValues { .array($0.map { .number($0) }) }),
      "f1": .object(f1.mapValues { .number($0) }),
      "calibration": .object([
        "expectedError": .number(calibration.expectedError),
        "largestError": .number(calibration.largestError),
        "bins": .array(
          calibration.bins.map {
            .array([.integer($0.count), .integer($0.right), .number($0.confidence)])
          }),
      ]),
      "classes": .array(categories.map(\.json)),
    ]
    members["best"] = best?.json
    if let confusion {
      members["confusion"] = .object([
        "overlap": .number(confusion.threshold), "lowestScore": .number(confusion.lowestScore),
        "ids": .array(confusion.categoryIDs.map { .integer($0) }),
        // Most classes are never taken for most others.
        "counts": .array(
          confusion.counts.enumerated().filter { $1 != 0 }.map { at, count in
            .array([
              .integer(at / confusion.side), .integer(at % confusion.side), .integer(count),
            ])
          }),
      ])
    }
    return .object(members)
  }

  /// Reads a document; nil when it is none of these.
  public init?(_ json: JSONValue, overlapType: OverlapType) {
    func numbers(_ value: JSONValue?) -> [Double]? {
      value?.arrayValue.map { $0.map { $0.doubleValue ?? .nan } }
    }
    guard let overlap = json["overlap"]?.doubleValue, let recalls = numbers(json["recalls"]),
      case .object(let curves)? = json["curves"], case .object(let f1)? = json["f1"],
      let bins = json["calibration"]?["bins"]?.arrayValue,
      let classes = json["classes"]?.arrayValue
    else { return nil }
    self.overlap = overlap
    self.recalls = recalls
    self.curves = curves.compactMapValues { numbers($0) }
    self.f1 = f1.compactMapValues(\.doubleValue)
    best = json["best"].flatMap(OperatingPoint.init)
    calibration = Calibration(
      bins: bins.map { bin in
        let items = bin.arrayValue ?? []
        guard items.count == 3 else { return Calibration.Bin() }
        return Calibration.Bin(
          count: items[0].intValue ?? 0, right: items[1].intValue ?? 0,
          confidence: items[2].doubleValue ?? 0)
      }, edges: .above)
    categories = classes.compactMap(Category.init)
    confusion = json["confusion"].flatMap { DetectionConfusion($0, overlapType) }
    guard categories.count == classes.count, self.curves.count == curves.count,
      self.curves.values.allSatisfy({ $0.count == recalls.count })
    else { return nil }
  }
}

extension DetectionDetails.Category {
  fileprivate var json: JSONValue {
    var members: [String: JSONValue] = [
      "id": .integer(id), "name": .string(name), "AP": .number(precision),
    ]
    if let interval {
      members["low"] = .number(interval.low)
      members["high"] = .number(interval.high)
    }
    members["best"] = best?.json
    members["calibrationError"] = calibrationError.map { .number($0) }
    return .object(members)
  }

  fileprivate init?(_ json: JSONValue) {
    guard let id = json["id"]?.intValue, let name = json["name"]?.stringValue,
      let precision = json["AP"]?.doubleValue
    else { return nil }
    self.id = id
    self.name = name
    self.precision = precision
    if let low = json["low"]?.doubleValue, let high = json["high"]?.doubleValue {
      interval = Interval(low: low, high: high)
    } else {
      interval = nil
    }
    best = json["best"].flatMap(OperatingPoint.init)
    calibrationError = json["calibrationError"]?.doubleValue
  }
}

extension OperatingPoint {
  fileprivate var json: JSONValue {
    .object([
      "score": .number(score), "precision": .number(precision), "recall": .number(recall),
      "f1": .number(f1),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let score = json["score"]?.doubleValue, let precision = json["precision"]?.doubleValue,
      let recall = json["recall"]?.doubleValue
    else { return nil }
    self.init(score: score, precision: precision, recall: recall)
  }
}

extension DetectionConfusion {
  fileprivate init?(_ json: JSONValue, _ type: OverlapType) {
    guard let threshold = json["overlap"]?.doubleValue,
      let lowestScore = json["lowestScore"]?.doubleValue,
      let ids = json["ids"]?.arrayValue?.compactMap(\.intValue),
      let entries = json["counts"]?.arrayValue
    else { return nil }
    let side = ids.count + 1
    var counts = [Int](repeating: 0, count: side * side)
    for entry in entries {
      let numbers = entry.arrayValue?.compactMap(\.intValue) ?? []
      guard numbers.count == 3, (0..<side).contains(numbers[0]), (0..<side).contains(numbers[1])
      else { return nil }
      counts[numbers[0] * side + numbers[1]] = numbers[2]
    }
    self.init(
      overlapType: type, threshold: threshold, lowestScore: lowestScore, categoryIDs: ids,
      counts: counts)
  }
}
