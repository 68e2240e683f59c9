import Evaluation
import Models
import Protocols
import Reporting
import VisionData

/// The comparison of detectors: their scores, and how far each two differ.
struct DetectionTables {
  let outcomes: [DetectionBenchmark.Outcome]
  let recipe: DetectionRecipe
  let dataName: String
  let options: FineTuningOptions

  /// The scores, and the paired differences when there is something to compare.
  ///
  /// - Throws: What reading records throws.
  func all() throws -> [Table] {
    [scores] + [try CandidateDifferences(outcomes, options: options).table()].compactMap { $0 }
  }

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
        + "intervals",
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
