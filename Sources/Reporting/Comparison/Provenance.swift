import Evaluation

/// Where a number comes from.
public struct Provenance: Sendable, Equatable {
  /// A fact: its name and what it is.
  public struct Fact: Sendable, Equatable {
    /// What the fact is about.
    public let name: String
    /// The fact.
    public let text: String
  }

  /// The cell's name, and its number as the tables show it.
  public let id: String, number: String
  /// The facts in reading order.
  public let facts: [Fact]

  /// The facts as lines of text.
  public var text: String {
    let width = facts.map(\.name.count).max() ?? 0
    return
      ([id + ": " + number]
      + facts.map { fact in
        let space = String(repeating: " ", count: width - fact.name.count)
        return "  \(fact.name)\(space)  \(fact.text)"
      }).joined(separator: "\n")
  }
}

extension Comparison {
  /// Where the number of a cell comes from; nil when there is no such cell.
  public func provenance(of id: String) -> Provenance? {
    guard let place = cells.first(where: { $0.cell.id == id }) else { return nil }
    return provenance(place.section, place.row, place.metric, place.cell)
  }

  func provenance(
    _ section: ComparisonSection, _ row: ComparisonRow, _ metric: MetricDescription,
    _ cell: ComparisonCell
  ) -> Provenance {
    var facts: [Provenance.Fact] = []
    func add(_ name: String, _ text: String?) {
      if let text, !text.isEmpty { facts.append(.init(name: name, text: text)) }
    }
    let run = row.run
    add("what", "\(metric.title) of \(row.name), \(section.task.title.lowercased()), measured here")
    add("n", "\(cell.count) images")
    if let interval = cell.interval {
      add(
        "interval",
        "[\(metric.unit.text(interval.low)), \(metric.unit.text(interval.high))]"
          + "\(metric.unit == .percent ? " %" : ""), 95 %, over images")
    }
    if let seeds = cell.seeds {
      add("seeds", seedSummary(seeds, metric.unit))
    }
    if let delta = cell.delta {
      add("against", "\(delta.baseline): \(deltaSummary(delta))")
      add("test", delta.explanation)
      add(
        "p-value",
        delta.role == .primary
          ? "\(probability(delta.pValue)) alone, \(probability(delta.adjustedPValue)) after Holm's "
            + "correction over \(testCount) primary numbers"
          : "\(probability(delta.pValue)), exploratory: not corrected")
      if delta.role == .primary, delta.level != Delta.significance {
        add("interval alone", "\(delta.intervalAloneText), 95 %")
      }
      add("power", delta.powerText)
    }
    add("untested", cell.untested)
    if let raw = cell.rawDifference {
      add("difference", "\(metric.unit.difference(raw)) \(metric.unit.name), not judged")
    }
    add("network", row.run.architecture)
    for (name, text) in [
      ("weights", run.result.backbone["sha256"]), ("layout", run.result.backbone["layout"]),
      ("network known by", run.result.backbone["known by"]),
    ] { add(name, text) }
    add("data", section.dataSummary)
    for key in run.result.data.keys.sorted()
    where !["name", "classes"].contains(key) && !key.hasSuffix("images") {
      add("data, \(key)", run.result.data[key])
    }
    add(
      "protocol",
      run.result.settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        .joined(separator: "; "))
    add("deviates", row.deviations.joined(separator: "; "))
    for member in row.runs {
      add("command", member.command ?? "not noted by the run")
      add("run", member.path)
      for (name, digest) in member.result.files.sorted(by: { $0.key < $1.key }) {
        add("records", "\(name) \(digest)")
      }
    }
    add(
      "engine",
      run.engine.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    if !run.result.isSealed { add("remark", "the result carries no digest") }
    return Provenance(id: cell.id, number: measuredText(cell), facts: facts)
  }
}

/// Mean, deviation and all values of the seeds.
func seedSummary(_ seeds: Spread, _ unit: MetricUnit) -> String {
  "\(unit.text(seeds.mean)) ± \(unit.deviation(seeds.deviation)) over \(seeds.values.count): "
    + seeds.values.map { unit.text($0) }.joined(separator: ", ")
}

/// Difference, interval, p-value and word: `+2.00 [−0.31, +4.10], p 0.12, undecided`.
func deltaSummary(_ delta: Delta) -> String {
  "\(delta.text) \(delta.intervalText), p "
    + "\(probability(delta.adjustedPValue)), \(delta.word)"
}

/// The number of a cell with deviation over seeds or interval over images.
func measuredText(_ cell: ComparisonCell) -> String {
  if let seeds = cell.seeds {
    return cell.metric.unit.text(cell.value) + " ± "
      + cell.metric.unit.deviation(seeds.deviation)
  }
  return cell.metric.unit.text(cell.value, cell.interval)
}
