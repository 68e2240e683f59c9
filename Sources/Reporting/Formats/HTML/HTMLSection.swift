import Evaluation
import Foundation

/// One task and data set of the page.
struct HTMLSection {
  let section: ComparisonSection
  let views: HTMLViews

  var html: String {
    """
    <section id="\(text(section.id))"><h2>\(text(section.task.title))</h2>
    <p class="sub">\(text(section.dataSummary))</p>
    \(HTMLTable(section: section, views: views).html)
    \(views.each { notes($0) })
    <div class="grid">\(views.each { forest($0) })\(standing)\(seeds)\(cost)\(curves)\(views.each { classes($0) })\(errors)\(confusions)\(HTMLPlots(section: section).html)</div>
    \(HTMLAttention(section: section).html)
    \(section.details.map { HTMLGallery(detail: $0).html }.joined())
    \(HTMLPlots(section: section).tables)
    \(HTMLPublished(section: section).html)
    \(HTMLSources(section: section, views: views).html)
    </section>
    """
  }

  private func text(_ text: String) -> String { Reporting.html(text) }

  private func figure(_ title: String, _ note: String, _ body: String) -> String {
    Self.figure(title, note, body)
  }

  /// A drawing with its heading and what a reader must know of it.
  static func figure(_ title: String, _ note: String, _ body: String) -> String {
    "<figure class=\"card\"><figcaption><b>\(Reporting.html(title))</b>"
      + (note.isEmpty ? "" : "<small>\(Reporting.html(note))</small>")
      + "</figcaption>\(body)</figure>"
  }

  // MARK: Notes

  private func notes(_ view: HTMLView) -> String {
    guard let section = view.section(section.id) else { return "" }
    let tables = SectionTables(section: section, testCount: view.comparison.testCount)
    var lines = tables.notes
    if section.rows.contains(where: {
      $0.cells.values.contains { $0.delta != nil || $0.rawDifference != nil }
    }) {
      lines += tables.detectionNotes
    }
    for row in section.rows {
      for note in row.run.result.notes where !note.hasPrefix("most confused") {
        // What all rows deviate in is said once.
        let line = note.hasPrefix(Deviations.prefix) ? "protocol " + note : "\(row.name): \(note)"
        if !lines.contains(line) { lines.append(line) }
      }
    }
    return lines.isEmpty
      ? "" : "<ul class=\"notes\">\(lines.map { "<li>\(text($0))</li>" }.joined())</ul>"
  }

  // MARK: Charts

