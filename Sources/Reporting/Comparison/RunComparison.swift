import Evaluation
import FileSupport

/// Two runs side by side: first what was done differently, then the numbers.
public struct RunComparison: Sendable {
  private let first: StoredRun, second: StoredRun
  /// What differs before any number: backbone, data, protocol, engine.
  public let differences: [(part: String, difference: ProtocolDifference)]
  private let comparison: Comparison

  /// Compares two runs; differences of the numbers are second minus first.
  ///
  /// - Throws: `FileError` when records cannot be read.
  public init(
    _ first: StoredRun, _ second: StoredRun, builder: ComparisonBuilder = ComparisonBuilder()
  ) throws(FileError) {
    self.first = first
    self.second = second
    var differences: [(part: String, difference: ProtocolDifference)] = []
    func compare(_ part: String, _ a: [String: String], _ b: [String: String]) {
      differences += ProtocolDifference.between(a, b).map { (part, $0) }
    }
    compare("task", ["task": first.result.task], ["task": second.result.task])
    compare("backbone", first.result.backbone, second.result.backbone)
    compare("data", first.result.data, second.result.data)
    compare("protocol", first.result.settings, second.result.settings)
    compare("engine", first.engine, second.engine)
    self.differences = differences
    comparison = try builder.pair(second, against: first)
  }

  /// Settings, data and engine that differ, then each number of both.
  public var markdown: String {
    var settings = Table(
      caption: "What differs between \(first.path) and \(second.path)",
      columns: ["part", "what", "first", "second"].map { .init($0, isNumeric: false) })
    for (part, difference) in differences {
      settings.add([part, difference.name, difference.first ?? "-", difference.second ?? "-"])
    }
    if differences.isEmpty { settings.notes.append("nothing but the numbers") }
    var numbers = Table(
      caption: "Numbers; %, second minus first",
      columns: [
        .init("number", isNumeric: false), .init("first"), .init("second"), .init("difference"),
        .init("p"), .init("word", isNumeric: false),
      ])
    if comparison.sections.count == 1, let section = comparison.sections.first {
      for metric in section.metrics {
        let cells = section.rows.map { $0.cells[metric.key] }
        let other = section.rows.first { !$0.isBaseline }?.cells[metric.key]
        let delta = other?.delta
        numbers.add([
          metric.title, section.baselines.first?.cells[metric.key].map(measuredText) ?? "-",
          other.map(measuredText) ?? "-",
          delta.map { "\($0.text) \($0.intervalText)" }
            ?? other.flatMap { own in cells[0].map { metric.unit.difference(own.value - $0.value) }
            }
            ?? "-",
          delta.map { probability($0.adjustedPValue) } ?? "-",
          delta?.word ?? other?.untested ?? "-",
        ])
      }
      for metric in section.metrics {
        guard let delta = section.rows.compactMap({ $0.cells[metric.key]?.delta }).first else {
          continue
        }
        numbers.notes.append("\(metric.title): \(delta.explanation)")
      }
      if comparison.testCount > 0 {
        numbers.notes.append(
          "p of a primary number after Holm's correction over \(comparison.testCount); others are "
            + "exploratory and stand alone")
      }
    } else {
      numbers.notes.append(
        "the runs are of different tasks or data; a difference of their numbers would mean nothing")
    }
    return settings.markdown + "\n" + numbers.markdown
  }
}

extension ComparisonBuilder {
  /// Two runs with one of them as the baseline.
  func pair(_ run: StoredRun, against base: StoredRun) throws(FileError) -> Comparison {
    var builder = self
    builder.galleryCount = 0
    builder.baselinePath = base.path
    builder.toleratesDeviations = true
    return try builder.comparison(RunCatalogue(runs: [base, run]))
  }
}
