import Evaluation
import FileSupport
import Foundation

/// The numbers of an evaluation as tables and as JSON.
public struct EvaluationOutput {
  private let scores: CocoScores
  private let names: [Int: String]

  /// Takes scores, and the names of categories by their ids.
  public init(scores: CocoScores, names: [Int: String]) {
    self.scores = scores
    self.names = names
  }

  private func name(_ id: Int) -> String { names[id] ?? "all classes" }

  /// A fraction with three decimals; a dash where there is no object.
  private static func text(_ value: Double) -> String {
    value < 0 ? "-" : String(format: "%.3f", value)
  }

  /// The numbers of every class: all but those of groups of classes.
  public var classTable: Table {
    let names = scores.categoryIDs.isEmpty ? [] : scores.metrics(category: 0).map(\.name)
    var table = Table(
      caption: "\(scores.overlapType.rawValue) by class",
      columns: [Table.Column("id"), Table.Column("class", isNumeric: false)]
        + names.map { Table.Column($0) },
      notes: ["A dash: the annotations hold no object of that class and size."])
    for (place, id) in scores.categoryIDs.enumerated() {
      table.add(
        ["\(id)", name(id)] + scores.metrics(category: place).map { Self.text($0.value) })
    }
    return table
  }

  /// All numbers in full precision.
  public var json: [String: JSONValue] {
    func object(_ metrics: [CocoMetric]) -> [String: JSONValue] {
      Dictionary(uniqueKeysWithValues: metrics.map { ($0.name, .number($0.value)) })
    }
    return [
      "metrics": .object(object(scores.metrics())),
      "perClass": .array(
        scores.categoryIDs.enumerated().map { place, id in
          var members = object(scores.metrics(category: place))
          members["id"] = .integer(id)
          members["name"] = .string(name(id))
          return .object(members)
        }),
    ]
  }

  /// Precision at every recall and overlap of every class with objects, and the score that reaches it.
  public var curves: JSONValue {
    let settings = scores.settings
    let (steps, recalls) = (
      settings.overlapThresholds.count, settings.recallThresholds.count
    )
    func rows(_ values: [Double], _ place: Int) -> JSONValue {
      .array(
        (0..<steps).map { step in
          let first = (place * steps + step) * recalls
          return .array(values[first..<first + recalls].map { .number($0) })
        })
    }
    return .object([
      "overlaps": .array(settings.overlapThresholds.map { .number($0) }),
      "recalls": .array(settings.recallThresholds.map { .number($0) }),
      "classes": .array(
        scores.categoryIDs.enumerated().filter { scores.averagePrecision(category: $0.offset) >= 0 }
          .map { place, id in
            .object([
              "id": .integer(id), "name": .string(name(id)),
              "precision": rows(scores.precision, place), "scores": rows(scores.scores, place),
            ])
          }),
    ])
  }

  // MARK: Errors

  /// What each kind of error costs.
  public static func table(_ errors: DetectionErrors) -> Table {
    var table = Table(
      caption: "\(errors.overlapType.rawValue) errors at overlap \(errors.foregroundThreshold)",
      columns: [
        Table.Column("error", isNumeric: false), Table.Column("count"), Table.Column("AP lost"),
      ],
      notes: [
        "AP at this overlap: \(text(errors.averagePrecision)). AP lost: what putting only these "
          + "errors right would add; the losses do not add up."
      ])
    for kind in DetectionErrorKind.allCases {
      table.add([kind.rawValue, "\(errors.counts[kind] ?? 0)", text(errors.losses[kind] ?? 0)])
    }
    table.add(["all false positives", "", text(max(0, errors.falsePositiveLoss))])
    table.add(["all false negatives", "", text(max(0, errors.falseNegativeLoss))])
    return table
  }

  /// The same in full precision.
  public static func json(_ errors: DetectionErrors) -> JSONValue {
    var members: [String: JSONValue] = [
      "AP": .number(errors.averagePrecision),
      "foregroundThreshold": .number(errors.foregroundThreshold),
      "backgroundThreshold": .number(errors.backgroundThreshold),
      "falsePositiveLoss": .number(errors.falsePositiveLoss),
      "falseNegativeLoss": .number(errors.falseNegativeLoss),
    ]
    for kind in DetectionErrorKind.allCases {
      members[kind.rawValue] = .object([
        "count": .integer(errors.counts[kind] ?? 0), "loss": .number(errors.losses[kind] ?? 0),
      ])
    }
    return .object(members)
  }

  // MARK: Difference

  /// The difference in words.
  public static func sentence(_ delta: Delta) -> String {
    "AP minus that of \(delta.baseline): \(delta.text) \(delta.metric.unit.name) "
      + "\(delta.intervalText), p \(probability(delta.pValue)), \(delta.word) "
      + "(\(delta.explanation))"
  }

  /// The difference in full precision.
  public static func json(_ delta: Delta) -> JSONValue {
    .object([
      "detections": .string(delta.baseline), "APDifference": .number(delta.estimate),
      "low": delta.interval.map { .number($0.low) } ?? .null,
      "high": delta.interval.map { .number($0.high) } ?? .null,
      "standardError": .number(delta.standardError), "p": .number(delta.pValue),
      "verdict": .string(delta.verdict.rawValue), "method": .string(delta.explanation),
    ])
  }
}
