import Evaluation
import Models
import Reporting
import VisionData

/// The comparison of detectors: their scores, and how far each two differ.
struct DetectionTables {
  let outcomes: [DetectionBenchmark.Outcome]
  let recipe: DetectionRecipe
  let dataName: String
  let resampleCount: Int
  let seed: UInt64

  /// The scores, and the paired differences when there is something to compare.
  var all: [Table] { outcomes.count > 1 ? [scores, differences] : [scores] }

  /// The headlines of boxes and of masks; the first of each says whose they are.
  private static let columns: [(String, String)] = [("bbox", "box "), ("segm", "mask ")].flatMap {
    kind, title in
    CocoScores.headlines.map {
      (($0.threshold == nil ? title : "") + $0.name, "\(kind)/\($0.name)")
    }
  }

  private var scores: Table {
    let data = outcomes.first?.result.data ?? [:]
    var table = Table(
      caption: "Detection, \(outcomes.first?.result.settings["detector"] ?? ""), \(dataName), "
        + "\(data["test images"] ?? "?") images of \(data["test split"] ?? "?"); % with 95 % "
        + "intervals over images",
      columns: [.init("backbone", isNumeric: false), .init("network", isNumeric: false)]
        + Self.columns.map { .init($0.0) })
    for outcome in outcomes {
      let metrics = outcome.result.metrics
      table.add(
        [outcome.result.backbone["name"] ?? "?", outcome.result.backbone["architecture"] ?? "?"]
          + Self.columns.map { column in
            guard let metric = metrics[column.1], metric.value >= 0 else { return "-" }
            return percentage(metric.value, metric.interval)
          })
    }
    table.notes = notes
    return table
  }

  private var differences: Table {
    var table = Table(
      caption: "Differences of AP on the same images, percentage points with paired 95 % intervals",
      columns: [
        .init("first", isNumeric: false), .init("second", isNumeric: false), .init("box AP"),
        .init("mask AP"),
      ])
    for first in outcomes.indices {
      for second in outcomes.indices where second > first {
        let (a, b) = (outcomes[second], outcomes[first])
        table.add(
          [a.result.backbone["name"] ?? "?", b.result.backbone["name"] ?? "?"] + difference(a, b))
      }
    }
    table.notes = [
      "\(resampleCount) resamples of the images, the same for both; an interval that holds 0 does "
        + "not tell the two apart"
    ]
    return table
  }

  /// Box AP and mask AP of the first minus those of the second.
  private func difference(
    _ first: DetectionBenchmark.Outcome, _ second: DetectionBenchmark.Outcome
  ) -> [String] {
    let bootstrap = Bootstrap(
      first.resampled, minus: second.resampled, resampleCount: resampleCount, seed: seed)
    return DetectionTask.description.intervalMetrics.map { name in
      // Masks that nothing was scored on have records all the same.
      guard [first, second].allSatisfy({ $0.result.metrics[name] != nil }) else { return "-" }
      return bootstrap[name].map { percentage($0.estimate, $0.interval) } ?? "-"
    }
  }

  private var notes: [String] {
    var lines = [
      "trained with \(recipe.title): \(recipe.epochs) epochs of batch \(recipe.batchSize), "
        + "tested at short side \(recipe.testSize.short)"
    ]
    if outcomes.first?.result.settings["epochs"] == nil {
      lines = ["not trained here; tested at short side \(recipe.testSize.short)"]
    }
    return lines + ResultNotes.lines(of: outcomes.map(\.result))
  }
}
