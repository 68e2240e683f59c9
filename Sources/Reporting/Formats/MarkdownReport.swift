import Evaluation

extension Comparison {
  /// The report as Markdown.
  public var markdown: String { markdown(showsPublished: true) }

  /// The report as Markdown.
  ///
  /// - Parameter showsPublished: Whether published figures follow; a terminal has other things to
  ///   show.
  public func markdown(showsPublished: Bool) -> String {
    func escaped(_ text: String) -> String { MarkdownText.escaped(text) }
    var parts = ["# Comparison", summary.map { "- " + escaped($0) }.joined(separator: "\n")]
    for section in sections {
      let tables = SectionTables(section: section, testCount: testCount)
      parts.append("## " + escaped("\(section.task.title): \(section.data["name"] ?? "?")"))
      parts.append(tables.numbers.markdown)
      if let differences = tables.differences { parts.append(differences.markdown) }
      for detail in section.details where !detail.classes.isEmpty {
        parts.append(classTable(detail, section).markdown)
      }
      if showsPublished { parts += tables.published.map(\.markdown) }
    }
    if !leftOut.isEmpty {
      parts.append("## Left out")
      parts.append(
        leftOut.map { "- " + escaped("\($0.path): \($0.reason)") }.joined(separator: "\n") + "\n")
    }
    return parts.joined(separator: "\n\n").replacing("\n\n\n", with: "\n\n")
  }

  /// What a reader should know first, one sentence each.
  var summary: [String] {
    var lines: [String] = []
    for section in sections {
      guard let metric = section.primaryMetric else { continue }
      for row in section.rows {
        guard let cell = row.cells[metric.key] else { continue }
        let place = "\(section.task.title), \(metric.title): \(row.name)"
        if let delta = cell.delta {
          lines.append(
            "\(place) \(sentence(delta)), \(delta.text) \(metric.unit.name) \(delta.intervalText), p "
              + "\(probability(delta.adjustedPValue)) (measured, n = \(delta.imageCount))")
        } else if let raw = cell.rawDifference, let reason = cell.untested {
          lines.append(
            "\(place) is not judged, \(metric.unit.difference(raw)) \(metric.unit.name): \(reason)")
        }
      }
    }
    if !family.isEmpty {
      lines.append(
        "the family of \(testCount) under Holm's correction: \(family.joined(separator: ", "))"
          + (exploratoryCount > 0 ? "; \(exploratoryCount) other tests are exploratory" : ""))
    }
    if runs.isEmpty { lines.append("no run could be read") }
    lines += remarks
    if !leftOut.isEmpty {
      lines.append(
        "\(leftOut.count) of \(leftOut.count + runs.count) runs are left out; the reasons stand at "
          + "the end")
    }
    return lines
  }

  /// The word of a difference as the middle of a sentence.
  private func sentence(_ delta: Delta) -> String {
    switch delta.verdict {
    case .better, .worse: "is \(delta.verdict.rawValue) than \(delta.baseline)"
    case .equivalent:
      "is equivalent to \(delta.baseline) within "
        + "\(delta.metric.unit.deviation(delta.margin?.value ?? 0)) \(delta.metric.unit.name)"
    case .undecided:
      "against \(delta.baseline) is undecided (\(delta.powerText))"
    }
  }

  private func classTable(_ detail: RowDetail, _ section: ComparisonSection) -> Table {
    let shown = 5
    var table = Table(
      caption: "Classes in which \(detail.name) and \(detail.baseline) differ most, "
        + "\(section.task.classMetric) in %; not tested one by one",
      columns: [
        .init("class", isNumeric: false), .init(detail.baseline), .init(detail.name),
        .init("difference"), .init("n"),
      ])
    let classes = detail.classes
    let picked =
      classes.count <= 2 * shown ? classes : Array(classes.prefix(shown) + classes.suffix(shown))
    for entry in picked {
      table.add([
        entry.name, percentage(entry.baseline), percentage(entry.value),
        points(entry.value - entry.baseline), String(entry.count),
      ])
    }
    return table
  }
}
