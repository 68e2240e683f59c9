import Evaluation
import FileSupport

extension Comparison {
  /// Raised when the form changes.
  public static let schemaVersion = 3

  /// The report as a document: what the other formats show, with all digits.
  public var json: JSONValue {
    .object([
      "schema": .integer(Self.schemaVersion), "tests": .integer(testCount),
      "family": .array(family.map { .string($0) }), "exploratory": .integer(exploratoryCount),
      "draws": .integer(drawCount),
      "remarks": .array(remarks.map { .string($0) }),
      "left_out": .array(
        leftOut.map { .object(["path": .string($0.path), "reason": .string($0.reason)]) }),
      "sections": .array(sections.map(json)),
    ])
  }

  private func json(_ section: ComparisonSection) -> JSONValue {
    .object([
      "id": .string(section.id), "task": .string(section.task.name),
      "data": .object(section.data.mapValues { .string($0) }),
      "notes": .array(section.notes.map { .string($0) }),
      "rows": .array(section.rows.map { json($0, section) }),
      "detectable": .object(
        Dictionary(
          section.detectable(testCount: testCount).map {
            (
              $0.metric.key,
              JSONValue.object([
                "alone": $0.alone.isFinite ? .number($0.alone) : .null,
                "all": $0.all.isFinite ? .number($0.all) : .null,
              ])
            )
          }, uniquingKeysWith: { first, _ in first })),
      "published": .array(
        section.published.filter { $0.origin == .published }.flatMap(\.figures).map(json)),
    ])
  }

  private func json(_ row: ComparisonRow, _ section: ComparisonSection) -> JSONValue {
    let numbers = section.metrics.compactMap { metric in
      row.cells[metric.key].map { (metric.key, json($0)) }
    }
    let details = row.run.result.detection
    var members: [String: JSONValue] = [
      "method": .string(row.name), "network": .string(row.architecture),
      "baseline": .bool(row.isBaseline),
      "deviations": .array(row.deviations.map { .string($0) }),
      "anchor": .string(row.anchor),
      "baseline_network": row.baselineNetwork.map { .string($0) } ?? .null,
      "training_seconds": row.trainingSeconds.map { .number($0) } ?? .null,
      "classes": .array(row.run.result.classes.map { json($0, row, section) }),
      "runs": .array(row.runs.map { .string($0.path) }),
      "numbers": .object(Dictionary(numbers, uniquingKeysWith: { first, _ in first })),
    ]
    if !details.isEmpty { members["detection"] = .object(details.mapValues(\.json)) }
    return .object(members)
  }

  /// A class's number, and by how much it differs from the baseline's.
  private func json(
    _ entry: (name: String, measurement: MetricValue), _ row: ComparisonRow,
    _ section: ComparisonSection
  ) -> JSONValue {
    let difference = section.details.first { $0.anchor == row.anchor }?
      .classes.first { $0.name == entry.name }.map { $0.value - $0.baseline }
    return .object([
      "name": .string(entry.name), "value": .number(entry.measurement.value),
      "n": .integer(entry.measurement.count),
      "interval": entry.measurement.interval.map(json) ?? .null,
      "difference": difference.map { .number($0) } ?? .null,
    ])
  }

  private func json(_ cell: ComparisonCell) -> JSONValue {
    var members: [String: JSONValue] = [
      "cell": .string(cell.id), "origin": .string(FigureOrigin.measured.rawValue),
      "value": .number(cell.value), "n": .integer(cell.count),
    ]
    if let interval = cell.interval { members["interval"] = json(interval) }
    if let seeds = cell.seeds {
      members["seeds"] = .object([
        "mean": .number(seeds.mean), "deviation": .number(seeds.deviation),
        "values": .array(seeds.values.map { .number($0) }),
      ])
    }
    if let untested = cell.untested { members["untested"] = .string(untested) }
    if let raw = cell.rawDifference { members["difference_not_judged"] = .number(raw) }
    if let delta = cell.delta {
      var difference: [String: JSONValue] = [
        "baseline": .string(delta.baseline), "estimate": .number(delta.estimate),
        "role": .string(delta.role.rawValue), "scope": .string(delta.scope),
        "interval": delta.interval.map(json) ?? .null, "confidence": .number(1 - delta.level),
        "interval_alone": delta.intervalAlone.map(json) ?? .null,
        "standard_error": .number(delta.standardError),
        "p_alone": .number(delta.pValue), "p": .number(delta.adjustedPValue),
        "verdict": .string(delta.verdict.rawValue), "method": .string(delta.explanation),
        "detectable": delta.detectable.isFinite ? .number(delta.detectable) : .null,
      ]
      if let margin = delta.margin {
        difference["margin"] = .object([
          "value": .number(margin.value), "source": .string(margin.source),
          "p": .number(delta.equivalencePValue ?? 1),
        ])
      }
      if let seeded = delta.seeded {
        difference["variance"] = .object([
          "image": .number(seeded.imageVariance), "training": .number(seeded.trainingVariance),
          "freedom": .number(seeded.freedom),
        ])
      }
      members["difference"] = .object(difference)
    }
    return .object(members)
  }

  private func json(_ interval: Interval) -> JSONValue {
    .array([.number(interval.low), .number(interval.high)])
  }

  private func json(_ figure: PublishedFigure) -> JSONValue {
    .object([
      "origin": .string(FigureOrigin.published.rawValue), "method": .string(figure.method),
      "network": .string(figure.architecture), "metric": .string(figure.metric),
      "epochs": figure.epochs.map { .integer($0) } ?? .null,
      "configuration": figure.configuration.map { .string($0) } ?? .null,
      "value": .number(figure.value), "source": .string(figure.source),
      "protocol": .string(figure.protocolSummary), "verified": .bool(figure.isVerified),
      "note": figure.note.map { .string($0) } ?? .null,
    ])
  }
}
