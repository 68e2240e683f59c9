import Evaluation
import FileSupport

extension Comparison {
  /// The report as one file that needs no other: tables that sort, charts, gallery, and behind every
  /// number where it comes from.
  public var html: String { HTMLReport(comparison: self).page }
}

/// Puts the page together.
struct HTMLReport {
  let comparison: Comparison

  var page: String {
    let facts = comparison.cells.map { place in
      let source = comparison.provenance(place.section, place.row, place.metric, place.cell)
      return (
        place.cell.id,
        JSONValue.array(
          [.array([.string(source.id), .string(source.number)])]
            + source.facts.map { .array([.string($0.name), .string($0.text)]) })
      )
    }
    let data = JSONValue.object(Dictionary(facts, uniquingKeysWith: { first, _ in first }))
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>SwinBench comparison</title>
      <style>\(HTMLStyle.text)</style>
      </head>
      <body>
      <header>
      <div><h1>Comparison</h1><p class="sub">\(html(subtitle))</p></div>
      <button id="theme" aria-label="Light or dark">◐</button>
      </header>
      \(navigation)
      <main>
      \(verdicts)
      \(comparison.sections.map { HTMLSection(section: $0, comparison: comparison).html }.joined())
      \(leftOut)
      \(reading)
      </main>
      <dialog id="source"><form method="dialog"><button aria-label="Close">×</button></form><div></div></dialog>
      <script type="application/json" id="facts">\(data.text().replacing("<", with: "\\u003c"))</script>
      <script>\(HTMLScript.text)</script>
      </body>
      </html>

      """
  }

  private var subtitle: String {
    let runs = comparison.runs.count
    let skipped = comparison.leftOut.count
    return "\(runs) run\(runs == 1 ? "" : "s"), \(comparison.testCount) tests"
      + (skipped > 0 ? ", \(skipped) left out" : "")
      + ". Everything below was measured here unless "
      + "it is marked published."
  }

  private var navigation: String {
    let links = comparison.sections.map {
      "<a href=\"#\($0.id)\">\(html($0.task.title))</a>"
    }
    return "<nav>" + links.joined()
      + (comparison.leftOut.isEmpty ? "" : "<a href=\"#left-out\">Left out</a>")
      + "<a href=\"#reading\">How to read this</a></nav>"
  }

  /// The answer first: one card a compared row and task.
  private var verdicts: String {
    var cards = ""
    for section in comparison.sections {
      guard let metric = section.metrics.first else { continue }
      for row in section.rows {
        guard let delta = row.cells[metric.key]?.delta else { continue }
        let word = delta.verdict.rawValue
        cards += """
          <a class="card verdict \(word)" href="#\(section.id)"><span class="word">\(word)</span>
          <b>\(html(row.name))</b> <span>\(html(metric.title)), \(html(section.data["name"] ?? ""))</span>
          <span class="big">\(html(delta.text))</span>
          <small>\(html(delta.intervalText)) \(html(metric.unit.name)) against
          \(html(delta.baseline)), p \(html(probability(delta.adjustedPValue)))</small></a>
          """
      }
    }
    let remarks = comparison.remarks.map { "<li>\(html($0))</li>" }.joined()
    return (cards.isEmpty ? "" : "<section class=\"cards\">\(cards)</section>")
      + (remarks.isEmpty ? "" : "<ul class=\"notes\">\(remarks)</ul>")
  }

  private var leftOut: String {
    guard !comparison.leftOut.isEmpty else { return "" }
    return "<section id=\"left-out\"><h2>Left out</h2><ul class=\"notes\">"
      + comparison.leftOut.map { "<li><code>\(html($0.path))</code> \(html($0.reason))</li>" }
      .joined() + "</ul></section>"
  }

  private var reading: String {
    """
    <section id="reading"><h2>How to read this</h2>
    <p>Every number in a table opens its source: weights, data, protocol, command line. Headings sort.</p>
    <p><b class="word better">better</b> and <b class="word worse">worse</b> are said when the p-value,
    after Holm's correction over all \(comparison.testCount) tests of this report, is below 5&nbsp;%.
    Everything else is a <b class="word tie">tie</b>: not proof of equality, only no proof of a
    difference. The line under a table says how large a difference it could have found.</p>
    <p>Top-1, top-5 and kNN are compared by McNemar's exact test on the images where two methods
    disagree; AP and mIoU by resampling the images in pairs; several seeds by Welch's test on both the
    images' and the seeds' variance. Brackets are 95&nbsp;% intervals.</p></section>
    """
  }
}
