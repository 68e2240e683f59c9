import FileSupport
import Foundation
import Models
import Reporting
import Training

/// The curves of a pretraining run: lines for `events.jsonl`, and their summary.
final class PretrainingCurves {
  private var monitor = HealthMonitor()
  private var losses: [Double] = []
  private(set) var probes: [Double] = []

  /// Takes over the lines that an earlier part of the run wrote.
  func restore(_ rows: [JSONValue], epochs: Int) -> Bool {
    rows.allSatisfy { restore($0, epochs: epochs) }
  }

  private func restore(_ row: JSONValue, epochs: Int) -> Bool {
    if let top1 = row["knn"]?.doubleValue {
      probes.append(top1)
    } else if let health = HealthRecord(row) {
      _ = monitor.add(health)
    } else if let loss = row["loss"]?.doubleValue, let epoch = row["epoch"]?.intValue {
      guard (1...max(1, epochs)).contains(epoch) else { return false }
      addLoss(loss, epoch: epoch - 1)
    }
    return true
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
  /// - Returns: Its lines, and a warning the first time that the run looks collapsed.
  func record(
    _ outcome: PretrainingEngine.Outcome, engine: PretrainingEngine, step: Int, epoch: Int
  ) -> TrainingEvent {
    addLoss(Double(outcome.loss), epoch: epoch)
    var row: [String: JSONValue] = [
      "step": .integer(step), "epoch": .integer(epoch + 1), "loss": .number(Double(outcome.loss)),
      "gradient_norm": .number(Double(outcome.gradientNorm)),
      "learning_rate": .number(outcome.learningRate),
    ]
    if !engine.recipe.settings.targetViews.isEmpty { row["momentum"] = .number(outcome.momentum) }
    var event = TrainingEvent([.object(row)])
    // Every look at first, when runs collapse; later ten times an epoch's worth of steps apart.
    let interval = step < 100 ? HealthMonitor.interval : HealthMonitor.interval * 10
    if step % interval == 0, let health = HealthRecord(engine.method, features: nil, step: step) {
      event.rows.append(health.json)
      event.warning = monitor.add(health)
    }
    event.progress = line(loss: outcome.loss, epoch: epoch)
    return event
  }

  /// The line of a probe at the end of an epoch.
  func recordProbe(_ top1: Double, epoch: Int, step: Int) -> JSONValue {
    probes.append(top1)
    return .object(["epoch": .integer(epoch + 1), "step": .integer(step), "knn": .number(top1)])
  }

  /// What the progress line says beside rate and time.
  private func line(loss: Float, epoch: Int) -> String {
    var text = String(format: "epoch %d loss %.3f", epoch + 1, loss)
    if let health = monitor.records.last {
      text += String(format: " spread %.2f", health.outputSpread)
    }
    if let top1 = probes.last { text += String(format: " kNN %.1f", top1 * 100) }
    return text
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
