import Evaluation
import FileSupport
import Foundation

/// The comparison of classifiers, linear probes or fine-tuned networks, as a table.
public enum LinearTable {
  /// One row a backbone.
  public static func make(_ results: [RunResult]) -> Table {
    let first = results.first
    let neighbours = Set(results.flatMap { $0.metrics.keys })
      .filter { $0.hasPrefix("knn_") }.compactMap { Int($0.dropFirst(4)) }.sorted()
    let primary = first?.settings[TaskDescription.primarySetting]
    let others = ClassificationScore.numbers.dropFirst().filter {
      $0.isShown || $0.name == primary
    }
    let data = first?.data ?? [:]
    let hasEpochs = results.contains { $0.metrics["top1_last"] != nil }
    var table = Table(
      caption: "\(first?.description.title ?? ""), \(data["name"] ?? "?"), measured on "
        + "\(first?.metrics["top1"].map { String($0.count) } ?? data["validation images"] ?? "?") "
        + "validation images, "
        + "\(data["classes"] ?? "?") classes; % with 95 % intervals",
      columns: [
        .init("backbone", isNumeric: false), .init("network", isNumeric: false), .init("top-1"),
      ] + others.map { .init($0.title) }
        + (hasEpochs ? [.init("last epoch"), .init("best epoch*")] : [])
        + neighbours.map { .init("kNN \($0)") })
    for result in results {
      func cell(_ name: String, showsInterval: Bool = false) -> String {
        guard let metric = result.metrics[name] else { return "-" }
        return percentage(metric.value, showsInterval ? metric.interval : nil)
      }
      var top1 = cell("top1", showsInterval: true)
      if let deviation = result.metrics["top1_seed_deviation"] {
        top1 += " ± \(percentage(deviation.value))"
      }
      table.add(
        [
          result.backbone["name"] ?? "?", result.backbone["architecture"] ?? "?", top1,
        ] + others.map { cell($0.name, showsInterval: $0.name == primary) }
          + (hasEpochs ? [cell("top1_last"), cell("top1_best")] : [])
          + neighbours.map { cell("knn_\($0)", showsInterval: $0 == neighbours.first) })
    }
    table.notes = notes(results)
    return table
  }

  /// Published top-1 figures of the networks that were measured; nil when there are none.
  ///
  /// - Parameter spellings: How papers write a network.
  public static func published(
    beside results: [RunResult], spellings: (String) -> [String]
  ) -> Table? {
    let names = Set(results.compactMap { $0.backbone["architecture"] })
    let wanted = names.sorted().flatMap(spellings)
    guard !wanted.isEmpty,
      let known = try? PublishedFigures(
        path: SuppliedFiles.path("reports/reference/imagenet_linear.json"))
    else { return nil }
    let figures = known.figures(metric: "top1", architectures: wanted, verifiedOnly: true)
    guard !figures.isEmpty else { return nil }
    var table = Table(
      caption: "ImageNet-1k top-1 as published, not measured here; %",
      columns: [
        .init("method", isNumeric: false), .init("network", isNumeric: false), .init("epochs"),
        .init("top-1"), .init("source", isNumeric: false),
      ])
    for figure in figures {
      table.add([
        figure.method, figure.architecture, figure.epochs.map(String.init) ?? "-", figure.cell,
        figure.source,
      ])
    }
    return table
  }

  private static func notes(_ results: [RunResult]) -> [String] {
    guard let first = results.first else { return [] }
    let heldOut = first.settings["held-out"] ?? "0"
    let hasEpochs = first.metrics["top1_last"] != nil
    let isFit = first.settings["regularizations"] != nil
    let choice =
      first.description.trainsNetwork
      ? "learning rate" : hasEpochs ? "epoch and learning rate" : "regularization"
    // Whoever was only scored chose nothing.
    let isTrained = first.settings["seeds"] != nil || first.settings["seed"] != nil
    var lines = [
      !isTrained
        ? "top-1 is of the classifiers as they are"
        : heldOut != "0"
          ? "top-1 is of the \(choice) chosen on \(heldOut) of train; validation images chose nothing"
          : "top-1 is of \(isFit ? "the only fit" : "the last epoch"); validation images chose "
            + "nothing"
    ]
    if hasEpochs {
      lines.append(
        "* the best epoch is picked on the validation images, as published tables do, and is "
          + "optimistic")
    }
    lines.append(
      [first.settings["feature"].map { "features: " + $0 }, first.settings["test view"]]
        .compactMap { $0 }.joined(separator: ", "))
    for result in results {
      let name = result.backbone["name"] ?? "?"
      for note in result.notes where !note.hasPrefix(Deviations.prefix) {
        lines.append("\(name): \(note)")
      }
    }
    lines += first.notes.filter { $0.hasPrefix(Deviations.prefix) }
    return lines
  }
}
