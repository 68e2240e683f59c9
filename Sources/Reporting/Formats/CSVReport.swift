import Evaluation

extension Comparison {
  /// Every number on a line of its own: measured ones with their tests, those of single classes, then
  /// published ones.
  ///
  /// Values are fractions with all their digits.
  public var csv: String {
    var table = Table(
      caption: "",
      columns: [
        "cell", "origin", "task", "data", "method", "network", "configuration", "metric", "value",
        "low", "high", "n", "seed_values", "seed_deviation", "baseline", "difference",
        "difference_low", "difference_high", "confidence", "difference_low_95",
        "difference_high_95", "standard_error", "p_alone", "p", "role", "verdict", "margin",
        "p_equivalence", "detectable", "not_judged", "deviations", "weights_sha256", "source",
        "class",
      ].map { Table.Column($0, isNumeric: false) })
    func number(_ value: Double?) -> String {
      value.map { $0.isFinite ? "\($0)" : "" } ?? ""
    }
    for (section, row, metric, cell) in cells {
      let delta = cell.delta
      table.add([
        cell.id, FigureOrigin.measured.rawValue, section.task.name, section.data["name"] ?? "",
        row.name, row.architecture, "", metric.key, number(cell.value),
        number(cell.interval?.low), number(cell.interval?.high), String(cell.count),
        cell.seeds?.values.map { "\($0)" }.joined(separator: " ") ?? "",
        number(cell.seeds?.deviation), delta?.baseline ?? "",
        number(delta?.estimate ?? cell.rawDifference),
        number(delta?.interval?.low), number(delta?.interval?.high),
        number(delta.map { 1 - $0.level }), number(delta?.intervalAlone?.low),
        number(delta?.intervalAlone?.high), number(delta?.standardError),
        number(delta?.pValue), number(delta?.adjustedPValue), delta?.role.rawValue ?? "",
        delta?.verdict.rawValue ?? "", number(delta?.margin?.value),
        number(delta?.equivalencePValue), number(delta?.detectable), cell.untested ?? "",
        row.deviations.joined(separator: "; "),
        row.run.result.backbone["sha256"] ?? "", row.run.command ?? "", "",
      ])
    }
    for section in sections {
      for row in section.rows {
        let differences = section.details.first { $0.anchor == row.anchor }
        for entry in row.run.result.classes {
          let known = differences?.classes.first { $0.name == entry.name }
          let measured = entry.measurement
          table.add(
            [
              "", FigureOrigin.measured.rawValue, section.task.name, section.data["name"] ?? "",
              row.name, row.architecture, "", section.task.classMetric, number(measured.value),
              number(measured.interval?.low), number(measured.interval?.high),
              String(measured.count), "", "", known == nil ? "" : differences?.baseline ?? "",
              number(known.map { $0.value - $0.baseline }),
            ] + [String](repeating: "", count: 14)
              + [
                row.deviations.joined(separator: "; "),
                row.run.result.backbone["sha256"] ?? "", row.run.command ?? "", entry.name,
              ])
        }
      }
    }
    for section in sections {
      for file in section.published where file.origin == .published {
        for figure in file.figures {
          table.add(
            [
              "", FigureOrigin.published.rawValue + (figure.isVerified ? "" : " (unverified)"),
              section.task.name, file.title, figure.method, figure.architecture,
              figure.configuration ?? "", figure.metric, number(figure.value),
            ] + [String](repeating: "", count: 23) + [figure.source, ""])
        }
      }
    }
    return table.csv
  }
}
