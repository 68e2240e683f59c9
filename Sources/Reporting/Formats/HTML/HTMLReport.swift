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
    let tests = comparison.testCount
    return "\(runs) run\(runs == 1 ? "" : "s"), \(tests) primary test\(tests == 1 ? "" : "s")"
      + (comparison.exploratoryCount > 0 ? ", \(comparison.exploratoryCount) exploratory" : "")
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
      guard let metric = section.primaryMetric else { continue }
      for row in section.rows {
        guard let cell = row.cells[metric.key] else { continue }
        let place = "\(metric.title), \(section.data["name"] ?? "")"
        if let delta = cell.delta {
          let word = delta.verdict.rawValue
          cards += card(
            word, section, row, place, delta.text,
            delta.intervalText + (delta.interval == nil ? ";" : " \(metric.unit.name)")
              + " against \(delta.baseline), p "
              + probability(delta.adjustedPValue)
              + (delta.verdict == .undecided ? "; \(delta.powerText)" : ""))
        } else if let raw = cell.rawDifference, let reason = cell.untested {
          cards += card(
            "not judged", section, row, place, metric.unit.difference(raw), reason)
        }
      }
    }
    let remarks = comparison.remarks.map { "<li>\(html($0))</li>" }.joined()
    return (cards.isEmpty ? "" : "<section class=\"cards\">\(cards)</section>")
      + (remarks.isEmpty ? "" : "<ul class=\"notes\">\(remarks)</ul>")
  }

  private func card(
    _ word: String, _ section: ComparisonSection, _ row: ComparisonRow, _ place: String,
    _ number: String, _ small: String
  ) -> String {
    """
    <a class="card verdict \(word.replacing(" ", with: "-"))" href="#\(section.id)"><span class="word">\(word)</span>
    <b>\(html(row.name))</b> <span>\(html(place))</span>
    <span class="big">\(html(number))</span>
    <small>\(html(small))</small></a>
    """
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
    <p><b class="word better">better</b> and <b class="word worse">worse</b> are said when there is a
    difference: its p-value is below 5&nbsp;% and its interval does not hold 0, which is the same thing,
    because both come from one test. <b class="word equivalent">equivalent</b> is said when the
    90&nbsp;% interval lies inside a margin that was declared before. Everything else is
    <b class="word undecided">undecided</b>, with the smallest difference that the test would have found
    four times out of five.</p>
    <p>One number a task is primary; the words of these \(comparison.testCount) hold together after
    Holm's correction, and the interval beside each is at the level that the correction left it:
    \(comparison.family.map(html).joined(separator: ", ")). All other numbers are exploratory: tested
    alone, so that some are called by chance.</p>
    <p>Top-1, top-5 and kNN are compared by McNemar's exact test on the images where two methods
    disagree, with Tango's interval; AP and mIoU by swapping the two outcomes of images and computing
    both anew, with the interval of the same swaps; several trainings by Student's t on the images' and
    the trainings' variance. A number that comes from one training is not judged: another seed would
    give another one.</p></section>
    """
  }
}
