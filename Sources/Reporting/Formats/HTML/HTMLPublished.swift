import Evaluation

/// The published figures of a task, a table a file.
struct HTMLPublished {
  let section: ComparisonSection

  var html: String {
    section.published.filter { $0.origin == .published }.map { file in
      "<details><summary>\(text(file.title)): \(file.figures.count) published figures</summary>"
        + HTMLTable.table(
          caption: "Published by others, not measured here",
          head: ["method", "network"].map { HTMLTable.heading($0) }
            + [HTMLTable.heading("epochs", isNumeric: true), HTMLTable.heading("metric")]
            + [HTMLTable.heading("value, %", isNumeric: true), HTMLTable.heading("source")],
          body: file.figures.map(row), style: " published") + "</details>"
    }.joined()
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func row(_ figure: PublishedFigure) -> String {
    let place = [figure.architecture, figure.configuration].compactMap { $0 }
    return "<tr><th scope=\"row\" data-v=\"\(text(figure.method))\">\(text(figure.method))</th>"
      + "<td data-v=\"\(text(place[0]))\">\(text(place.joined(separator: ", ")))</td>"
      + "<td class=\"n\" data-v=\"\(figure.epochs ?? 0)\">\(figure.epochs.map(String.init) ?? "–")</td>"
      + "<td data-v=\"\(text(figure.metric))\">\(text(figure.metric))</td>"
      + "<td class=\"n\" data-v=\"\(figure.value)\"><b>\(text(figure.shown))</b> <em>published</em>"
      + (figure.isVerified ? "" : " <em>unverified</em>") + "</td>"
      + "<td data-v=\"\(text(figure.source))\"><small>\(text(figure.source))"
      + (figure.note.map { "; " + text($0) } ?? "") + "</small></td></tr>"
  }
}
