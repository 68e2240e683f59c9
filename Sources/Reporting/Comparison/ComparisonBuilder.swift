import Evaluation
import FileSupport
import Foundation

/// Makes a comparison of stored runs: what belongs in one table, against what it is tested, and how.
///
/// Nothing is computed but statistics: no model and, but for the gallery, no data set is touched.
public struct ComparisonBuilder {
  /// Name of the row that others are compared with; nil for the supervised ones.
  public var baseline: String?
  /// Random swaps of a permutation test; the family's first step may ask for more.
  public var resampleCount = 1000
  /// Seed of the swaps.
  public var seed: UInt64 = 0
  /// The form of McNemar's test.
  public var mcNemar = McNemar.exact
  /// Differences that do not matter, declared before the report.
  public var margins = Margins.published
  /// Where outcomes of permutation tests are kept; nil to keep none.
  public var cache: String?
  /// Folder with the published figures; nil to show none.
  public var references: String?
  /// Images of the gallery of each row: so many gains and so many losses.
  public var galleryCount = 6
  /// Draws images for the gallery of a run against another, in their order.
  public var pictures: GalleryPictures.Source = { _, _, images in
    images.map { _ in GalleryPictures() }
  }
  /// Draws what a run shows by itself of single images: where its network looks.
  public var ownPictures: RunPictures.Source = { _ in [] }
  /// Whether the report is also made against every other row.
  public var offersBaselines = false

  /// The run that others are compared with, by its folder: when two runs are compared.
  var baselinePath: String?
  /// Whether runs of another protocol are tested, too: when the reader asked for just that.
  var toleratesDeviations = false
  let records = RunOutcomes()

  /// The usual comparison, with the supervised baseline.
  public init() {}

  /// Compares the runs of a catalogue.
  ///
  /// - Throws: `FileError` when a published figure or a file of records cannot be read, or no run
  ///   has the name of the baseline.
  public func comparison(_ catalogue: RunCatalogue) throws(FileError) -> Comparison {
    var remarks = catalogue.remarks
    let tester = tester(catalogue.runs)
    var tables: [RowGroups] = []
    for task in Self.tasks(catalogue.runs) {
      let runs = catalogue.runs.filter { $0.result.task == task.name }
      // Whoever compares two runs wants them in one table, whatever was asked.
      let sets = Self.grouped(runs) {
        baselinePath == nil ? $0.tableIdentity : $0.dataIdentity
      }
      if sets.count > 1 {
        remarks.append(
          "\(task.title): \(sets.count) tables, because the runs saw different data or numbers of "
            + "images, or asked different questions; such numbers do not go into one column")
      }
      let ids = RowNames.sections(
        task: task.name,
        data: sets.map { set in
          set[0].tableIdentity.merging(["name": set[0].shownData["name"] ?? ""]) { $1 }
        })
      tables += zip(ids, sets).map { rowGroups(id: $0, task: task, runs: $1) }
    }
    let baselines = try baselines(of: &tables)
    var sections: [ComparisonSection] = []
    for (table, own) in zip(tables, baselines) {
      sections.append(try section(table, baselines: own, tester: tester))
    }
    let family = Self.correct(&sections)
    var made = Comparison(
      sections: sections, leftOut: catalogue.leftOut, remarks: remarks, family: family,
      drawCount: tester.drawCount)
    if offersBaselines { made.choices = try choices(beside: made, of: catalogue) }
    return made
  }

  /// The test of every difference, with swaps enough for a family of as many as there are rows.
  private func tester(_ runs: [StoredRun]) -> DifferenceTest {
    let rows = Self.grouped(runs) { [$0.result.task, $0.group ?? $0.path] }
    var tester = DifferenceTest(
      drawCount: max(resampleCount, SwapTest.drawCount(testCount: max(1, rows.count - 1))),
      seed: seed)
    tester.mcNemar = mcNemar
    tester.margins = margins
    return tester
  }

  private static func tasks(_ runs: [StoredRun]) -> [TaskDescription] {
    let known = TaskDescription.all.filter { task in runs.contains { $0.result.task == task.name } }
    let others = grouped(runs.filter { run in !known.contains { $0.name == run.result.task } }) {
      $0.result.task
    }
    return known + others.map { $0[0].result.description }
  }

