import Evaluation

/// The tables of a section as every written format shows them.
struct SectionTables {
  let section: ComparisonSection
  let testCount: Int

  /// Rows of methods, columns of numbers.
  var numbers: Table {
    var table = Table(
      caption: "\(section.task.title), \(section.dataSummary): measured; \(section.spread)",
      columns: [.init("method", isNumeric: false), .init("network", isNumeric: false)]
        + section.metrics.map { .init($0.title) })
    for row in section.rows {
      table.add(
        [row.markedName + (row.isBaseline ? " (baseline)" : ""), row.architecture]
          + section.metrics.map { row.cells[$0.key].map(measuredText) ?? "-" })
    }
    table.notes = notes + seedNotes
    return table
  }

  /// One line a difference; nil when nothing was tested.
  var differences: Table? {
    let bases = section.baselines.map(\.name).joined(separator: ", ")
    var table = Table(
      caption:
        "Against \(bases.isEmpty ? "the baseline" : bases): points; the interval, p and "
        + "word of primary numbers after Holm's correction",
      columns: [
        .init("method", isNumeric: false), .init("number", isNumeric: false),
        .init("baseline", isNumeric: false), .init("difference"), .init("95 % alone"),
        .init("p alone"), .init("interval"), .init("p"), .init("word", isNumeric: false),
        .init("finds"),
      ])
    for row in section.rows {
      for metric in section.metrics {
        guard let cell = row.cells[metric.key] else { continue }
        if let delta = cell.delta {
          table.add([
            row.name, metric.title, delta.baseline, delta.text, delta.intervalAloneText,
            probability(delta.pValue), delta.intervalText, probability(delta.adjustedPValue),
            delta.word, delta.detectableText,
          ])
        } else if let raw = cell.rawDifference, metric.test != .none {
          table.add([
            row.name, metric.title, "", metric.unit.difference(raw), "-", "-", "-", "-",
            "not judged", "-",
          ])
        }
      }
    }
    guard !table.rows.isEmpty else { return nil }
    table.notes = detectionNotes
    return table
  }

  /// Published figures of the task, each with its mark.
  var published: [Table] {
    section.published.filter { $0.origin == .published }.map(\.table)
  }

  /// What a reader must know of the table.
  var notes: [String] {
    var lines = section.notes
    for row in section.rows where !row.deviations.isEmpty {
      lines.append(
        "† \(row.name): another protocol, so it is not compared: "
          + row.deviations.joined(separator: "; "))
    }
    for group in section.foreignBaselines {
      lines.append(
        "‡ \(group.names): no baseline of \(group.lacked); compared with one of \(group.network), so "
          + "that a difference is of the networks, too")
    }
    return lines
  }

  /// The values of every seed.
  private var seedNotes: [String] {
    section.rows.flatMap { row in
      section.metrics.compactMap { metric in
        row.cells[metric.key]?.seeds.map {
          "\(row.name), \(metric.title): \(seedSummary($0, metric.unit))"
        }
      }
    }
  }

  /// What the table could have found, and what it says nothing of.
  var detectionNotes: [String] {
    let deltas = section.rows.flatMap { row in
      section.metrics.compactMap { row.cells[$0.key]?.delta }
    }
    var lines = section.detectable(testCount: testCount).map { entry -> String in
      let unit = entry.metric.unit
      guard entry.alone.isFinite else {
        return "\(entry.metric.title): too few images for this test to find any difference"
      }
      return "\(entry.metric.title): a true difference of \(unit.deviation(entry.alone)) "
        + "\(unit.name) is found four times out of five"
        + (entry.metric == section.primaryMetric && testCount > 1
          ? ", as the first of \(testCount) "
            + (entry.all.isFinite ? "one of \(unit.deviation(entry.all))" : "none") : "")
        + "; smaller ones stay undecided more often"
    }
    if let primary = section.primaryMetric, deltas.contains(where: { $0.role == .primary }) {
      lines.append(
        "\(primary.title) is the primary number; its words hold after Holm's correction over the "
          + "report's \(testCount) primary differences at 5 %, the others are exploratory and hold alone"
      )
    }
    for scope in Set(deltas.map(\.scope)).sorted() where !deltas.isEmpty { lines.append(scope) }
    for text in deltas.compactMap(\.marginText) where !lines.contains(text) { lines.append(text) }
    let reasons = section.rows.flatMap { row in
      section.metrics.compactMap { metric -> String? in
        guard let cell = row.cells[metric.key], cell.rawDifference != nil, metric.test != .none
        else { return nil }
        return cell.untested.map { "\(row.name) is not judged: \($0)" }
      }
    }
    for reason in reasons where !lines.contains(reason) { lines.append(reason) }
    if deltas.contains(where: { $0.difference.isTooSmall }) {
      lines.append(
        "below \(PairedDifference.fewestImages) images no interval covers as it should, so none is "
          + "given; the permutation test holds")
    }
    for delta in deltas {
      guard delta.verdict == .undecided, let reason = delta.outOfReach else { continue }
      lines.append("\(delta.name) against \(delta.baseline), \(delta.metric.title): \(reason)")
    }
    let careful = SeededDifference.fewestImages
    if deltas.contains(where: { $0.seeded != nil && $0.imageCount < careful }) {
      lines.append(
        "several trainings on fewer than \(careful) images: by simulation the test then calls fewer "
          + "than 5 % of equal methods, so that undecided says less than elsewhere")
    }
    if !deltas.contains(where: { $0.seeded != nil }), !deltas.isEmpty {
      lines.append(
        "one seed a row: the intervals are over images and say nothing of what another seed would "
          + "give")
    }
    // Of predictions made elsewhere nothing is known that these could be about.
    if !deltas.isEmpty, !section.rows.allSatisfy(\.run.isMadeElsewhere) {
      lines += section.task.limits
    }
    return lines
  }
}

extension ComparisonSection {
  /// What stands beside the numbers: of single trainings an interval, of several their deviation.
  var spread: String {
    let cells = rows.flatMap(\.cells.values)
    var parts: [String] = []
    if cells.contains(where: { $0.seeds == nil && $0.interval != nil }) {
      parts.append(" with 95 % intervals over images")
    }
    if cells.contains(where: { $0.seeds != nil }) {
      parts.append(" ± the standard deviation over trainings")
    }
    return "%" + parts.joined(separator: ", or")
  }
}
