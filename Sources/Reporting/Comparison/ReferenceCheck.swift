import FileSupport
import Foundation

/// Numbers that runs are expected to give, with the room that is left for other machines.
public struct ReferenceCheck: Sendable {
  /// One expectation and what became of it.
  public struct Finding: Sendable, Equatable {
    /// What was expected: method, network, metric, and where it stands.
    public let expectation: String
    /// The cell that was held against it; nil when no run matches.
    public let cell: String?
    /// The expected number, the room around it, and the measured one; fractions.
    public let expected: Double, tolerance: Double, measured: Double?
    /// Whether the measured number lies inside.
    public var passes: Bool { measured.map { abs($0 - expected) <= tolerance + 1e-12 } ?? false }
  }

  /// Expectations that a run matches, in the files' order.
  public let findings: [Finding]
  /// Figures of a run's method and network that are of another configuration, and why, each once.
  public let unlike: [String]
  /// Files that were read.
  public let files: [String]

  /// Whether something was compared and all of it lies inside.
  public var passes: Bool { !findings.isEmpty && findings.allSatisfy(\.passes) }

  /// Holds a comparison against the files of a folder.
  ///
  /// A file says what runs it is about by `check`: the data's validation images, the settings of each
  /// configuration, and the room in which a number may lie. Its figures match rows by method, network
  /// and configuration: detector, schedule, test size, crop. How a run was trained that was only
  /// scored is not stored; then somebody has to say it.
  ///
  /// - Parameters:
  ///   - synonyms: The names of each network that has several.
  ///   - declared: The configuration of runs that were only scored.
  /// - Throws: `FileError` when a file cannot be read, or none has the configuration.
  public init(
    _ comparison: Comparison, folder: String, synonyms: [[String]] = [], declared: String? = nil
  ) throws(FileError) {
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasSuffix(".json") }.sorted()
    guard !names.isEmpty else {
      throw FileError(
        path: folder, problem: "holds no files of figures",
        remedy: "name a folder like reports/reference", exitCode: .missingFile)
    }
    files = names.map { folder + "/" + $0 }
    var findings: [Finding] = []
    var unlike: [String] = []
    var kept: [(path: String, figures: PublishedFigures, scope: CheckScope)] = []
    for path in files {
      let figures = try PublishedFigures(path: path)
      if let scope = figures.scope { kept.append((path, figures, scope)) }
    }
    if let declared {
      let known = Set(
        kept.flatMap { $0.figures.figures.map(\.configurationName) + $0.scope.configurations.keys })
      guard known.contains(where: { $0.lowercased() == declared.lowercased() }) else {
        // A figure without a configuration goes by its protocol, a sentence that nobody types.
        let names = Set(kept.flatMap { $0.figures.figures.compactMap(\.configuration) })
        throw FileError(
          path: declared, problem: "is no configuration of the figures in \(folder)",
          remedy: "give --configuration one of " + names.sorted().joined(separator: "; "),
          exitCode: .usage)
      }
    }
    for (path, figures, scope) in kept {
      for place in comparison.cells where scope.covers(place.section) {
        let candidates = figures.figures.filter { figure in
          guard figure.isVerified, figure.isComparable, figure.metric == place.metric.key,
            figure.describes(place.row, synonyms: synonyms)
          else { return false }
          guard let reason = scope.mismatch(place.row.run, figure, declared: declared) else {
            return true
          }
          let line = "\(place.row.name) is not held against \(figure.configurationName): \(reason)"
          if !unlike.contains(line) { unlike.append(line) }
          return false
        }
        // Checkpoints do not say how long they were trained; the released ones are the longest.
        let longest = candidates.compactMap(\.epochs).max()
        for figure in candidates where figure.epochs == longest {
          findings.append(
            Finding(
              expectation: [figure.method, figure.architecture, figure.configuration]
                .compactMap { $0 }.joined(separator: " ")
                + " \(place.metric.title), " + (path as NSString).lastPathComponent,
              cell: place.cell.id, expected: figure.value,
              tolerance: figure.tolerance ?? scope.tolerance, measured: place.cell.value))
        }
      }
    }
    self.findings = findings
    self.unlike = unlike
  }

  /// The findings as a table.
  public var table: Table {
    var table = Table(
      caption: "Measured numbers against \(files.count) files of expected ones; %",
      columns: [
        .init("expected of", isNumeric: false), .init("cell", isNumeric: false), .init("expected"),
        .init("room"), .init("measured"), .init("verdict", isNumeric: false),
      ])
    for finding in findings {
      table.add([
        finding.expectation, finding.cell ?? "-", percentage(finding.expected),
        "± \(percentage(finding.tolerance))", finding.measured.map { percentage($0) } ?? "-",
        finding.passes ? "inside" : "OUTSIDE",
      ])
    }
    if findings.isEmpty {
      table.notes.append("no run matches a figure, so nothing was checked and nothing has passed")
    }
    table.notes += unlike
    return table
  }
}

extension CheckScope {
  /// Why a figure is not of what a run did; nil when it is.
  func mismatch(_ run: StoredRun, _ figure: PublishedFigure, declared: String?) -> String? {
    let stored = run.result.settings.filter { $0.value != RunResult.asPredicted }
    func different(_ wanted: [String: String]) -> [String] {
      let own = stored.filter { wanted[$0.key] != nil }
      let known = wanted.filter { own[$0.key] != nil }
      return ProtocolDifference.between(known, own).map(\.sentence)
    }
    let scoring = different(evaluation)
    guard scoring.isEmpty else { return scoring.joined(separator: "; ") }
    guard !configurations.isEmpty else { return nil }
    let name = figure.configurationName
    let isOnlyScored = run.isMadeElsewhere || !run.isTrained
    if isOnlyScored, let declared {
      guard declared.lowercased() == name.lowercased() else { return "it is a \(declared)" }
    }
    guard let wanted = configurations[name] else {
      return isOnlyScored && declared != nil ? nil : "nothing here is trained so"
    }
    let differences = different(wanted)
    guard differences.isEmpty else { return differences.joined(separator: "; ") }
    let missing = wanted.keys.filter { stored[$0] == nil }.sorted()
    guard !missing.isEmpty, !(isOnlyScored && declared != nil) else { return nil }
    return "the run does not say its " + missing.joined(separator: ", ")
      + (isOnlyScored ? "; name its configuration with --configuration" : "")
  }

  func covers(_ section: ComparisonSection) -> Bool {
    task == section.task.name && section.imageCount == String(imageCount)
      && (dataHash == nil || dataHash == section.data["validation"] ?? section.data["test"])
  }
}

extension PublishedFigure {
  /// What a run has to be: detector and schedule, else the protocol.
  var configurationName: String { configuration ?? protocolSummary }

  /// Whether a row is of this method and network: it stores the method, or its name is the method or a
  /// file's name that holds it as a word.
  func describes(_ row: ComparisonRow, synonyms: [[String]]) -> Bool {
    func words(_ text: String) -> [String] {
      text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }
    let own = row.architecture
    let sameNetwork =
      own == architecture
      || synonyms.contains { $0.contains(own) && $0.contains(architecture) }
    let method = words(self.method)
    let names = [row.run.name, row.run.method ?? ""].map(words)
    return sameNetwork && !method.isEmpty
      && names.contains { name in method.allSatisfy(name.contains) }
  }
}
