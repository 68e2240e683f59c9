import Evaluation
import Reporting

/// How far each two candidates differ, with the report's tests and words.
struct FineTuningDifferences<Task: FineTuningTask> {
  let outcomes: [FineTuning<Task>.Outcome]
  let options: FineTuningOptions

  /// One line a pair and number; nil when there is nothing to compare.
  var table: Table? {
    guard outcomes.count > 1 else { return nil }
    let tests = outcomes.count * (outcomes.count - 1) / 2
    var test = DifferenceTest(
      drawCount: max(options.resamples, SwapTest.drawCount(testCount: tests)),
      seed: UInt64(options.seeds[0]))
    test.margins = Margins(points: options.margins) ?? .published
    let description = Task.description
    let metrics = description.metrics.filter {
      description.intervalMetrics.contains($0.key) && $0.test != .none
    }
    var judgements: [Judgement] = []
    var places: [(own: MethodOutcomes, base: MethodOutcomes, metric: MetricDescription)] = []
    for first in outcomes.indices {
      for second in outcomes.indices where second > first {
        // One permutation test serves all numbers of a pair.
        var kept: SwapTest?
        let (own, base) = (outcomes[second].outcomes, outcomes[first].outcomes)
        for metric in metrics where outcomes[first].result.metrics[metric.key] != nil {
          judgements.append(
            test.judge(
              metric, own, against: base,
              role: metric == description.primaryMetric ? .primary : .exploratory
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
    return table
  }
}
