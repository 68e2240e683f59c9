import Evaluation

/// The drawings that runs of a section bring with their numbers, a figure each.
struct HTMLPlots {
  let section: ComparisonSection

  var html: String {
    section.rows.map { row in
      let plots = RunPlots(row.run)
      let color = section.color(row)
      return plots.lines.map { plot in
        figure(
          row, plot.title, Charts.lines(plot) + legend(plot.lines.map(\.name)))
      }.joined()
        + plots.reliabilities.map { figure(row, $0.title, Charts.reliability($0, color: color)) }
        .joined()
        + plots.heats.map { figure(row, $0.title, Charts.heat($0)) }.joined()
        + plots.clouds.map { plot in
          figure(row, plot.title, Charts.cloud(plot) + legend(plot.lines.map(\.name)))
        }.joined()
    }.joined()
  }

  /// Every class of each detector: AP with its interval, the score to work at, calibration.
  var tables: String {
    section.rows.map { row in
      row.run.result.detection.sorted { $0.key < $1.key }.compactMap { type, details -> String? in
        guard let overlap = OverlapType(rawValue: type), !details.categories.isEmpty else {
          return nil
        }
        let table = details.pointTable(overlap)
        return "<details><summary>\(Reporting.html(row.name)): every class by "
          + "\(Reporting.html(overlap.title))</summary>"
          + HTMLTable.table(of: table) + "</details>"
      }.joined()
    }.joined()
  }

  private func figure(_ row: ComparisonRow, _ title: String, _ body: String) -> String {
    HTMLSection.figure("\(row.name): \(title)", row.runs.count > 1 ? "of the first run" : "", body)
  }

  private func legend(_ names: [String]) -> String {
    "<p class=\"legend\">"
      + names.enumerated().map {
        "<span><i class=\"key s\($0.offset % 8)\"></i>\(Reporting.html($0.element))</span>"
      }.joined() + "</p>"
  }
}
