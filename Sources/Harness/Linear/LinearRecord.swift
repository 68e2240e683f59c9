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
  /// What differs from the published protocol.
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
    func measure(_ value: (LinearOutcome) -> Double) -> MetricValue {
      .share(Spread(outcomes.map(value)).mean, of: n)
    }
    result.metrics["top1_last"] = measure(\.last)
    result.metrics["top1_best"] = measure(\.best)
    if outcomes.count > 1 {
      result.metrics["top1_seed_deviation"] = MetricValue(
        Spread(outcomes.map(\.score.top1)).deviation, count: outcomes.count)
    }
    for outcome in outcomes {
      let tail = outcomes.count > 1 ? "_seed\(outcome.seed)" : ""
      result.curves["val_top1" + tail] = outcome.curve
      result.curves["loss" + tail] = outcome.lossCurve
      if !outcome.heldOutCurve.isEmpty {
        result.curves["held_out_top1" + tail] = outcome.heldOutCurve
      }
      if outcomes.count > 1 {
        result.metrics["top1" + tail] = MetricValue(
          successes: outcome.score.top1Count, of: outcome.score.count)
      }
      result.metrics["learning_rate" + tail] = MetricValue(outcome.learningRate, count: 1)
      result.metrics["epoch" + tail] = MetricValue(Double(outcome.selectedEpoch), count: 1)
    }
    for outcome in outcomes where !outcome.ties.isEmpty {
      result.notes.append(
        "learning rates \(([outcome.learningRate] + outcome.ties).argument) did equally well on "
          + "\(outcome.heldOutCount) held-out images (seed \(outcome.seed)); the first was taken")
    }
    if let note = deviations.note(from: "MoBY's protocol") { result.notes.append(note) }
    if let note = neighbourDeviations.note(from: "DINO's kNN") { result.notes.append(note) }
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
    try run.restart("records.jsonl")
    try run.restart(RunEvent.file)
    for outcome in outcomes {
      try run.append(
        outcome.records.map { $0.json(seed: outcome.seed) }, to: "records.jsonl")
      try run.append(
        outcome.curve.enumerated().map { epoch, top1 in
          RunEvent(
            epoch: epoch + 1, seed: outcome.seed,
            values: ["val_top1": top1, "loss": outcome.lossCurve[epoch]]
          ).json
        }, to: RunEvent.file)
    }
    try run.synchronize("records.jsonl")
    try run.synchronize(RunEvent.file)
  }

  /// What the neighbours said of each image.
  private func writeNeighbours(_ run: RunDirectory) throws {
    try run.restart("knn.jsonl")
    try run.append(
      NeighbourRecords.rows(neighbours.map { ($0.k, $0.records) }), to: "knn.jsonl")
    try run.synchronize("knn.jsonl")
  }
}
