import Evaluation
import Foundation

extension DetectionDetails {
  private static func text(_ value: Double?) -> String {
    value.map { $0 < 0 ? "-" : String(format: "%.3f", $0) } ?? "-"
  }

  /// Precision at every tenth recall threshold.
  public func curveTable(_ type: OverlapType) -> Table {
    let names = CocoScores.headlines.map(\.name).filter { curves[$0] != nil }
    var table = Table(
      caption: "\(type.rawValue) precision over recall",
      columns: [Table.Column("recall")] + names.map { Table.Column($0) },
      notes: ["Means over classes; --output has every hundredth of recall."])
    for at in stride(from: 0, to: recalls.count, by: 10) {
      table.add(
        [String(format: "%.2f", recalls[at])] + names.map { Self.text(curves[$0]?[at]) })
    }
    return table
  }

  /// The best F1 of all classes together and of each, with the score from which on it is reached.
  public func pointTable(_ type: OverlapType) -> Table {
    let hasIntervals = categories.contains { $0.interval != nil }
    var table = Table(
      caption: "\(type.rawValue) best F1 at overlap \(overlap)",
      columns: [Table.Column("class", isNumeric: false), Table.Column("AP")]
        + (hasIntervals ? [Table.Column("95 % interval")] : [])
        + ["best F1", "from score", "precision", "recall", "calibration error"]
        .map { Table.Column($0) },
      notes: [
        "Means over classes of the best F1 of each curve: "
          + f1.keys.sorted().map { "\($0) \(Self.text(f1[$0]))" }.joined(separator: ", ") + "."
      ])
    func cells(_ point: OperatingPoint?, _ error: Double?) -> [String] {
      [point?.f1, point?.score, point?.precision, point?.recall, error].map { Self.text($0) }
    }
    let error = calibration.expectedError
    table.add(
      ["all, one score", "-"] + (hasIntervals ? ["-"] : [])
        + cells(best, error.isNaN ? nil : error))
    for category in categories {
      let interval = category.interval.map {
        String(format: "[%.3f, %.3f]", $0.low, $0.high)
      }
      table.add(
        [category.name, Self.text(category.precision)] + (hasIntervals ? [interval ?? "-"] : [])
          + cells(category.best, category.calibrationError))
    }
    return table
  }

  /// How often detections of about the same score are right.
  public func calibrationTable(_ type: OverlapType) -> Table {
    let bins = calibration.bins
    var table = Table(
      caption: "\(type.rawValue) calibration at overlap \(overlap)",
      columns: ["score", "detections", "mean score", "right"].map { Table.Column($0) },
      notes: [
        "Expected calibration error \(Self.text(calibration.expectedError)), largest "
          + "\(Self.text(calibration.largestError)). Detections on crowds do not count."
      ])
    for (at, bin) in bins.enumerated() {
      let edges = [at, at + 1].map { String(format: "%.1f", Double($0) / Double(bins.count)) }
      let count = Double(bin.count)
      table.add([
        edges.joined(separator: "-"), "\(bin.count)",
        bin.count == 0 ? "-" : Self.text(bin.confidence / count),
        bin.count == 0 ? "-" : Self.text(Double(bin.right) / count),
      ])
    }
    return table
  }

  /// The most frequent mistakes between classes, and how many objects have a detection at all.
  ///
  /// - Parameter names: Names of categories by their ids.
  public func confusionTable(_ type: OverlapType, names: [Int: String]) -> Table? {
    guard let confusion else { return nil }
    let background = confusion.categoryIDs.count
    let places = confusion.categoryIDs.indices
    func sum(_ body: (Int) -> Int) -> Int { places.reduce(0) { $0 + body($1) } }
    let right = sum { confusion.count(object: $0, detection: $0) }
    let missed = sum { confusion.count(object: $0, detection: background) }
    let stray = sum { confusion.count(object: background, detection: $0) }
    var table = Table(
      caption: "\(type.rawValue) confusions at overlap \(confusion.threshold)",
      columns: [
        Table.Column("object", isNumeric: false), Table.Column("taken for", isNumeric: false),
        Table.Column("count"),
      ],
      notes: [
        "Detections from score \(confusion.lowestScore) on; \(right) objects have a detection of "
          + "their class, \(missed) none of any; \(stray) detections have no object."
      ])
    for mistake in confusions(names: names) {
      table.add([mistake.label, mistake.prediction, "\(mistake.count)"])
    }
    return table
  }
}
