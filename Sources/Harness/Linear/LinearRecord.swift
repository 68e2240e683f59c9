import CommandLine
import Evaluation
import FileSupport
import Reporting
import Runs
import Scoring
import Training

/// What the probes of one backbone found, as files of records and as a result.
struct LinearRecord {
  /// One a seed.
  let outcomes: [LinearOutcome]
  let neighbours: [NearestNeighbourProbe.Outcome]
  let classNames: [String]
  /// Whose protocol it is, and what differs from it.
  let protocolName: String
  let deviations: Deviations
  /// What differs from the published nearest neighbours.
  let neighbourDeviations: Deviations

  /// The files that `write` leaves in a run.
  static let files = TaskDescription.linear.recordFiles + [RunEvent.file]

  /// Adds the numbers: means over seeds with intervals over images, curves, classes, notes.
  func summarize(into result: inout RunResult) {
    for outcome in neighbours {
      result.metrics["knn_\(outcome.k)"] = MetricValue(
        successes: outcome.score.top1Count, of: outcome.score.count)
    }
    guard let first = outcomes.first else { return }
    result.add(outcomes.map(\.score), classNames: classNames)
    let n = first.score.count
    Self.addIntervals(outcomes.map(\.records), to: &result)
    Self.addClassInterval(outcomes.map(\.records), to: &result)
    if outcomes.allSatisfy({ !$0.curve.isEmpty }) {
      func measure(_ value: (LinearOutcome) -> Double?) -> MetricValue {
        .share(Spread(outcomes.map { value($0) ?? .nan }).mean, of: n)
      }
      result.metrics["top1_last"] = measure(\.curve.last)
      result.metrics["top1_best"] = measure { $0.curve.max() }
    }
    if outcomes.count > 1 {
      result.metrics["top1_seed_deviation"] = MetricValue(
        Spread(outcomes.map(\.score.top1)).deviation, count: outcomes.count)
    }
    for outcome in outcomes {
      let tail = outcomes.count > 1 ? "_seed\(outcome.seed)" : ""
      if !outcome.curve.isEmpty { result.curves["val_top1" + tail] = outcome.curve }
      if !outcome.lossCurve.isEmpty { result.curves["loss" + tail] = outcome.lossCurve }
      if !outcome.heldOutCurve.isEmpty {
        result.curves["held_out_top1" + tail] = outcome.heldOutCurve
      }
      if outcomes.count > 1 {
        result.metrics["top1" + tail] = MetricValue(
          successes: outcome.score.top1Count, of: outcome.score.count)
      }
      for (name, value) in outcome.chosen {
        result.metrics[name + tail] = MetricValue(value, count: 1)
      }
      result.notes += outcome.remarks
    }
    if let note = deviations.note(from: protocolName) { result.notes.append(note) }
    if !neighbours.isEmpty, let note = neighbourDeviations.note(from: "DINO's kNN") {
      result.notes.append(note)
    }
  }

  /// Gives the means over seeds the intervals of other images and other seeds, where there are several.
  ///
  /// - Parameter seeds: The answers on the same images, one list a seed.
  static func addIntervals(_ seeds: [[ClassificationRecord]], to result: inout RunResult) {
    guard seeds.count > 1, seeds[0].count > 1 else { return }
    for metric in ClassificationScore.numbers {
      guard let places = ClassificationScore.places(of: metric.name),
        result.metrics[metric.name] != nil
      else { continue }
      let values = seeds.map { $0.map { $0.rank < places ? 1.0 : 0 } }
      result.metrics[metric.name]?.interval = SeededNumber(values).interval().clamped(to: 0...1)
    }
  }

  /// Gives the mean over classes its interval where it decides.
  static func addClassInterval(_ seeds: [[ClassificationRecord]], to result: inout RunResult) {
    let key = PrimaryNumber.meanPerClass.key
    guard result.settings[TaskDescription.primarySetting] == key,
      seeds.allSatisfy({ $0.count > 1 })
    else { return }
    let answers = seeds.map { records in
      MeanClassAccuracy(
        images: records.map(\.index), labels: records.map(\.label),
        right: records.map { $0.rank == 0 })
    }
    let interval =
      answers.count > 1
      ? SeededNumber(answers.compactMap { $0.imageValues(of: key) }).interval().clamped(to: 0...1)
      : Bootstrap(answers[0], seed: 0)[key]?.interval
    result.metrics[key]?.interval = interval
  }

  // MARK: Files

  /// Writes the answers of every image, and the curves.
  ///
  /// - Throws: `FileError` when the disk is full.
  func write(to run: RunDirectory) throws {
    try writeOutcomes(run)
    try writeNeighbours(run)
  }

  private func writeOutcomes(_ run: RunDirectory) throws {
    try run.rewrite(
      "records.jsonl",
      with: outcomes.lazy.map { outcome in
        outcome.records.map { $0.json(seed: outcome.seed) }
      })
    try run.rewrite(
      RunEvent.file,
      with: outcomes.map { outcome in
        outcome.lossCurve.enumerated().map { epoch, loss in
          var values = ["loss": loss]
          if outcome.curve.indices.contains(epoch) { values["val_top1"] = outcome.curve[epoch] }
          return RunEvent(epoch: epoch + 1, seed: outcome.seed, values: values).json
        }
      })
  }

  /// What the neighbours said of each image.
  private func writeNeighbours(_ run: RunDirectory) throws {
    try run.rewrite(
      "knn.jsonl", with: [NeighbourRecords.rows(neighbours.map { ($0.k, $0.records) })])
  }
}
