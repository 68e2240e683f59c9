import Evaluation

extension Comparison {
  /// The report as one file that needs no other: tables that sort, charts, gallery, and behind every
  /// number where it comes from.
  public var html: String { HTMLReport(comparison: self).page }
}

/// Puts the page together.
struct HTMLReport {
  let comparison: Comparison
  private let views: HTMLViews

  init(comparison: Comparison) {
    self.comparison = comparison
    views = HTMLViews(comparison)
  }

  var page: String {
    """
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
    <div><h1>Comparison</h1><p class="sub">\(views.each("span", { html(subtitle($0.comparison)) }))</p></div>
    <button id="theme" class="scripted" aria-label="Light or dark">◐</button>
    </header>
    \(navigation)
    <main>
    \(tools)
    \(views.each { verdicts($0) })
    \(comparison.sections.map { HTMLSection(section: $0, views: views).html }.joined())
    \(leftOut)
    \(reading)
    </main>
    <dialog id="source" aria-label="Where a number comes from"><form method="dialog"><button aria-label="Close">×</button></form><div></div></dialog>
    <script>\(HTMLScript.text)</script>
    </body>
    </html>

    """
  }

  private func subtitle(_ comparison: Comparison) -> String {
    let runs = comparison.runs.count
    let skipped = comparison.leftOut.count
    let tests = comparison.testCount
    return "\(runs) run\(runs == 1 ? "" : "s") against \(comparison.baselineTitle), "
      + "\(tests) primary test\(tests == 1 ? "" : "s")"
      + (comparison.exploratoryCount > 0 ? ", \(comparison.exploratoryCount) exploratory" : "")
      + (skipped > 0 ? ", \(skipped) left out" : "")
      + ". Everything below was measured here unless "
      + "it is marked published."
  }

  private var navigation: String {
    let links = comparison.sections.map { section in
      let twins = comparison.sections.count { $0.task.name == section.task.name }
      return "<a href=\"#\(html(section.id))\">\(html(section.task.title))"
        + (twins > 1 ? ", \(html(section.dataSummary))" : "") + "</a>"
    }
    return "<nav aria-label=\"Parts\">" + links.joined()
      + (comparison.leftOut.isEmpty ? "" : "<a href=\"#left-out\">Left out</a>")
      + "<a href=\"#reading\">How to read this</a></nav>"
  }

  /// Baseline, search and filter; they need the script and are not there without it.
  private var tools: String {
    guard !comparison.sections.isEmpty else { return "" }
    let baselines = views.all.map {
      "<option value=\"\(html($0.key))\">\(html($0.title))</option>"
    }
    let words = Verdict.allCases.map {
      "<option value=\"\($0.rawValue)\">\($0.rawValue)</option>"
    }
    return "<form class=\"tools scripted\" role=\"search\">"
      + (views.all.count < 2
        ? ""
        : "<label>Compare with <select id=\"base\">\(baselines.joined())</select></label>")
      + "<label>Find <input id=\"find\" type=\"search\" placeholder=\"method, network\"></label>"
      + "<label>Show <select id=\"word\"><option value=\"\">every row</option>\(words.joined())"
      + "</select></label><output id=\"found\"></output></form>"
  }

  /// The answer first: one card a compared row and task.
  private func verdicts(_ view: HTMLView) -> String {
    var cards = ""
    for section in view.comparison.sections {
      guard let metric = section.primaryMetric else { continue }
      for row in section.rows {
        guard let cell = row.cells[metric.key] else { continue }
        let place = "\(metric.title), \(section.data["name"] ?? "")"
        if let delta = cell.delta {
          let word = delta.verdict.rawValue
          cards += card(
            word, row, place, delta.text,
            delta.intervalText + (delta.interval == nil ? ";" : " \(metric.unit.name)")
              + " against \(delta.baseline), p "
              + probability(delta.adjustedPValue)
              + (delta.verdict == .undecided ? "; \(delta.powerText)" : ""))
        } else if let raw = cell.rawDifference, let reason = cell.untested {
          cards += card("not judged", row, place, metric.unit.difference(raw), reason)
        }
      }
    }
    let remarks = view.comparison.remarks.map { "<li>\(html($0))</li>" }.joined()
    return
      (cards.isEmpty ? "" : "<section class=\"cards\" aria-label=\"Verdicts\">\(cards)</section>")
      + (remarks.isEmpty ? "" : "<ul class=\"notes\">\(remarks)</ul>")
  }

  private func card(
    _ word: String, _ row: ComparisonRow, _ place: String, _ number: String, _ small: String
  ) -> String {
    """
    <a class="card verdict \(word.replacing(" ", with: "-"))" href="#\(html(row.anchor))"><span class="word">\(word)</span>
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
    <p>Every number in a table opens its source: weights, data, protocol, command line; the sources also
    stand below each table. Headings sort. Every row and number has a link of its own, which holds as
    long as it is about the same thing.</p>
    <p><b class="word better">better</b> and <b class="word worse">worse</b> are said when the test
    finds a difference: its p-value is below 5&nbsp;% and its interval does not hold 0, which is the same
    thing, because both come from one test. <b class="word equivalent">equivalent</b> is said when the
    90&nbsp;% interval lies inside a margin that was declared before. Everything else is
    <b class="word undecided">undecided</b>, with the smallest difference that the test would have found
    four times out of five.</p>
    <p>One number a task is primary; the words of these
    \(views.each("span") { family($0.comparison) }) All other numbers are exploratory: tested
    alone, so that some are called by chance. Another baseline makes another family; whoever looks
    through several has tested more than each of them says.</p>
    <p>Top-1, top-5 and kNN are compared by McNemar's exact test on the images where two methods
    disagree, with Tango's interval; AP and mIoU by swapping the two outcomes of images and computing
    both anew, with the interval of the same swaps; several trainings by Student's t on the images' and
    the trainings' variance. Where a network is trained for the number, one training is not judged:
    another seed would give another number. A classifier on frozen features is judged with one seed, too,
    over images alone.</p></section>
    """
  }

  private func family(_ comparison: Comparison) -> String {
    "\(comparison.testCount) hold together after Holm's correction, and the interval beside each is at "
      + "the level that the correction left it"
      + (comparison.family.isEmpty
        ? "." : ": \(comparison.family.map(Reporting.html).joined(separator: ", ")).")
  }
}
