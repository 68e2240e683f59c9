import Evaluation
import FileSupport
import Foundation

/// Tests one number of two rows against each other.
struct DifferenceTest {
  let metric: MetricDescription
  let resampleCount: Int
  let seed: UInt64
  let cache: String?
  let records: RunOutcomes

  /// The number of every seed of a row: from its records, else from its results.
  func seedValues(_ row: ComparisonRow) throws(FileError) -> [Double] {
    if metric.test == .paired, let outcomes = try paired(row) { return outcomes.accuracies }
    return row.runs.compactMap { $0.result.metrics[metric.key]?.value }
  }

  /// The difference of a row to its baseline; nil without records of the same images.
  func delta(_ row: ComparisonRow, _ base: ComparisonRow) throws(FileError) -> Delta? {
    switch metric.test {
    case .paired: try pairedDelta(row, base)
    case .resampled: try resampledDelta(row, base)
    case .none: nil
    }
  }

  // MARK: Right or wrong

  /// The outcomes of all runs of a row; nil when one has none or they are of different images.
  private func paired(_ row: ComparisonRow) throws(FileError) -> PairedOutcomes? {
    var seeds: [[Bool]] = []
    var images: [Int]?
    for run in row.runs {
      guard let own = try records.of(run).paired(metric.key),
        images == nil || images == own.images
      else { return nil }
      images = own.images
      seeds += own.seeds
    }
    guard let images, let first = seeds.first, !images.isEmpty else { return nil }
    // Nearest neighbours have no seed: the same outcomes again are no repetition.
    if !metric.dependsOnSeed, seeds.allSatisfy({ $0 == first }) { seeds = [first] }
    return PairedOutcomes(images: images, seeds: seeds)
  }

  private func pairedDelta(
    _ row: ComparisonRow, _ base: ComparisonRow
  ) throws(FileError) -> Delta? {
    guard let own = try paired(row), let other = try paired(base), own.images == other.images else {
      return nil
    }
    if own.seeds.count == 1, other.seeds.count == 1 {
      let pair = PairedProportions(first: own.seeds[0], second: other.seeds[0])
      return Delta(
        metric: metric, baseline: base.name, estimate: pair.estimate, interval: pair.interval,
        standardError: pair.standardError, pValue: pair.pValue,
        method: .mcNemar(gained: pair.onlyFirst, lost: pair.onlySecond), imageCount: pair.count)
    }
    let differences = zip(own.means, other.means).map { $0 - $1 }
    guard differences.count > 1 else { return nil }
    let deviation = Spread(differences).deviation
    return seeded(
      base, own.accuracies, other.accuracies,
      sampleVariance: deviation * deviation / Double(differences.count),
      imageCount: differences.count)
  }

  private func seeded(
    _ base: ComparisonRow, _ own: [Double], _ other: [Double], sampleVariance: Double,
    imageCount: Int
  ) -> Delta {
    let difference = SeededDifference(
      first: own, second: other, sampleVariance: sampleVariance, imageCount: imageCount)
    return Delta(
      metric: metric, baseline: base.name, estimate: difference.estimate,
      interval: difference.interval,
      standardError: difference.standardError, pValue: difference.pValue,
      method: .seeds(
        sampleVariance: sampleVariance, seedVariance: difference.seedVariance,
        freedom: difference.freedom, borrows: difference.borrowsDeviation), imageCount: imageCount)
  }

  // MARK: Numbers that are no means

  private func resampledDelta(
    _ row: ComparisonRow, _ base: ComparisonRow
  ) throws(FileError) -> Delta? {
    guard let (outcome, count) = try kept(row, base) else { return nil }
    let own = try seedValues(row)
    let other = try seedValues(base)
    guard max(own.count, other.count) == 1 || count < 2 else {
      return seeded(
        base, own, other, sampleVariance: outcome.standardError * outcome.standardError,
        imageCount: count)
    }
    return Delta(
      metric: metric, baseline: base.name, estimate: outcome.estimate, interval: outcome.interval,
      standardError: outcome.standardError, pValue: outcome.pValue,
      method: .bootstrap(resamples: resampleCount), imageCount: count)
  }

  private func resampled(
    _ row: ComparisonRow
  ) throws(FileError) -> (any ResampledMetric)? {
    var seeds: [any ResampledMetric] = []
    for run in row.runs {
      guard let own = try records.of(run).resampled(), !own.images.isEmpty,
        own.metricNames.contains(metric.key),
        seeds.isEmpty || seeds[0].images == own.images
      else { return nil }
      seeds.append(own)
    }
    return seeds.count == 1 ? seeds[0] : MeanOfSeeds(seeds)
  }

  /// The bootstrap's outcome, from the cache when the same records were compared before.
  private func kept(
    _ row: ComparisonRow, _ base: ComparisonRow
  ) throws(FileError) -> (Bootstrap.Outcome, Int)? {
    var path: String?
    if let cache {
      var parts = ["resampling 2", String(resampleCount), String(seed)]
      for run in row.runs + base.runs {
        let files = run.recordFiles
        guard !files.isEmpty else { return nil }
        for file in files {
          if let known = run.result.files[(file as NSString).lastPathComponent] {
            parts.append(known)
          } else {
            parts.append(try SHA256.digest(file: file))
          }
        }
      }
      parts.append(String(row.runs.count))
      path = cache + "/" + SHA256.digest(parts.joined(separator: "\n")).prefix(24) + ".json"
    }
    if let path, let bytes = try? FileBytes.read(path), let json = JSONValue(parsing: bytes),
      let count = json["images"]?.intValue, let entry = json["numbers"]?[metric.key]
    {
      return Bootstrap.Outcome(entry).map { ($0, count) }
    }
    guard let own = try resampled(row), let other = try resampled(base),
      own.images == other.images, own.metricNames == other.metricNames
    else { return nil }
    let bootstrap = Bootstrap(own, minus: other, resampleCount: resampleCount, seed: seed)
    if let path {
      let json = JSONValue.object([
        "images": .integer(own.images.count),
        "numbers": .object(
          Dictionary(
            own.metricNames.map { ($0, bootstrap[$0]?.json ?? .null) },
            uniquingKeysWith: { first, _ in first })),
      ])
      // A cache that cannot be written costs seconds next time, nothing else.
      try? AtomicFile.write(text: json.text() + "\n", to: path)
    }
    return bootstrap[metric.key].map { ($0, own.images.count) }
  }
}

extension Bootstrap.Outcome {
  fileprivate var json: JSONValue {
    .object([
      "estimate": .number(estimate), "low": .number(interval.low), "high": .number(interval.high),
      "error": .number(standardError), "p": .number(pValue),
    ])
  }

  fileprivate init?(_ json: JSONValue) {
    guard let estimate = json["estimate"]?.doubleValue, let low = json["low"]?.doubleValue,
      let high = json["high"]?.doubleValue, let error = json["error"]?.doubleValue,
      let p = json["p"]?.doubleValue
    else { return nil }
    self.init(
      estimate: estimate, interval: Interval(low: low, high: high), standardError: error, pValue: p)
  }
}
