import Evaluation

/// The tables of a section as every written format shows them.
struct SectionTables {
  let section: ComparisonSection
  let testCount: Int

  /// Rows of methods, columns of numbers.
  var numbers: Table {
    var table = Table(
      caption: "\(section.task.title), \(section.dataSummary): measured; % with 95 % intervals",
      columns: [.init("method", isNumeric: false), .init("network", isNumeric: false)]
        + section.metrics.map { .init($0.title) })
    for row in section.rows {
      table.add(
        [row.markedName + (row.isBaseline ? " (baseline)" : ""), row.architecture]
          + section.metrics.map { row.cells[$0.key].map(measuredText) ?? "-" })
    }
    table.notes = notes
    return table
  }

  /// One line a difference; nil when nothing was tested.
  var differences: Table? {
    var table = Table(
      caption: "Against the supervised baseline: points with 95 % intervals",
      columns: [
        .init("method", isNumeric: false), .init("number", isNumeric: false),
        .init("baseline", isNumeric: false), .init("difference"), .init("interval"), .init("p"),
        .init("p, Holm"), .init("word", isNumeric: false),
      ])
    for row in section.rows {
      for metric in section.metrics {
        guard let delta = row.cells[metric.key]?.delta else { continue }
        table.add([
          row.name, metric.title, delta.baseline, delta.text,
          delta.intervalText,
          probability(delta.pValue), probability(delta.adjustedPValue), delta.verdict.rawValue,
        ])
      }
    }
    guard !table.rows.isEmpty else { return nil }
    if let names = section.baselines.first?.name, !names.lowercased().contains("supervised") {
      table.caption = "Against \(names): points with 95 % intervals"
    }
    table.notes = detectionNotes
    return table
  }

  /// Published figures of the task, each with its mark.
  var published: [Table] {
    section.published.filter { $0.origin == .published }.map(\.table)
  }

  private var notes: [String] {
    var lines = section.notes
    for row in section.rows where !row.deviations.isEmpty {
      lines.append(
        "† \(row.name): another protocol, so it is not compared: "
          + row.deviations.joined(separator: "; "))
    }
    for row in section.rows {
      for metric in section.metrics {
        guard let seeds = row.cells[metric.key]?.seeds else { continue }
        lines.append("\(row.name), \(metric.title): \(seedSummary(seeds, metric.unit))")
      }
    }
    return lines
  }

  /// What the table could have found, and what it says nothing of.
  var detectionNotes: [String] {
    var lines = section.detectable(testCount: testCount).map { entry in
      "\(entry.metric.title): a true difference of \(entry.metric.unit.deviation(entry.alone)) "
        + "\(entry.metric.unit.name) is found four times out of five, one of "
        + "\(entry.metric.unit.deviation(entry.all)) as the first of \(testCount) "
        + "tests; smaller ones end as a tie more often"
    }
    lines.append(
      "better and worse hold after Holm's correction over the report's \(testCount) tests at 5 %")
    let deltas = section.rows.flatMap { $0.cells.values.compactMap(\.delta) }
    let areSeeded = deltas.contains { if case .seeds = $0.method { true } else { false } }
    if !areSeeded {
      lines.append(
        "one seed a row: the intervals are over images and say nothing of what another seed would "
          + "give")
    }
    return lines
  }
}