  /// Lists of elements with the same key, in the order of their first.
  static func grouped<Key: Hashable>(
    _ runs: [StoredRun], by key: (StoredRun) -> Key
  ) -> [[StoredRun]] {
    var order: [Key] = []
    var groups: [Key: [StoredRun]] = [:]
    for run in runs {
      let own = key(run)
      if groups[own] == nil { order.append(own) }
      groups[own, default: []].append(run)
    }
    return order.compactMap { groups[$0] }
  }

  private func publishedFigures(_ task: TaskDescription) throws(FileError) -> [PublishedFigures] {
    guard let references else { return [] }
    var all: [PublishedFigures] = []
    for name in task.references {
      let path = references + "/" + name
      guard FileManager.default.fileExists(atPath: path) else { continue }
      all.append(try PublishedFigures(path: path))
    }
    return all
  }

  // MARK: Rows

  private func section(
    _ table: RowGroups, baselines baselineIndices: [Int], tester: DifferenceTest
  ) throws(FileError) -> ComparisonSection {
    let (id, task, groups, names) = (table.id, table.task, table.groups, table.names)
    let published = try publishedFigures(task)
    var notes = table.notes
    let networks = Set(baselineIndices.map { groups[$0][0].architecture })
    let shared =
      baselineIndices.first.map { groups[$0][0].protocolSettings }
      ?? Self.mostFrequent(groups.map { $0[0].protocolSettings })
    let isSharedElsewhere = shared["made"] == RunResult.madeElsewhere
    let elsewhere = groups.map { $0[0] }.filter(\.isMadeElsewhere).map(\.name)
    if !elsewhere.isEmpty, elsewhere.count < groups.count {
      notes.append(
        "made elsewhere, so that their training protocol is not known here: "
          + elsewhere.joined(separator: ", "))
    }
    var rows = groups.indices.map { at in
      let run = groups[at][0]
      let other = baselineIndices.first.map { groups[$0][0].architecture }
      return ComparisonRow(
        slug: names.slugs[at], name: names.titles[at], handle: names.handles[at],
        anchor: names.anchors[at],
        runs: groups[at], isBaseline: baselineIndices.contains(at),
        // What is not known of a protocol cannot be compared.
        deviations: run.isMadeElsewhere != isSharedElsewhere
          ? [] : ProtocolDifference.between(shared, run.protocolSettings).map(\.sentence),
        baselineNetwork: networks.contains(run.architecture) ? nil : other, cells: [:])
    }
    let metrics = Self.columns(task, rows)
    if baselineIndices.isEmpty {
      notes.append(
        baseline.map { "\($0) is not among these, so nothing is compared" }
          ?? "no run whose stored method is supervised among these, so nothing is compared; name one "
          + "with --baseline")
    }
    let bases = rows.filter(\.isBaseline)
    let primary = metrics.first { $0.test != .none }
    for at in rows.indices {
      let base = Self.baseline(of: rows[at], among: bases)
      for metric in metrics {
        rows[at].cells[metric.key] = try cell(
          metric, id, rows[at], base, tester,
          role: metric.key == primary?.key ? .primary : .exploratory)
      }
    }
    func value(_ row: ComparisonRow) -> Double {
      guard let metric = metrics.first, let cell = row.cells[metric.key] else {
        return -.infinity
      }
      return metric.moreIsBetter ? cell.value : -cell.value
    }
    rows =
      rows.filter(\.isBaseline) + rows.filter { !$0.isBaseline }.sorted { value($0) > value($1) }
    var confusions: [String: [Confusion]] = [:]
    var shown: [String: [RunPictures]] = [:]
    var details: [RowDetail] = []
    let rowDetails = RowDetails(records: records)
    for row in rows {
      confusions[row.slug] = try rowDetails.confusions(row.run)
      if galleryCount > 0 { shown[row.slug] = ownPictures(row.run) }
      guard let base = Self.baseline(of: row, among: bases), row.deviations.isEmpty else {
        continue
      }
      details.append(
        try rowDetails.detail(row, base: base, galleryCount: galleryCount, pictures: pictures))
    }
    return ComparisonSection(
      id: id, task: task,
      data: baselinePath == nil ? table.runs[0].shownData : table.runs[0].result.data,
      metrics: metrics, rows: rows,
      details: details, confusions: confusions, pictures: shown, published: published, notes: notes)
  }

