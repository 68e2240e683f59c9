import Evaluation
import Foundation

/// One task and data set of the page.
struct HTMLSection {
  let section: ComparisonSection
  let comparison: Comparison

  var html: String {
    """
    <section id="\(section.id)"><h2>\(text(section.task.title))</h2>
    <p class="sub">\(text(section.dataSummary))</p>
    \(table)
    \(notes)
    <div class="grid">\(forest)\(curves)\(classes)\(errors)\(confusions)</div>
    \(galleries)
    \(published)
    </section>
    """
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func figure(_ title: String, _ note: String, _ body: String) -> String {
    "<figure class=\"card\"><figcaption><b>\(text(title))</b>"
      + (note.isEmpty ? "" : "<small>\(text(note))</small>") + "</figcaption>\(body)</figure>"
  }

  private func color(_ row: ComparisonRow) -> Int {
    (section.rows.firstIndex { $0.slug == row.slug } ?? 0) % 8
  }

  // MARK: Table

  private var table: String {
    let head =
      "<tr><th>method</th><th>network</th>"
      + section.metrics.map { "<th class=\"n\">\(text($0.title))</th>" }.joined() + "</tr>"
    let body = section.rows.map { row in
      "<tr\(row.isBaseline ? " class=\"base\"" : "")><th scope=\"row\" data-v=\"\(text(row.name))\">"
        + "<i class=\"key s\(color(row))\"></i>\(text(row.markedName))"
        + (row.isBaseline ? " <small>baseline</small>" : "") + "</th>"
        + "<td data-v=\"\(text(row.architecture))\">\(text(row.architecture))</td>"
        + section.metrics.map { cell(row.cells[$0.key]) }.joined() + "</tr>"
    }
    return
      "<div class=\"scroll\"><table class=\"sort\"><thead>\(head)</thead><tbody>\(body.joined())"
      + "</tbody></table></div>"
  }

  private func cell(_ cell: ComparisonCell?) -> String {
    guard let cell else { return "<td class=\"n\" data-v=\"-1\">–</td>" }
    let unit = cell.metric.unit
    var lines = "<b>\(text(unit.text(cell.value)))</b>"
    if let seeds = cell.seeds {
      lines +=
        "<small>± \(text(unit.deviation(seeds.deviation))), \(seeds.values.count) seeds</small>"
    } else if let interval = cell.interval {
      lines += "<small>[\(unit.text(interval.low)), \(unit.text(interval.high))]</small>"
    }
    if let delta = cell.delta {
      lines +=
        "<small class=\"word \(delta.verdict.rawValue)\">\(text(delta.text)) \(text(delta.word))</small>"
    } else if let raw = cell.rawDifference, let untested = cell.untested {
      lines +=
        "<small title=\"\(text(untested))\">\(text(unit.difference(raw))) not judged</small>"
    } else if let untested = cell.untested {
      lines += "<small title=\"\(text(untested))\">not compared</small>"
    }
    return "<td class=\"n\" data-v=\"\(cell.value)\"><button data-cell=\"\(text(cell.id))\">"
      + lines + "</button></td>"
  }

  private var notes: String {
    let tables = SectionTables(section: section, testCount: comparison.testCount)
    var lines = tables.numbers.notes
    if section.rows.contains(where: {
      $0.cells.values.contains { $0.delta != nil || $0.rawDifference != nil }
    }) {
      lines += tables.detectionNotes
    }
    for row in section.rows {
      for note in row.run.result.notes where !note.hasPrefix("most confused") {
        let line = "\(row.name): \(note)"
        if !note.hasPrefix("deviates from") { lines.append(line) }
      }
    }
    if let note = section.rows.first?.run.result.notes.first(where: {
      $0.hasPrefix("deviates from")
    }) {
      lines.append("protocol " + note)
    }
    return lines.isEmpty
      ? "" : "<ul class=\"notes\">\(lines.map { "<li>\(text($0))</li>" }.joined())</ul>"
  }

  // MARK: Charts

  private var forest: String {
    section.metrics.map { metric in
      let entries = section.rows.compactMap { row in
        row.cells[metric.key]?.delta.map { (name: row.name, delta: $0) }
      }
      guard !entries.isEmpty else { return "" }
      return figure(
        "\(metric.title) against \(entries[0].delta.baseline)",
        metric == section.primaryMetric
          ? "intervals at the level of Holm's correction" : "95 % intervals, exploratory",
        Charts.forest(entries))
    }.joined()
  }

