import Evaluation
import FileSupport
import Foundation

/// Reads what the rows of a report are tested on, and keeps what takes long.
struct RowOutcomes {
  let records: RunOutcomes
  /// Where outcomes of permutation tests are kept; nil to keep none.
  let cache: String?

  /// The number of every seed of a row: from its records, else from its results.
  func seedValues(
    _ row: ComparisonRow, _ metric: MetricDescription
  ) throws(FileError) -> [Double] {
    if metric.test == .paired, let outcomes = try kept(row, metric) {
      return outcomes.joined().map {
        $0.values(weights: [Int32](repeating: 1, count: $0.images.count))[0]
      }
    }
    let values = row.runs.compactMap { $0.result.metrics[metric.key]?.value }
    // What is of the features alone is no repetition, either.
    return !metric.dependsOnSeed && !row.isGroup && Set(values).count == 1
      ? Array(values.prefix(1)) : values
  }

  /// The outcomes of a row, one a training; nil when a run has none, or of other images.
  func outcomes(
    _ row: ComparisonRow, _ metric: MetricDescription
  ) throws(FileError) -> MethodOutcomes? {
    guard let kept = try kept(row, metric) else { return nil }
    var own = Array(kept.joined())
    if row.isGroup {
      // What is repeated in a group is the pretraining; probes of one checkpoint are averaged.
      own = row.checkpoints.map { members in
        let probes = members.flatMap { kept[$0] }
        return probes.count == 1 ? probes[0] : MeanOfSeeds(probes)
      }
    }
    return MethodOutcomes(
      name: row.name, trainings: own,
      isTrained: row.run.result.description.trainsNetwork && row.run.isTrained,
      isGroup: row.isGroup)
  }

  /// The outcomes of every run, one a seed; nil when a run has none, or of other images.
  private func kept(
    _ row: ComparisonRow, _ metric: MetricDescription
  ) throws(FileError) -> [[any ResampledMetric]]? {
    var own: [[any ResampledMetric]] = []
    for run in row.runs {
      let records = records.of(run)
      switch metric.test {
      case .none: return nil
      case .paired:
        guard let answers = try records.paired(metric.key) else { return nil }
        own.append(
          answers.seeds.map { AnswersOfImages($0, of: answers.images, named: metric.key) })
      case .resampled:
        guard let numbers = try records.resampled(), numbers.metricNames.contains(metric.key) else {
          return nil
        }
        own.append([numbers])
      }
    }
    guard let images = own.first?.first?.images, !images.isEmpty,
      own.joined().allSatisfy({ $0.images == images })
    else { return nil }
    let answers = own.joined().compactMap { ($0 as? AnswersOfImages)?.right }
    // Nearest neighbours have no seed: the same outcomes again are no repetition.
    if !metric.dependsOnSeed, !row.isGroup, let first = answers.first,
      answers.allSatisfy({ $0 == first })
    {
      return [[own[0][0]]]
    }
    return own
  }

  // MARK: Kept tests

  /// The permutation test of two rows, from the cache when the same records were swapped before.
  func swaps(
    _ row: ComparisonRow, _ base: ComparisonRow, _ settings: DifferenceTest, _ test: () -> SwapTest
  ) -> SwapTest {
    guard let path = path(row, base, settings) else { return test() }
    if let bytes = try? FileBytes.read(path), let json = JSONValue(parsing: bytes),
      let kept = SwapTest(json)
    {
      return kept
    }
    let made = test()
    // A cache that cannot be written costs seconds next time, nothing else.
    try? AtomicFile.write(text: made.json.text() + "\n", to: path)
    return made
  }

  /// The file of a test, by what it was made of; nil where nothing is kept.
  private func path(
    _ row: ComparisonRow, _ base: ComparisonRow, _ settings: DifferenceTest
  ) -> String? {
    guard let cache else { return nil }
    var parts = ["swaps 1", String(settings.drawCount), String(settings.seed)]
    for run in row.runs + base.runs {
      let files = run.recordFiles
      guard !files.isEmpty else { return nil }
      for file in files {
        let name = (file as NSString).lastPathComponent
        guard let digest = run.result.files[name] ?? (try? SHA256.digest(file: file)) else {
          return nil
        }
        parts.append(digest)
      }
    }
    parts.append(String(row.runs.count))
    return cache + "/" + SHA256.digest(parts.joined(separator: "\n")).prefix(24) + ".json"
  }
}

extension SwapTest {
  fileprivate var json: JSONValue {
    .object(
      differences.compactMapValues { difference in
        guard case .studentized(.swaps(let swaps)) = difference.test else { return nil }
        return .object([
          "estimate": .number(difference.estimate), "error": .number(difference.standardError),
          "images": .integer(difference.imageCount), "exact": .bool(swaps.isExact),
          "t": .array(swaps.values.map { .number($0) }),
        ])
      })
  }

  fileprivate init?(_ json: JSONValue) {
    guard case .object(let members) = json else { return nil }
    var differences: [String: PairedDifference] = [:]
    for (name, entry) in members {
      guard let estimate = entry["estimate"]?.doubleValue, let error = entry["error"]?.doubleValue,
        let images = entry["images"]?.intValue, case .bool(let isExact)? = entry["exact"],
        case .array(let list)? = entry["t"], !list.isEmpty
      else { return nil }
      let values = list.compactMap(\.doubleValue)
      // Infinity, which JSON lacks, is not kept.
      guard values.count == list.count, values.allSatisfy(\.isFinite) else { return nil }
      differences[name] = PairedDifference(
        estimate: estimate, standardError: error,
        test: .studentized(.swaps(SwapDistribution(values, isExact: isExact))), imageCount: images)
    }
    self.init(differences: differences)
  }
}

extension ComparisonRow {
  /// Positions of the runs by their checkpoints.
  var checkpoints: [[Int]] {
    var order: [[String: String]] = []
    var members: [[Int]] = []
    for (at, run) in runs.enumerated() {
      if let place = order.firstIndex(of: run.result.backbone) {
        members[place].append(at)
      } else {
        order.append(run.result.backbone)
        members.append([at])
      }
    }
    return members
  }

  /// Whether the runs are of several checkpoints of one method.
  public var isGroup: Bool { checkpoints.count > 1 }
}