  /// The baseline of the same network, else the first; nil for a baseline.
  private static func baseline(
    of row: ComparisonRow, among bases: [ComparisonRow]
  ) -> ComparisonRow? {
    row.isBaseline
      ? nil : bases.first { $0.run.architecture == row.run.architecture } ?? bases.first
  }

  private static func mostFrequent(_ settings: [[String: String]]) -> [String: String] {
    let counts = settings.map { one in settings.count { $0 == one } }
    let best = counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) }
    return best.map { settings[$0] } ?? [:]
  }

  /// The task's numbers that a row has, one of each family.
  private static func columns(
    _ task: TaskDescription, _ rows: [ComparisonRow]
  ) -> [MetricDescription] {
    var families: Set<String> = []
    return task.metrics(for: rows.map(\.run.result.settings)).filter { metric in
      rows.contains { $0.run.result.metrics[metric.key] != nil }
        && (metric.family.map { families.insert($0).inserted } ?? true)
    }
  }

  // MARK: Cells

  private func cell(
    _ metric: MetricDescription, _ section: String, _ row: ComparisonRow, _ base: ComparisonRow?,
    _ tester: DifferenceTest, role: Delta.Role
  ) throws(FileError) -> ComparisonCell? {
    guard let first = row.run.result.metrics[metric.key] else { return nil }
    let outcomes = RowOutcomes(records: records, cache: cache)
    let values = try outcomes.seedValues(row, metric)
    let mean = values.isEmpty ? first.value : Spread(values).mean
    var interval = first.interval
    if row.runs.count > 1 {
      interval =
        metric.test == .paired && (0...1).contains(mean)
        ? Proportions.wilson(
          successes: Int((mean * Double(first.count)).rounded()), of: first.count) : nil
    }
    var delta: Delta?
    var untested: String?
    var raw: Double?
    if let base {
      let other = try outcomes.seedValues(base, metric)
      if !other.isEmpty { raw = mean - Spread(other).mean }
      if !row.deviations.isEmpty, !toleratesDeviations {
        (untested, raw) = ("another protocol", nil)
      } else if metric.test == .none {
        untested = "no outcomes of single images"
      } else if let own = try outcomes.outcomes(row, metric),
        let against = try outcomes.outcomes(base, metric)
      {
        let judgement = tester.judge(metric, own, against: against, role: role) { test in
          outcomes.swaps(row, base, tester, test)
        }
        delta = judgement.delta
        if case .untested(let reason, _) = judgement { untested = reason }
      } else {
        untested = "not the same images, or no records of them"
      }
    }
    return ComparisonCell(
      id: "\(section)/\(row.slug)/\(metric.key)", metric: metric, value: mean, interval: interval,
      count: first.count, seeds: values.count > 1 ? Spread(values) : nil, delta: delta,
      untested: untested, rawDifference: delta == nil ? raw : nil)
  }

  /// Holm's correction over the primary numbers of the report; returns the family's cells.
  private static func correct(_ sections: inout [ComparisonSection]) -> [String] {
    var places: [(section: Int, row: Int, metric: String)] = []
    var deltas: [Delta] = []
    for section in sections.indices {
      for row in sections[section].rows.indices {
        for metric in sections[section].metrics {
          guard let delta = sections[section].rows[row].cells[metric.key]?.delta else { continue }
          places.append((section, row, metric.key))
          deltas.append(delta)
        }
      }
    }
    Delta.correct(&deltas)
    var family: [String] = []
    for (place, delta) in zip(places, deltas) {
      sections[place.section].rows[place.row].cells[place.metric]?.delta = delta
      guard delta.role == .primary else { continue }
      let row = sections[place.section].rows[place.row]
      family.append(row.cells[place.metric]?.id ?? row.slug)
    }
    return family
  }
}
