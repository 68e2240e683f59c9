import Evaluation

/// The drawings that runs of a section bring with their numbers, a figure each.
struct HTMLPlots {
  let section: ComparisonSection

  var html: String {
    section.rows.map { row in
      let plots = RunPlots(folder: row.run.path)
        .followed(by: RunPlots(row.run.result.detection))
      let color = section.color(row)
      return plots.lines.map { plot in
        figure(
          row, plot.title, Charts.lines(plot) + legend(plot.lines.map(\.name)))
      }.joined()
        + plots.reliabilities.map { figure(row, $0.title, Charts.reliability($0, color: color)) }
        .joined()
        + plots.heats.map { figure(row, $0.title, Charts.heat($0)) }.joined()
        + bestScores(row)
    }.joined()
  }

  /// The best F1 of every class of a detector and the score that gives it.
  private func bestScores(_ row: ComparisonRow) -> String {
    let limit = 25
    return OverlapType.allCases.compactMap { type -> String? in
      guard let details = row.run.result.detection[type.rawValue], let best = details.best else {
        return nil
      }
      let classes = details.categories.compactMap { entry in entry.best.map { (entry.name, $0) } }
        .sorted { ($1.1.f1, $0.0) < ($0.1.f1, $1.0) }
      let shown: [(name: String, value: Double, text: String)] = classes.prefix(limit).map {
        ("\($0), from \(fixed($1.score, 2))", $1.f1, fixed($1.f1, 2))
      }
      return HTMLSection.figure(
        "\(row.name): \(type.title) best F1 at overlap \(details.overlap), and from which score",
        "one score for all classes: \(fixed(best.f1, 3)) from \(fixed(best.score, 3))"
          + (classes.count > limit
            ? "; \(limit) of \(classes.count) classes, all in the JSON" : ""),
        Charts.bars(shown, color: section.color(row), label: "Best F1 of classes"))
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
