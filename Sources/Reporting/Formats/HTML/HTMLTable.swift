import Evaluation

/// The numbers of a section as a table: rows of methods, columns of numbers.
struct HTMLTable {
  let section: ComparisonSection
  let views: HTMLViews

  var html: String {
    let head =
      ["method", "network"].map { Self.heading($0) }
      + section.metrics.map { Self.heading($0.title, isNumeric: true) }
    return Self.table(
      caption:
        "Measured on \(section.dataSummary); \(section.spread), and the difference to the baseline in "
        + "points",
      head: head, body: section.rows.map(row))
  }

  /// A table whose columns sort, with its heading row and rows as they are given.
  static func table(caption: String, head: [String], body: [String], style: String = "") -> String {
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"\(Reporting.html(caption))\">"
      + "<table class=\"sort\(style)\"><caption><span>\(Reporting.html(caption))</span></caption><thead><tr>"
      + head.joined() + "</tr></thead><tbody>\(body.joined())</tbody></table></div>"
  }

  /// A table of any kind, the first of whose columns names its rows.
  static func table(of table: Table) -> String {
    let body = table.rows.map { row in
      "<tr>"
        + row.enumerated().map { column, cell in
          let text = Reporting.html(cell)
          let isNumeric = table.columns[column].isNumeric
          return column == 0
            ? "<th scope=\"row\" data-v=\"\(text)\">\(text)</th>"
            : "<td\(isNumeric ? " class=\"n\"" : "") data-v=\"\(cell == "-" ? "" : text)\">\(text)</td>"
        }.joined() + "</tr>"
    }
    let notes = table.notes.map { "<li>\(Reporting.html($0))</li>" }.joined()
    return Self.table(
      caption: table.caption,
      head: table.columns.map { heading($0.title, isNumeric: $0.isNumeric) }, body: body)
      + (notes.isEmpty ? "" : "<ul class=\"notes\">\(notes)</ul>")
  }

  /// A column's heading: a button, so that keys reach it.
  static func heading(_ title: String, isNumeric: Bool = false) -> String {
    "<th scope=\"col\"\(isNumeric ? " class=\"n\"" : "")><button type=\"button\">"
      + Reporting.html(title) + "</button></th>"
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func row(_ row: ComparisonRow) -> String {
    let mark = views.each("span") { view in
      let own = view.row(row.anchor, in: section.id)
      return text(own?.marks ?? "")
        + (own?.isBaseline == true ? "<small class=\"baseline\">baseline</small>" : "")
    }
    return "<tr id=\"\(text(row.anchor))\"><th scope=\"row\" data-v=\"\(text(row.name))\">"
      + "<i class=\"key s\(section.color(row))\"></i>\(text(row.name)) <span class=\"mark\">\(mark)</span>"
      + "<a class=\"link\" href=\"#\(text(row.anchor))\" aria-label=\"Link to \(text(row.name))\">#</a>"
      + "</th><td data-v=\"\(text(row.architecture))\">\(text(row.architecture))</td>"
      + section.metrics.map { cell($0, row) }.joined() + "</tr>"
  }

  private func cell(_ metric: MetricDescription, _ row: ComparisonRow) -> String {
    guard let cell = row.cells[metric.key] else { return "<td class=\"n\" data-v=\"\">–</td>" }
    let unit = cell.metric.unit
    var lines = "<b>\(text(unit.text(cell.value)))</b>"
    if let seeds = cell.seeds {
      lines +=
        "<small>± \(text(unit.deviation(seeds.deviation))), \(seeds.values.count) seeds</small>"
    } else if let interval = cell.interval {
      lines += "<small>[\(unit.text(interval.low)), \(unit.text(interval.high))]</small>"
    }
    lines += views.each("span") { view in
      view.row(row.anchor, in: section.id)?.cells[metric.key].map(difference) ?? ""
    }
    let anchor = text(row.anchor(of: metric))
    return "<td class=\"n\" id=\"\(anchor)\" data-v=\"\(cell.value)\">"
      + "<a class=\"number\" href=\"#source-\(anchor)\" data-cell=\"\(text(cell.id))\">\(lines)</a></td>"
  }

  private func difference(_ cell: ComparisonCell) -> String {
    if let delta = cell.delta {
      // A narrow column breaks before what is in parentheses.
      return "<small class=\"word \(delta.verdict.rawValue)\">\(text(delta.text))&nbsp;"
        + "\(text(delta.word))</small>"
    }
    guard let untested = cell.untested else { return "" }
    let what = cell.rawDifference.map { cell.metric.unit.difference($0) + " not\u{A0}judged" }
    return "<small title=\"\(text(untested))\">\(text(what ?? "not compared"))</small>"
  }
}