  /// One chart a curve that a run has; the seeds of a row stand side by side as thin lines.
  private var curves: String {
    var charts: [String: [Charts.Curve]] = [:]
    for row in section.rows {
      for run in row.runs {
        for (name, values) in run.result.curves.sorted(by: { $0.key < $1.key })
        where values.contains(where: \.isFinite) {
          let base = name.range(of: "_seed").map { String(name[..<$0.lowerBound]) } ?? name
          charts[base, default: []].append(
            Charts.Curve(
              name: row.name + (base == name ? "" : ", " + name[base.endIndex...].dropFirst()),
              color: color(row),
              values: section.task.curve(base).isFraction ? values.map { $0 * 100 } : values,
              isThin: base != name || row.runs.count > 1))
        }
      }
    }
    return charts.sorted { $0.key < $1.key }.map { name, curves in
      let title = section.task.curve(name).title
      return figure(
        title, "",
        Charts.curves(curves, label: title, unit: section.task.curveUnit) + legend)
    }.joined()
  }

  private var legend: String {
    "<p class=\"legend\">"
      + section.rows.map { "<span><i class=\"key s\(color($0))\"></i>\(text($0.name))</span>" }
      .joined() + "</p>"
  }

  private var classes: String {
    section.details.filter { !$0.classes.isEmpty }.map { detail in
      let shown = 15
      let all = detail.classes
      let picked = all.count <= 2 * shown ? all : Array(all.prefix(shown) + all.suffix(shown))
      return figure(
        "\(detail.name): classes against \(detail.baseline)",
        "\(section.task.classMetric), points"
          + (picked.count < all.count ? "; \(shown) greatest gains and losses of \(all.count)" : "")
          + "; single classes are not tested",
        Charts.diverging(picked, label: "Gains and losses of classes"))
    }.joined()
  }

  private var errors: String {
    section.rows.filter { !$0.run.result.errorCosts.isEmpty }.map { row in
      let costs = row.run.result.errorCosts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      return figure(
        "\(row.name): what errors cost", "AP that would be won without them (TIDE), points",
        Charts.bars(
          costs.map { ($0.key, $0.value, fixed($0.value * 100, 1)) }, color: color(row),
          label: "Cost of error types"))
    }.joined()
  }

  private var confusions: String {
    section.rows.compactMap { row -> String? in
      guard let pairs = section.confusions[row.slug], !pairs.isEmpty else { return nil }
      return figure(
        "\(row.name): taken for another", "true class → what was said, how often",
        Charts.bars(
          pairs.map { ("\($0.label) → \($0.prediction)", Double($0.count), String($0.count)) },
          color: color(row), label: "Confused classes"))
    }.joined()
  }

  // MARK: Images and published figures

  private var galleries: String {
    section.details.filter { !$0.images.isEmpty }.map { detail in
      let cards = detail.images.map { image in
        let name = image.path ?? "image \(image.index)"
        let picture =
          image.picture.map {
            "<img alt=\"\(text(name))\" loading=\"lazy\" src=\"data:image/png;base64,\(base64($0))\">"
          } ?? "<div class=\"blank\">not at hand</div>"
        return
          "<figure class=\"shot \(image.gain > 0 ? "better" : "worse")\">\(picture)<figcaption>"
          + "<b>\(text(image.truth))</b><small>\(text(detail.baseline)): \(text(image.baseline))</small>"
          + "<small>\(text(detail.name)): \(text(image.outcome))</small>"
          + "<small>\(text(image.change))</small>"
          + "<small class=\"path\">\(text(name))</small></figcaption></figure>"
      }
      return "<h3>\(text(detail.name)): images whose outcome changed most against "
        + "\(text(detail.baseline))</h3><div class=\"gallery\">\(cards.joined())</div>"
    }.joined()
  }

  private var published: String {
    section.published.filter { $0.origin == .published }.map { file in
      let rows = file.figures.map { figure in
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
      return """
        <details><summary>\(text(file.title)): \(file.figures.count) published figures</summary>
        <p class="sub">Published by others, not measured here.</p>
        <div class="scroll"><table class="sort published"><thead><tr><th>method</th><th>network</th>
        <th class="n">epochs</th><th>metric</th><th class="n">value, %</th><th>source</th></tr></thead>
        <tbody>\(rows.joined())</tbody></table></div></details>
        """
    }.joined()
  }
}
