import CommandLine
import Evaluation
import FileSupport
import Foundation
import Reporting
import Runs
import VisionData

/// Scores a file of classes or logits: `bench-linear evaluate`.
package struct EvaluateClassification {
  private let options: ClassificationEvaluationOptions

  package init(_ options: ClassificationEvaluationOptions) { self.options = options }

  /// What was found.
  private struct Scored {
    var records: [ClassificationRecord] = []
    var score: ClassificationScore
    var calibration = Calibration()
    /// Ranked classes that every image has at least.
    var depth = 5
    /// Whether numbers are shares of one, not logits.
    var meaning = ClassificationPredictions.Meaning.scores
    /// What a reader must know of how answers were read.
    var notes: [String] = []
    /// Why the answers look as if they were meant otherwise; nil where they do not.
    var suspicion: String?
  }

  /// Loads, scores, prints and writes.
  ///
  /// - Throws: What reading and writing files throws.
  package func run() throws -> ExitCode {
    try options.engine.apply()
    if let output = options.output {
      try OutputPath.check(
        output,
        against: [options.predictions, options.groundTruth, options.classMap].compactMap { $0 })
    }
    let (scored, truth, known) = try score()
    let numbers = numbers(scored)
    let table = table(scored, numbers, truth)
    let json = json(scored, numbers, truth)
    if let output = options.output {
      try AtomicFile.write(text: json.text(isPretty: true) + "\n", to: output)
    }
    Console.output(
      options.json
        ? json.text(isPretty: true)
        : ([table] + (options.perClass ? [classTable(scored, truth)] : [])).map(\.markdown)
          .joined(separator: "\n"))
    try options.run.keep(
      .linear, predictions: [options.predictions],
      data: [
        "name": truth.name, "validation": try truth.hash(),
        "validation images": String(truth.labels.count),
        "classes": String(truth.classNames.count),
      ],
      settings: [
        "classes of the classifier": String(known?.count ?? truth.classNames.count)
      ], images: truth.runImages
    ) { run, result in
      result.add([scored.score], classNames: truth.classNames, numbers: numbers)
      result.notes += scored.notes
      if scored.calibration.count > 0 {
        result.metrics["calibration_error"] = MetricValue(
          scored.calibration.expectedError, count: scored.calibration.count)
        var plots = RunPlots()
        plots.reliabilities = [RunPlots.Reliability("calibration", scored.calibration)]
        try plots.write(to: run.path)
      }
      try run.rewrite(
        TaskDescription.linear.recordFiles[0], with: [scored.records.map { $0.json(seed: 0) }])
    }
    guard let suspicion = scored.suspicion else { return .success }
    Console.error("warning: \(options.predictions): \(suspicion)")
    return .gateFailed
  }

  // MARK: Classes

  /// Of each class of the truth its place among the classifier's numbers.
  private func places(_ known: [String]?, of truth: ClassificationTruth) throws -> [Int] {
    guard let known else { return Array(truth.classNames.indices) }
    let places = Dictionary(known.enumerated().map { ($1, $0) }) { first, _ in first }
    // Whoever gives a map says that the classifier knows more than the truth.
    let wanted = Set(truth.classNames)
    if options.classMap == nil, let other = known.first(where: { !wanted.contains($0) }) {
      throw DatasetError(
        path: options.predictions,
        problem: "has numbers for '\(other)', which is no class of \(options.groundTruth)",
        remedy: "leave them out, or name all classes of the classifier with --class-map, so that "
          + "those of the truth are chosen among")
    }
    return try truth.classNames.map { name in
      if let place = places[name] { return place }
      throw DatasetError(
        path: options.classMap ?? options.predictions,
        problem: "does not name the class \(name) of \(options.groundTruth)",
        remedy: "name the classes as its folders or labels do")
    }
  }

  // MARK: Scores

  /// Loads and scores, and gives what would be printed.
  ///
  /// - Throws: As `run`.
  package func texts() throws -> [String] {
    let (scored, truth, _) = try score()
    let numbers = numbers(scored)
    return [
      table(scored, numbers, truth).markdown, classTable(scored, truth).markdown,
      json(scored, numbers, truth).text(isPretty: true),
    ] + scored.notes
  }

  private func numbers(_ scored: Scored) -> [ScoreMetric<ClassificationScore>] {
    ClassificationScore.numbers.filter {
      ClassificationScore.places(of: $0.name) ?? 1 <= scored.depth
    }
  }

  private func score() throws -> (scored: Scored, truth: ClassificationTruth, known: [String]?) {
    let predictions = try ClassificationPredictions(path: options.predictions)
    let listed = try options.classMap.map(ClassifierClasses.read)
    let truth = try ClassificationTruth(path: options.groundTruth, classes: listed)
    let known = listed ?? predictions.classNames
    return (try score(predictions, truth, known: known), truth, known)
  }

  private func score(
    _ predictions: ClassificationPredictions, _ truth: ClassificationTruth, known: [String]?
  ) throws -> Scored {
    var scored = Scored(score: ClassificationScore(classCount: truth.classNames.count))
    scored.meaning = predictions.meaning
    let places = try places(known, of: truth)
    let expected = known?.count ?? truth.classNames.count
    let rows = try truth.rows(of: predictions)
    let reading = AnswerReading(
      rows, classNames: truth.classNames, places: places, known: known)
    var first: [AnswerReading.FirstAnswer] = []
    var ties = 0
    for (image, row) in rows.enumerated() {
      let label = truth.labels[image]
      let record: ClassificationRecord
      switch row.answer {
      case .ranked(let answers):
        let ranked = try reading.indices(
          answers, line: row.line, path: predictions.path, truth: options.groundTruth)
        first.append(.init(index: ranked.first ?? -1, number: answers.first?.wholeNumber))
        scored.depth = min(scored.depth, ranked.count)
        record = ClassificationRecord(
          index: image, label: label, predictions: Array(ranked.prefix(5)),
          rank: ranked.firstIndex(of: label) ?? max(5, truth.classNames.count))
      case .scores(let all):
        guard all.count == expected else {
          throw DatasetError(
            path: predictions.path,
            problem: "has \(all.count) numbers an image where there are \(expected) classes",
            remedy: "name the classifier's classes with --class-map")
        }
        let scores = places.map { all[$0] }
        record = scores.withUnsafeBufferPointer {
          ClassificationRecord(
            index: image, label: label, scores: $0, areLogits: predictions.meaning == .logits)
        }
        let best = record.predictions.first.map { scores[$0] } ?? .nan
        if scores.count(where: { $0 == best }) > 1 { ties += 1 }
        first.append(
          .init(
            index: record.predictions.first ?? -1,
            number: record.predictions.first.map { places[$0] }))
        let confidence: Double? =
          switch predictions.meaning {
          case .probabilities: best
          case .logits: Calibration.confidence(logits: scores)
          case .scores: nil
          }
        if let confidence {
          scored.calibration.add(confidence: confidence, isRight: record.rank == 0)
        }
      }
      scored.records.append(record)
      scored.score.add(record)
    }
    scored.suspicion = reading.suspicion(
      first, labels: truth.labels, areNamed: predictions.classNames != nil)
    let tied =
      ties == 0
      ? nil
      : "\(ties) of \(rows.count) images have several classes of the best score; the first of them counts"
    let unsure =
      predictions.meaning == .scores && scored.records.contains { !$0.predictions.isEmpty }
      ? "the numbers are neither probabilities, which sum to 1, nor logits: no calibration" : nil
    let (own, all) = (truth.classNames.count, expected)
    let part =
      own < all && predictions.haveScores
      ? "the truth has \(own) of the classifier's \(all) classes; only their numbers are compared"
      : nil
    scored.notes = [reading.note, part, tied, unsure, scored.suspicion].compactMap { $0 }
    return scored
  }

  // MARK: Output

  private func table(
    _ scored: Scored, _ numbers: [ScoreMetric<ClassificationScore>], _ truth: ClassificationTruth
  ) -> Table {
    var table = Table(
      caption: "Classification, \(truth.name), \(scored.score.count) images, "
        + "\(truth.classNames.count) classes; % with 95 % intervals",
      columns: [.init("predictions", isNumeric: false)] + numbers.map { .init($0.title) }
        + (scored.calibration.count > 0 ? [.init("calibration error")] : []))
    table.add(
      [options.run.name ?? (options.predictions as NSString).lastPathComponent]
        + numbers.map { metric in
          let value = metric.value(scored.score)
          let successes = Int((value * Double(scored.score.count)).rounded())
          return percentage(
            value,
            metric.test == .paired
              ? Proportions.wilson(successes: successes, of: scored.score.count) : nil)
        }
        + (scored.calibration.count > 0 ? [percentage(scored.calibration.expectedError)] : []))
    if scored.calibration.count > 0 {
      let confidence =
        scored.meaning == .probabilities
        ? "numbers taken for probabilities"
        : "numbers taken for logits, softmax over the classes here"
      table.notes.append("calibration error: 15 bins of equal width, \(confidence)")
    }
    table.notes += scored.notes
    let missing = ClassificationScore.numbers.map(\.title).filter { title in
      !numbers.contains { $0.title == title }
    }
    if !missing.isEmpty {
      table.notes.append("no \(missing.joined(separator: ", ")): fewer classes an image than that")
    }
    return table
  }

  private func classTable(_ scored: Scored, _ truth: ClassificationTruth) -> Table {
    var table = Table(
      caption: "Top-1 by class; %",
      columns: [.init("class", isNumeric: false), .init("images"), .init("top-1")])
    for (label, accuracy) in scored.score.classAccuracies.enumerated() {
      table.add([
        truth.classNames[label], String(scored.score.classCounts[label]), percentage(accuracy),
      ])
    }
    return table
  }

  private func json(
    _ scored: Scored, _ numbers: [ScoreMetric<ClassificationScore>], _ truth: ClassificationTruth
  ) -> JSONValue {
    var members: [String: JSONValue] = [
      "images": .integer(scored.score.count), "groundTruth": .string(options.groundTruth),
      "predictions": .string(options.predictions),
      "perClass": .array(
        scored.score.classAccuracies.enumerated().map { label, accuracy in
          .object([
            "class": .string(truth.classNames[label]), "top1": .number(accuracy),
            "images": .integer(scored.score.classCounts[label]),
          ])
        }),
    ]
    for metric in numbers { members[metric.name] = .number(metric.value(scored.score)) }
    if scored.score.meanLoss.isFinite { members["crossEntropy"] = .number(scored.score.meanLoss) }
    if options.perClass {
      members["confusionMatrix"] = .array(
        scored.score.confusionMatrix.map { .array($0.map { .integer($0) }) })
    }
    guard scored.calibration.count > 0 else { return .object(members) }
    members["calibrationError"] = .number(scored.calibration.expectedError)
    members["reliability"] = .array(
      scored.calibration.bins.map { bin in
        .object([
          "images": .integer(bin.count),
          "confidence": .number(bin.count > 0 ? bin.confidence / Double(bin.count) : .nan),
          "accuracy": .number(bin.count > 0 ? Double(bin.right) / Double(bin.count) : .nan),
        ])
      })
    return .object(members)
  }
}
