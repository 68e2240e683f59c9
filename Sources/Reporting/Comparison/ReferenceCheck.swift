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
  /// Files that were read.
  public let files: [String]

  /// Whether something was compared and all of it lies inside.
  public var passes: Bool { !findings.isEmpty && findings.allSatisfy(\.passes) }

  /// Holds a comparison against the files of a folder.
  ///
  /// A file says what runs it is about by `check`: the data's validation images, and the room in
  /// which a number may lie. Its figures match rows by method and network.
  ///
  /// - Parameter synonyms: The names of each network that has several.
  /// - Throws: `FileError` when a file cannot be read.
  public init(
    _ comparison: Comparison, folder: String, synonyms: [[String]] = []
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
    for path in files {
      let figures = try PublishedFigures(path: path)
      guard let scope = figures.scope else { continue }
      for place in comparison.cells where scope.covers(place.section) {
        let candidates = figures.figures.filter {
          $0.isVerified && $0.isComparable && $0.metric == place.metric.key
            && $0.describes(place.row, synonyms: synonyms)
        }
        // Checkpoints do not say how long they were trained; the released ones are the longest.
        let longest = candidates.compactMap(\.epochs).max()
        for figure in candidates where figure.epochs == longest {
          findings.append(
            Finding(
              expectation: "\(figure.method) \(figure.architecture) \(place.metric.title), "
                + (path as NSString).lastPathComponent,
              cell: place.cell.id, expected: figure.value,
              tolerance: figure.tolerance ?? scope.tolerance, measured: place.cell.value))
        }
      }
    }
    self.findings = findings
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
    return table
  }
}

extension CheckScope {
  func covers(_ section: ComparisonSection) -> Bool {
    task == section.task.name && section.imageCount == String(imageCount)
      && (dataHash == nil || dataHash == section.data["validation"] ?? section.data["test"])
  }
}

extension PublishedFigure {
  /// Whether a row is of this method and network: the name is the method, or a file's name that
  /// holds it as a word.
  func describes(_ row: ComparisonRow, synonyms: [[String]]) -> Bool {
    func words(_ text: String) -> [String] {
      text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    }
    let own = row.architecture
    let sameNetwork =
      own == architecture
      || synonyms.contains { $0.contains(own) && $0.contains(architecture) }
    let (name, method) = (words(row.name), words(self.method))
    return sameNetwork && !method.isEmpty && method.allSatisfy(name.contains)
  }
}

extension ComparisonRow {
  /// The network.
  public var architecture: String { run.architecture }
}
