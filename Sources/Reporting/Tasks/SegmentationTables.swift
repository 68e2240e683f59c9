import Evaluation
import FileSupport

/// Scores of prediction folders as tables and as a document.
public struct SegmentationTables {
  /// A class of the label maps.
  public typealias Class = (name: String, storedValue: Int)

  private let classes: [Class]
  private let labels: String
  private let scored: [ScoredPredictions]
  private let convention: SegmentationConvention
  private let resampleCount: Int
  private let seed: UInt64
  /// Intervals of mIoU of each folder, and of the first's minus the second's.
  private let intervals: [Bootstrap.Outcome?]
  private let difference: Judgement?

  /// Prepares the tables.
  ///
  /// - Parameters:
  ///   - classes: By class index.
  ///   - labels: How the maps store classes.
  ///   - scored: One folder of predictions or two; the same images in each.
  ///   - convention: What classes without pixels count.
  ///   - resampleCount: Draws for the intervals; 0 for none.
  public init(
    classes: [Class], labels: String, scored: [ScoredPredictions],
    convention: SegmentationConvention, resampleCount: Int, seed: UInt64
  ) {
    self.classes = classes
    self.labels = labels
    self.scored = scored
    self.convention = convention
    self.resampleCount = resampleCount
    self.seed = seed
    guard resampleCount >= 2, convention == .mmseg else {
      (intervals, difference) = ([], nil)
      return
    }
    let counts = scored.map { ResampledSegmentation($0.records) }
    intervals = counts.map {
      Bootstrap($0, resampleCount: resampleCount, seed: seed)["mIoU"]
    }
    difference =
      scored.count < 2
      ? nil
      : TaskDescription.ade20k.primaryMetric.map { metric in
        DifferenceTest(
          drawCount: max(resampleCount, SwapTest.drawCount(testCount: 1)), seed: seed
        ).judge(
          metric,
          MethodOutcomes(name: scored[0].folder, trainings: [counts[0]], isTrained: false),
          against: MethodOutcomes(name: scored[1].folder, trainings: [counts[1]], isTrained: false),
          role: .primary)
      }
  }

  private func interval(_ number: Int) -> Bootstrap.Outcome? {
    number < intervals.count ? intervals[number] : nil
  }

  /// The means, one row a folder.
  public var means: Table {
    let first = scored[0].score
    let others = SegmentationScore.numbers.dropFirst().filter(\.isShown)
    var table = Table(
      caption: "Segmentation, \(first.imageCount) images, \(classes.count) classes; %",
      columns: [
        .init("predictions", isNumeric: false), .init("mIoU"), .init("95 %"),
      ] + others.map { .init($0.title) } + [.init("classes in mIoU")]
        + (convention == .devKit ? [.init("score")] : []))
    for (number, folder) in scored.enumerated() {
      let score = folder.score.counted(by: convention)
      table.add(
        [
          folder.folder, twoDecimals(score.meanIoU),
          interval(number)?.interval.map(text) ?? "-",
        ] + others.map { twoDecimals($0.value(score)) }
          + ["\(convention == .devKit ? classes.count : score.presentClassCount)"]
          + (convention == .devKit ? [twoDecimals(score.devKitScore)] : []))
    }
    table.notes = notes
    return table
  }

  private var notes: [String] {
    var notes = scored.flatMap(\.notes)
    let first = scored[0].score
    notes.append(
      "labels: \(labels), \(first.labelled.reduce(0, +)) pixels count; "
        + (convention == .mmseg
          ? "classes without pixels leave the means (mmsegmentation)"
          : "classes without pixels count as 0 (development kit); score = (aAcc + mIoU) / 2"))
    let unlabelled = (0..<classes.count).filter { first.labelled[$0] == 0 }
    if !unlabelled.isEmpty {
      let names = unlabelled.prefix(6).map { classes[$0].name }.joined(separator: ", ")
      notes.append(
        "\(unlabelled.count) classes have no labelled pixel in these images (\(names)"
          + (unlabelled.count > 6 ? ", …" : "")
          + "): accuracy NaN; IoU NaN, or 0 where they are predicted")
    }
    if let delta = difference?.delta {
      notes.append(
        "mIoU of the first minus the second: \(delta.text) \(delta.intervalText), p "
          + "\(probability(delta.pValue)), \(delta.word); \(delta.explanation)")
    }
    let untested = difference?.untestedText("mIoU of the first minus the second", .percent)
    return notes + [untested].compactMap { $0 }
  }

