import Evaluation

/// Where the numbers of a section come from, below its table: readable without the script, which opens
/// the same in a window.
struct HTMLSources {
  let section: ComparisonSection
  let views: HTMLViews

  var html: String {
    guard let usual = views.all.first?.comparison, !section.rows.isEmpty else { return "" }
    let rows = section.rows.map { row in
      let cells = section.metrics.compactMap { metric in
        row.cells[metric.key].map { source(of: $0, metric, row) }
      }
      return
        "<section class=\"source\" id=\"source-\(text(row.anchor))\"><h3>\(text(row.name))</h3>"
        + "<div class=\"run\">\(list(usual.runFacts(section, row)))</div>\(cells.joined())</section>"
    }
    return "<details class=\"sources\"><summary>Where these numbers come from</summary>"
      + rows.joined() + "</details>"
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func source(
    of cell: ComparisonCell, _ metric: MetricDescription, _ row: ComparisonRow
  ) -> String {
    let anchor = text(row.anchor(of: metric))
    return "<div class=\"fact\" id=\"source-\(anchor)\"><h4>\(text(metric.title)): "
      + "\(text(measuredText(cell))) <a class=\"link\" href=\"#\(anchor)\">link to this number</a></h4>"
      + views.each { view in
        guard let own = view.row(row.anchor, in: section.id), let cell = own.cells[metric.key],
          let section = view.section(section.id)
        else { return "" }
        return list(
          [Provenance.Fact(name: "cell", text: cell.id)]
            + view.comparison.cellFacts(section, own, metric, cell))
      } + "</div>"
  }

  private func list(_ facts: [Provenance.Fact]) -> String {
    "<dl>"
      + facts.map { "<dt>\(text($0.name))</dt><dd>\(text($0.text))</dd>" }.joined() + "</dl>"
  }
}
