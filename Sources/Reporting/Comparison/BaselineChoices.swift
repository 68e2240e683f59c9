import FileSupport

/// The report with another row as the baseline.
public struct BaselineChoice: Sendable {
  /// The baseline's name, which tells the choices apart.
  public let name: String
  /// Every difference against it, with a family of its own.
  public let comparison: Comparison
}

extension ComparisonBuilder {
  /// Rows from which on a reader is not offered each as the baseline: so many tests take too long.
  static let choiceLimit = 12

  /// The same runs against every other row, by the same tests.
  ///
  /// - Throws: `FileError` when records cannot be read.
  func choices(
    beside usual: Comparison, of catalogue: RunCatalogue
  ) throws(FileError) -> [BaselineChoice] {
    let rows = usual.sections.flatMap(\.rows)
    // A name that one table has twice asks for no row of it.
    let shared = Set(rows.filter { $0.handle != $0.run.name }.map { $0.run.name.lowercased() })
    var names: [String] = []
    for row in rows where !names.contains(row.handle) && !shared.contains(row.handle.lowercased()) {
      names.append(row.handle)
    }
    guard names.count <= Self.choiceLimit else { return [] }
    var builder = self
    builder.galleryCount = 0
    builder.offersBaselines = false
    var known = [usual.baselineAnchors]
    var choices: [BaselineChoice] = []
    for name in names {
      builder.baseline = name
      let comparison = try builder.comparison(catalogue)
      guard !known.contains(comparison.baselineAnchors) else { continue }
      known.append(comparison.baselineAnchors)
      choices.append(BaselineChoice(name: name, comparison: comparison))
    }
    return choices
  }
}

extension Comparison {
  /// The rows that others are compared with.
  fileprivate var baselineAnchors: [String] {
    sections.flatMap(\.baselines).map(\.anchor).sorted()
  }

  /// What the baselines are called.
  var baselineTitle: String {
    var names: [String] = []
    for row in sections.flatMap(\.baselines) where !names.contains(row.handle) {
      names.append(row.handle)
    }
    return names.isEmpty ? "none" : names.joined(separator: ", ")
  }
}