  private func text(_ interval: Interval) -> String {
    "[\(twoDecimals(interval.low)), \(twoDecimals(interval.high))]"
  }

  /// Every class, one row each.
  public var perClass: Table {
    var table = Table(
      caption: "IoU and accuracy of each class; %",
      columns: [.init("id"), .init("class", isNumeric: false), .init("labelled px")]
        + scored.indices.flatMap { number in
          let mark = scored.count > 1 ? " \(number + 1)" : ""
          return [Table.Column("IoU\(mark)"), Table.Column("Acc\(mark)")]
        })
    for index in 0..<classes.count {
      table.add(
        [
          "\(classes[index].storedValue)", classes[index].name,
          "\(scored[0].score.labelled[index])",
        ]
          + scored.flatMap {
            [twoDecimals($0.score.classIoU[index]), twoDecimals($0.score.classAccuracy[index])]
          })
    }
    if scored.count > 1 {
      table.notes = scored.enumerated().map { "\($0.offset + 1): \($0.element.folder)" }
    }
    return table
  }

  /// Everything, unrounded; NaN is null.
  public var json: JSONValue {
    func json(_ bootstrap: Bootstrap.Outcome) -> JSONValue {
      .object([
        "value": .number(bootstrap.estimate),
        "low": bootstrap.interval.map { .number($0.low) } ?? .null,
        "high": bootstrap.interval.map { .number($0.high) } ?? .null,
        "standardError": .number(bootstrap.standardError),
      ])
    }
    let folders = scored.enumerated().map { number, folder -> JSONValue in
      let score = folder.score.counted(by: convention)
      var members: [String: JSONValue] = [
        "predictions": .string(folder.folder), "images": .integer(score.imageCount),
        "mDice": .number(score.meanDice),
        "presentClasses": .integer(score.presentClassCount),
        "notes": .array(folder.notes.map { .string($0) }),
        "classes": .array(
          (0..<classes.count).map { index in
            .object([
              "id": .integer(classes[index].storedValue),
              "name": .string(classes[index].name), "IoU": .number(score.classIoU[index]),
              "Acc": .number(score.classAccuracy[index]),
              "intersection": .integer(score.intersections[index]),
              "predicted": .integer(score.predicted[index]),
              "labelled": .integer(score.labelled[index]),
            ])
          }),
      ]
      for number in SegmentationScore.numbers {
        members[number.name] = .number(number.value(score))
      }
      if convention == .devKit { members["score"] = .number(score.devKitScore) }
      if let interval = interval(number) { members["mIoUInterval"] = json(interval) }
      return .object(members)
    }
    var members: [String: JSONValue] = [
      "schema": .integer(1), "task": .string("segmentation"),
      "convention": .string(convention.rawValue),
      "labels": .string(labels), "results": .array(folders),
    ]
    if !intervals.isEmpty {
      members["resamples"] = .integer(resampleCount)
      members["seed"] = .integer(Int(seed))
    }
    if let delta = difference?.delta {
      members["mIoUDifference"] = .object([
        "value": .number(delta.estimate), "low": delta.interval.map { .number($0.low) } ?? .null,
        "high": delta.interval.map { .number($0.high) } ?? .null,
        "standardError": .number(delta.standardError), "p": .number(delta.pValue),
        "verdict": .string(delta.verdict.rawValue),
      ])
    } else if case .untested(let reason, let value)? = difference {
      members["mIoUDifference"] = .object([
        "untested": .string(reason), "value": value.map { .number($0) } ?? .null,
      ])
    }
    return .object(members)
  }
}