  private func forest(_ view: HTMLView) -> String {
    guard let section = view.section(section.id) else { return "" }
    return section.metrics.map { metric in
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

  /// Measured and published values of the primary number on one axis.
  private var standing: String {
    guard let metric = section.primaryMetric else { return "" }
    let limit = 14
    let measured = section.rows.compactMap { row in
      row.cells[metric.key].map { cell in
        Charts.Dots(
          name: row.markedName, color: section.color(row), values: [cell.value],
          interval: cell.interval)
      }
    }
    let networks = Set(section.rows.map(\.architecture))
    let files = section.published.filter { $0.origin == .published }
    let all = files.flatMap(\.figures).filter { $0.metric == metric.key && $0.isVerified }
    let known =
      all.filter { networks.contains($0.architecture) }
      + all.filter { !networks.contains($0.architecture) }
    let shown = Set(known.prefix(limit).map(\.architecture))
    let published = known.prefix(limit).map { figure in
      Charts.Dots(
        name: [
          figure.method, shown.count == 1 ? nil : figure.architecture,
          figure.configuration,
          figure.configuration == nil ? figure.epochs.map { "\($0) epochs" } : nil,
        ].compactMap { $0 }.joined(separator: ", "), color: nil, values: [figure.value],
        interval: nil)
    }
    guard !measured.isEmpty, !published.isEmpty else { return "" }
    let rows = (measured + published).sorted { $0.values[0] > $1.values[0] }
    return figure(
      "\(metric.title): measured and published",
      "filled: measured on \(section.data["name"] ?? "?"); hollow: published, "
        + "\(files.map(\.title).joined(separator: "; "))"
        + (shown.count == 1 ? ", \(shown.first ?? "")" : "")
        + (known.count > limit ? "; \(limit) of \(known.count)" : "")
        + "; the two are comparable only where data and protocol are the same",
      Charts.dots(rows, unit: metric.unit, label: "Measured and published \(metric.title)"))
  }

  /// One dot a training.
  private var seeds: String {
    guard let metric = section.primaryMetric,
      section.rows.contains(where: { $0.cells[metric.key]?.seeds != nil })
    else { return "" }
    let rows = section.rows.compactMap { row in
      row.cells[metric.key].map { cell in
        Charts.Dots(
          name: row.markedName, color: section.color(row),
          values: cell.seeds?.values ?? [cell.value], interval: nil)
      }
    }
    return figure(
      "\(metric.title) of every training", "one dot a seed or checkpoint, a line at the mean",
      Charts.dots(rows, unit: metric.unit, label: "\(metric.title) of every training"))
  }

  /// The primary number against the time that a training took; rows without a noted time are named.
  private var cost: String {
    guard let metric = section.primaryMetric, !section.task.costPhases.isEmpty else { return "" }
    var points: [Charts.Point] = []
    var unknown: [String] = []
    var threads: Set<Int> = []
    for row in section.rows {
      guard let cell = row.cells[metric.key] else { continue }
      guard let seconds = row.trainingSeconds else {
        unknown.append(row.name)
        continue
      }
      threads.formUnion(row.runs.compactMap(\.threads))
      points.append(
        Charts.Point(name: row.name, color: section.color(row), x: seconds, y: cell.value))
    }
    guard !points.isEmpty || !unknown.isEmpty else { return "" }
    return figure(
      "\(metric.title) against training time",
      "wall clock of one training here (\(section.task.costPhases.joined(separator: ", "))) on "
        + threads.sorted().map(String.init).joined(separator: " or ")
        + (threads == [1] ? " thread" : " threads") + "; what the backbone cost is not in it"
        + (unknown.isEmpty ? "" : "; unknown: " + unknown.joined(separator: ", ")),
      points.isEmpty
        ? "" : Charts.scatter(points, unit: metric.unit, xLabel: "seconds") + legend)
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
              color: section.color(row),
              values: section.task.curve(base).isFraction ? values.map { $0 * 100 } : values,
              isThin: base != name || row.runs.count > 1))
        }
      }
    }
    return charts.sorted { $0.key < $1.key }.map { name, curves in
      let curve = section.task.curve(name)
      return figure(
        curve.title, "",
        Charts.curves(curves, label: curve.title, unit: curve.unit ?? section.task.curveUnit)
          + legend)
    }.joined()
  }

  private var legend: String {
    "<p class=\"legend\">"
      + section.rows.map {
        "<span><i class=\"key s\(section.color($0))\"></i>\(text($0.name))</span>"
      }
      .joined() + "</p>"
  }

  private func classes(_ view: HTMLView) -> String {
    let details = view.section(section.id)?.details ?? []
    return details.filter { !$0.classes.isEmpty }.map { detail in
      let shown = 15
      let all = detail.classes
      let picked = all.count <= 2 * shown ? all : Array(all.prefix(shown) + all.suffix(shown))
      return figure(
        "\(detail.name): classes against \(detail.baseline)",
        "\(section.task.classMetric), points"
          + (picked.count < all.count
            ? "; \(shown) greatest gains and losses of \(all.count), all in the CSV and JSON" : "")
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
          costs.map { ($0.key, $0.value, fixed($0.value * 100, 1)) }, color: section.color(row),
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
          color: section.color(row), label: "Confused classes"))
    }.joined()
  }
}

extension ComparisonSection {
  /// The number of a row's colour.
  func color(_ row: ComparisonRow) -> Int {
    (rows.firstIndex { $0.anchor == row.anchor } ?? 0) % 8
  }
}
