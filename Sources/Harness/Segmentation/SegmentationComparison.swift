import CommandLine
import Evaluation
import Models
import Protocols
import Reporting
import Training
import VisionData

extension SegmentationRecipe.Form {
  /// What it is in captions.
  var title: String {
    switch self {
    case .upernet: "UPerNet"
    case .linear: "Linear classifier of frozen cells"
    case .neighbours: "Nearest neighbours of frozen cells"
    }
  }
}

/// The comparison of segmentors: their scores, how far each two differ, and each class.
struct SegmentationComparison {
  let outcomes: [SegmentationBenchmark.Outcome]
  let options: SegmentationOptions
  /// The data by name: hashes and counts.
  let data: [String: String]
  let classNames: [String]

  /// The tables that were asked for.
  ///
  /// - Throws: What reading records throws.
  func all() throws -> [Table] {
    let differences = try CandidateDifferences(outcomes, options: options.common).table()
    return [scores] + [differences, options.perClass ? perClass : nil].compactMap { $0 }
  }

  private var scores: Table {
    let others = SegmentationScore.numbers.dropFirst().filter(\.isShown)
    let words = options.mode == .multiScale ? " ms+flip" : ""
    var table = Table(
      caption:
        "\(options.recipe.form.title), \(data["name"] ?? ""), \(data["test images"] ?? "") images, "
        + "\(data["classes"] ?? "") classes; % with 95 % intervals",
      columns: [
        .init("backbone", isNumeric: false),
        .init("mIoU" + words), .init("95 %"),
      ]
        + others.map { .init($0.title + words) } + [.init("classes in mIoU")])
    for outcome in outcomes {
      func number(_ name: String) -> String {
        twoDecimals(outcome.result.metrics[name + options.mode.suffix]?.value ?? .nan)
      }
      table.add(
        [
          outcome.result.backbone["name"] ?? "", number("mIoU"),
          outcome.result.metrics["mIoU" + options.mode.suffix]?.interval.map(text) ?? "-",
        ] + others.map { number($0.name) } + [
          String(outcome.records[0].score.presentClassCount)
        ])
    }
    table.notes = notes
    return table
  }

  private func text(_ interval: Interval) -> String {
    "[\(twoDecimals(interval.low)), \(twoDecimals(interval.high))]"
  }

  private var notes: [String] {
    var notes = ResultNotes.lines(of: outcomes.map(\.result))
    let testing = options.testing
    notes.append("test: \(options.mode.rawValue), \(testing.summary)")
    notes.append(
      "passes: "
        + testing.passes.map { "x\($0.ratio.argument)\($0.isFlipped ? " mirrored" : "")" }
        .joined(separator: ", "))
    let recipe = options.recipe
    if !options.common.evaluatesOnly, recipe.form != .neighbours {
      notes.append(
        "\(recipe.stepCount) updates of \(recipe.batchSize) crops of \(recipe.cropSize) px")
    }
    let networks = Set(outcomes.compactMap(\.network?.configuration))
    for network in networks.sorted(by: { $0.name < $1.name }) {
      let side = recipe.cropSize
      notes.append(
        "\(network.name): \(network.multiplyAdds(height: side, width: side).text) multiply-adds "
          + "of a \(side)x\(side) image, attention included")
    }
    notes.append(
      options.common.seeds.count > 1 && !options.common.evaluatesOnly
        ? "intervals: over images and trainings"
        : "intervals: images resampled \(options.common.resamples) times")
    return notes
  }

  private var perClass: Table {
    var table = Table(
      caption: "IoU of each class; %",
      columns: [.init("class", isNumeric: false), .init("labelled px")]
        + outcomes.map { .init($0.result.backbone["name"] ?? "") })
    for (index, name) in classNames.enumerated() {
      table.add(
        [name, String(outcomes[0].records[0].score.labelled[index])]
          + outcomes.map { twoDecimals($0.records[0].score.classIoU[index]) })
    }
    return table
  }
}
