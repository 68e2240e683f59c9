import FileSupport
import Foundation
import Models
import Reporting
import Training

/// The curves of a pretraining run: lines in `events.jsonl`, and their summary.
final class PretrainingCurves {
  private let run: RunDirectory
  private var monitor = HealthMonitor()
  private var losses: [Double] = []
  private var epochLosses: [Double] = []
  private var probes: [Double] = []
  private var waiting: [JSONValue] = []
  private static let name = "events.jsonl"

  /// Opens the curves of a run; what lies beyond `progress` was written after the state that the
  /// run goes on from, and is dropped.
  init(_ run: RunDirectory, upTo progress: PretrainingProgress) throws {
    self.run = run
    let rows = try run.rows(Self.name)
    let kept = rows.filter { row in
      if row["knn"] != nil { return (row["epoch"]?.intValue ?? .max) <= progress.epoch }
      return (row["step"]?.intValue ?? .max) < progress.step
    }
    try run.restart(Self.name)
    try run.append(kept, to: Self.name)
    for row in kept { restore(row, progress) }
  }

  private func restore(_ row: JSONValue, _ progress: PretrainingProgress) {
    if let top1 = row["knn"]?.doubleValue {
      probes.append(top1)
    } else if let health = HealthRecord(row) {
      _ = monitor.add(health)
    } else if let loss = row["loss"]?.doubleValue, let epoch = row["epoch"]?.intValue {
      addLoss(loss, epoch: epoch - 1)
    }
  }

  private var sums: [(sum: Double, count: Int)] = []

  private func addLoss(_ loss: Double, epoch: Int) {
    losses.append(loss)
    while sums.count <= epoch { sums.append((0, 0)) }
    sums[epoch].sum += loss
    sums[epoch].count += 1
  }

  /// Takes a step in.
  ///
  /// - Returns: A warning, the first time that the run looks collapsed.
  func record(
    _ outcome: PretrainingEngine.Outcome, engine: PretrainingEngine, step: Int, epoch: Int
  ) -> String? {
    addLoss(Double(outcome.loss), epoch: epoch)
    var row: [String: JSONValue] = [
      "step": .integer(step), "epoch": .integer(epoch + 1), "loss": .number(Double(outcome.loss)),
      "gradient_norm": .number(Double(outcome.gradientNorm)),
      "learning_rate": .number(outcome.learningRate),
    ]
    if engine.recipe.method != .supervised { row["momentum"] = .number(outcome.momentum) }
    waiting.append(.object(row))
    // Every look at first, when runs collapse; later ten times an epoch's worth of steps apart.
    let interval = step < 100 ? HealthMonitor.interval : HealthMonitor.interval * 10
    guard step % interval == 0, let health = HealthRecord(engine.method, features: nil, step: step)
    else { return nil }
    waiting.append(health.json)
    return monitor.add(health)
  }

  func recordProbe(_ top1: Double, epoch: Int, step: Int) {
    probes.append(top1)
    waiting.append(
      .object(["epoch": .integer(epoch + 1), "step": .integer(step), "knn": .number(top1)]))
  }

  /// What the progress line says beside rate and time.
  func line(_ outcome: PretrainingEngine.Outcome, epoch: Int) -> String {
    var text = String(format: "epoch %d loss %.3f", epoch + 1, outcome.loss)
    if let health = monitor.records.last {
      text += String(format: " spread %.2f", health.outputSpread)
    }
    if let top1 = probes.last { text += String(format: " kNN %.1f", top1 * 100) }
    return text
  }

  /// Puts what is waiting on disk.
  func flush() throws(FileError) {
    guard !waiting.isEmpty else { return }
    try run.append(waiting, to: Self.name)
    waiting = []
    try run.synchronize(Self.name)
  }

  func summarize(into result: inout RunResult) {
    result.curves["loss"] = sums.map { $0.count > 0 ? $0.sum / Double($0.count) : .nan }
    if !probes.isEmpty {
      result.curves["knn_top1"] = probes
      result.metrics["knn_top1"] = MetricValue(probes[probes.count - 1], count: 1)
    }
    let health = monitor.records
    func curve(_ name: String, _ value: (HealthRecord) -> Double?) {
      let values = health.compactMap(value)
      if !values.isEmpty { result.curves[name] = values }
    }
    curve("output_spread") { $0.outputSpread }
    curve("effective_rank") { $0.effectiveRank }
    curve("positive_similarity") { $0.positive }
    curve("negative_similarity") { $0.negative }
    curve("momentum_gap") { $0.momentumGap }
    if let verdict = monitor.verdict { result.notes.append(verdict) }
  }
}
