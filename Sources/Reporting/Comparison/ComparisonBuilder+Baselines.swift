import FileSupport
import Foundation

/// Runs of one table sorted into rows, before anything is compared.
struct RowGroups {
  /// The part of the cells' names that is the table's.
  let id: String
  let task: TaskDescription
  /// Every run of the table, and those of each row, a training once.
  let runs: [StoredRun], groups: [[StoredRun]]
  let names: RowNames
  /// What was left out, and other things to know.
  var notes: [String]

  /// Positions of the rows that a reader may mean by a name, whatever its case.
  func rows(named name: String, _ own: (Int) -> String) -> [Int] {
    groups.indices.filter { own($0).lowercased() == name.lowercased() }
  }

  func hasNamesakes(_ rows: [Int]) -> Bool {
    Set(rows.map { groups[$0][0].architecture }).count < rows.count
  }
}

extension ComparisonBuilder {
  private struct RowKey: Hashable {
    let backbone: [String: String], settings: [String: String]
    /// Keeps two runs apart that are to be compared with each other.
    let path: String

    func digest(_ run: StoredRun) -> String {
      RowNames.digest(
        backbone, settings, run.dataIdentity, ["task": run.result.task, "path": path])
    }
  }

  private func key(_ run: StoredRun) -> RowKey {
    RowKey(
      backbone: run.methodIdentity, settings: run.rowSettings,
      path: baselinePath == nil ? "" : run.path)
  }

  /// Sorts the runs of a table into rows.
  func rowGroups(id: String, task: TaskDescription, runs: [StoredRun]) -> RowGroups {
    var notes: [String] = []
    var groups = Self.grouped(runs, by: key)
    for at in groups.indices { groups[at] = Self.withoutTwins(groups[at], &notes) }
    notes += Self.sharedPredictions(groups.flatMap { $0 })
    let names = RowNames(
      names: groups.map { $0[0].name }, networks: groups.map { $0[0].architecture },
      keys: groups.map { key($0[0]).digest($0[0]) }, task: task.name)
    if let mixed = Self.mixedVersions(groups, names.titles) { notes.append(mixed) }
    return RowGroups(id: id, task: task, runs: runs, groups: groups, names: names, notes: notes)
  }

  /// Which rows another version of the engine made than most; nil where all are of one.
  private static func mixedVersions(_ groups: [[StoredRun]], _ titles: [String]) -> String? {
    var rows: [String: [String]] = [:]
    for (group, title) in zip(groups, titles) {
      for version in Set(group.compactMap { $0.engine["version"] }) {
        rows[version, default: []].append(title)
      }
    }
    // Of as many rows the newer one is the usual.
    let versions = rows.keys.sorted { a, b in
      let counts = (rows[a]?.count ?? 0, rows[b]?.count ?? 0)
      return counts.0 == counts.1
        ? a.compare(b, options: .numeric) == .orderedDescending : counts.0 > counts.1
    }
    guard versions.count > 1 else { return nil }
    let others = versions.dropFirst().map {
      "\((rows[$0] ?? []).joined(separator: ", ")) by \($0)"
    }
    return "versions of the engine are mixed, so that a difference may be of theirs: "
      + "\(others.joined(separator: "; ")), the others by \(versions[0])"
  }

  /// The rows that others are compared with, one a network: positions in each table.
  ///
  /// - Throws: `FileError` when the name that was asked for is none, or of several rows of a network.
  func baselines(of tables: inout [RowGroups]) throws(FileError) -> [[Int]] {
    if let baselinePath {
      return tables.map { table in
        table.groups.indices.filter { table.groups[$0][0].path == baselinePath }
      }
    }
    guard let baseline else { return tables.indices.map { Self.supervised(&tables[$0]) } }
    let shown = tables.map { table in table.rows(named: baseline) { table.names.titles[$0] } }
    let own = tables.map { table in table.rows(named: baseline) { table.groups[$0][0].name } }
    // A row that shows a longer name in one table may have its own for itself in another.
    let elsewhere = zip(tables, shown).compactMap { table, rows in
      rows.first.map { table.groups[$0][0].name }
    }.first
    guard elsewhere != nil || !own.joined().isEmpty else {
      throw FileError(
        path: baseline, problem: "is the name of no run",
        remedy: "give --baseline one of "
          + Set(tables.flatMap(\.names.handles)).sorted().joined(separator: ", "),
        exitCode: .usage)
    }
    var baselines: [[Int]] = []
    for at in tables.indices {
      guard shown[at].isEmpty else {
        baselines.append(Array(shown[at].prefix(1)))
        continue
      }
      guard tables[at].hasNamesakes(own[at]) else {
        let names = tables[at].groups.map { $0[0].name }
        let rows =
          own[at].isEmpty
          ? elsewhere.map { tables[at].rows(named: $0) { names[$0] } } ?? [] : own[at]
        baselines.append(tables[at].hasNamesakes(rows) ? [] : rows)
        continue
      }
      throw FileError(
        path: baseline, problem: "is the name of several rows of \(tables[at].id)",
        remedy: "give --baseline one of "
          + own[at].map { tables[at].names.titles[$0] }.joined(separator: ", "),
        exitCode: .usage)
    }
    return baselines
  }

  /// The supervised row of each network; where there are several, the one whose protocol most rows
  /// have, which a note tells.
  private static func supervised(_ table: inout RowGroups) -> [Int] {
    let groups = table.groups
    // The method that the run stores; runs from before it was stored were named by their method.
    let all = groups.indices.filter {
      (groups[$0][0].method ?? groups[$0][0].name).lowercased() == "supervised"
    }
    var networks: [String] = []
    for at in all where !networks.contains(groups[at][0].architecture) {
      networks.append(groups[at][0].architecture)
    }
    let protocols = groups.map { $0[0].protocolSettings }
    func rank(_ at: Int) -> (Int, Int, Int) {
      (
        protocols.count { $0 == protocols[at] }, groups[at][0].arithmetic.isEmpty ? 1 : 0, -at
      )
    }
    return networks.compactMap { network in
      let own = all.filter { groups[$0][0].architecture == network }
      guard let best = own.max(by: { rank($0) < rank($1) }) else { return nil }
      if own.count > 1 {
        table.notes.append(
          "\(table.names.titles[best]) is the baseline of network \(network), of the supervised "
            + own.map { table.names.titles[$0] }.joined(separator: ", ")
            + "; name another with --baseline")
      }
      return best
    }.sorted()
  }
}
