import Evaluation
import Reporting

/// How far each two candidates differ, with the report's tests and words.
struct CandidateDifferences {
  /// A candidate's outcomes of the images by a number; nil where it has none.
  typealias Outcomes = (MetricDescription) throws -> MethodOutcomes?

  /// One a candidate.
  let candidates: [Outcomes]
  /// The numbers that are compared; the first of the task is primary.
  let metrics: [MetricDescription]
  let primary: MetricDescription?
  let resamples: Int
  let seed: UInt64
  let margins: [String]

  /// One line a pair and number; nil when there is nothing to compare.
  ///
  /// - Throws: `FileError` when records cannot be read.
  func table() throws -> Table? {
    guard candidates.count > 1 else { return nil }
    let tests = candidates.count * (candidates.count - 1) / 2
    var test = DifferenceTest(
      drawCount: max(resamples, SwapTest.drawCount(testCount: tests)), seed: seed)
    test.margins = Margins(points: margins) ?? .published
    var judgements: [Judgement] = []
    var places: [(own: MethodOutcomes, base: MethodOutcomes, metric: MetricDescription)] = []
    for first in candidates.indices {
      for second in candidates.indices where second > first {
        // One permutation test serves all numbers of a pair.
        var kept: SwapTest?
        for metric in metrics {
          guard let own = try candidates[second](metric), let base = try candidates[first](metric)
          else { continue }
          judgements.append(
            test.judge(
              metric, own, against: base, role: metric == primary ? .primary : .exploratory
            ) { make in
              let made = kept ?? make()
              kept = made
              return made
            })
          places.append((own, base, metric))
        }
      }
    }
    let corrected = judgements.corrected()
    var table = Table(
      caption: "Differences on the same images, points; interval, p and word of the primary number "
        + "after Holm's correction",
      columns: [
        .init("first", isNumeric: false), .init("second", isNumeric: false),
        .init("number", isNumeric: false), .init("difference"), .init("interval"), .init("p"),
        .init("word", isNumeric: false), .init("finds"),
      ])
    for (place, judgement) in zip(places, corrected) {
      table.add(
        [place.own.name, place.base.name, place.metric.title] + judgement.cells(place.metric.unit))
    }
    table.notes = corrected.notes
    return table.rows.isEmpty ? nil : table
  }
}

extension CandidateDifferences {
  /// Of networks that were trained, by the numbers that have intervals.
  init<Task: FineTuningTask>(
    _ outcomes: [FineTuning<Task>.Outcome], options: FineTuningOptions
  ) {
    let metrics = Task.description.metrics(for: outcomes.map(\.result.settings))
    self.init(
      candidates: outcomes.map { outcome in
        { outcome.result.metrics[$0.key] == nil ? nil : outcome.outcomes }
      },
      metrics: metrics.filter { $0.hasInterval && $0.test != .none }, primary: metrics.first,
      resamples: options.resamples,
      seed: UInt64(options.seeds[0]), margins: options.margins)
  }
}
