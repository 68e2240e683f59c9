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

  private func provenance(
    _ section: ComparisonSection, _ row: ComparisonRow, _ metric: MetricDescription,
    _ cell: ComparisonCell
  ) -> Provenance {
    Provenance(
      id: cell.id, number: measuredText(cell),
      facts: cellFacts(section, row, metric, cell) + runFacts(section, row))
  }

  /// What is the number's own: how it was measured and compared.
  func cellFacts(
    _ section: ComparisonSection, _ row: ComparisonRow, _ metric: MetricDescription,
    _ cell: ComparisonCell
  ) -> [Provenance.Fact] {
    var facts = Facts()
    facts.add(
      "what", "\(metric.title) of \(row.name), \(section.task.title.lowercased()), measured here")
    facts.add("n", "\(cell.count) images")
    if let interval = cell.interval {
      facts.add(
        "interval",
        "[\(metric.unit.text(interval.low)), \(metric.unit.text(interval.high))]"
          + "\(metric.unit == .percent ? " %" : ""), 95 %, over images")
    }
    if let seeds = cell.seeds { facts.add("seeds", seedSummary(seeds, metric.unit)) }
    if let delta = cell.delta {
      facts.add("against", "\(delta.baseline): \(deltaSummary(delta))")
      facts.add("test", delta.explanation)
      facts.add(
        "p-value",
        delta.role == .primary
          ? "\(probability(delta.pValue)) alone, \(probability(delta.adjustedPValue)) after Holm's "
            + "correction over \(testCount) primary numbers"
          : "\(probability(delta.pValue)), exploratory: not corrected")
      if delta.role == .primary, delta.level != Delta.significance {
        facts.add("interval alone", "\(delta.intervalAloneText), 95 %")
      }
      facts.add("power", delta.powerText)
    }
    facts.add("untested", cell.untested)
    if let raw = cell.rawDifference {
      facts.add(
        "difference", "\(metric.unit.difference(raw)) \(metric.unit.name), not judged")
    }
    facts.add("deviates", row.deviations.joined(separator: "; "))
    facts.add(
      "baseline",
      row.baselineNetwork.map {
        "none of network \(row.architecture); compared with one of \($0)"
      })
    return facts.list
  }

  /// What all numbers of a row share: weights, data, protocol, commands.
  func runFacts(_ section: ComparisonSection, _ row: ComparisonRow) -> [Provenance.Fact] {
    var facts = Facts()
    let run = row.run
    facts.add("network", row.architecture)
    for (name, text) in [
      ("method", run.method), ("weights", run.result.backbone["sha256"]),
      ("layout", run.result.backbone["layout"]),
      ("network known by", run.result.backbone["known by"]),
    ] { facts.add(name, text) }
    facts.add("data", section.dataSummary)
    for key in run.result.data.keys.sorted()
    where !["name", "classes"].contains(key) && !key.hasSuffix("images") {
      facts.add("data, \(key)", run.result.data[key])
    }
    facts.add(
      "protocol",
      run.result.settings.merging(run.arithmetic) { own, _ in own }
        .sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        .joined(separator: "; "))
    for member in row.runs {
      facts.add("command", member.command ?? "not noted by the run")
      facts.add("run", member.path)
      for (name, digest) in member.result.files.sorted(by: { $0.key < $1.key }) {
        facts.add("records", "\(name) \(digest)")
      }
    }
    facts.add(
      "engine",
      run.engine.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    if !run.result.isSealed { facts.add("remark", "the result carries no digest") }
    return facts.list
  }
}

/// Facts as they are gathered; what is empty is left out.
private struct Facts {
  private(set) var list: [Provenance.Fact] = []

  mutating func add(_ name: String, _ text: String?) {
    if let text, !text.isEmpty { list.append(.init(name: name, text: text)) }
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
