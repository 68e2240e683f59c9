import Evaluation

extension RunPlots {
  /// Everything that a run has to draw: its file, and the details of a detector.
  init(_ run: StoredRun) {
    self.init(folder: run.path)
    for (type, details) in run.result.detection.sorted(by: { $0.key < $1.key }) {
      add(details, named: OverlapType(rawValue: type)?.title ?? type)
    }
  }

  private mutating func add(_ details: DetectionDetails, named name: String) {
    let curves = CocoScores.headlines.map(\.name).compactMap { curve in
      details.curves[curve].map { Lines.Line(name: curve, x: details.recalls, y: $0) }
    }
    if !curves.isEmpty {
      let best = details.best.map { point in
        "; best F1 \(fixed(point.f1, 2)) from score \(fixed(point.score, 2)) on"
      }
      lines.append(
        Lines(
          title: "\(name) precision against recall, mean over classes" + (best ?? ""),
          xLabel: "recall", yLabel: "precision", lines: curves))
    }
    if details.calibration.count > 0 {
      let error = percentage(details.calibration.expectedError)
      reliabilities.append(
        Reliability(
          "\(name) scores against how often they are right, expected error \(error) %",
          details.calibration))
    }
    if let confusion = details.confusion {
      let names = Dictionary(
        details.categories.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
      heats.append(Heat(confusion, title: "\(name) objects and what they are taken for, %", names))
    }
  }
}

extension RunPlots.Heat {
  /// The categories that can be told apart on a page.
  private static let limit = 24

  /// The parts of each category's objects that are taken for each category; of many categories those
  /// with the most mistakes.
  init(_ confusion: DetectionConfusion, title: String, _ names: [Int: String]) {
    let all = confusion.categoryIDs.indices
    func mistakes(_ place: Int) -> Int {
      all.filter { $0 != place }.reduce(0) {
        $0 + confusion.count(object: place, detection: $1)
          + confusion.count(object: $1, detection: place)
      }
    }
    let counts = all.map(mistakes)
    let chosen =
      all.count <= Self.limit
      ? Array(all)
      : all.sorted { (counts[$1], $0) < (counts[$0], $1) }.prefix(Self.limit).sorted()
    let shown = chosen + [confusion.side - 1]
    func name(_ place: Int, _ other: String) -> String {
      guard all.contains(place) else { return other }
      return names[confusion.categoryIDs[place]] ?? "class \(confusion.categoryIDs[place])"
    }
    self.init(
      title: title + (chosen.count < all.count ? "; \(chosen.count) of \(all.count) classes" : ""),
      rows: shown.map { name($0, "no object") }, columns: shown.map { name($0, "not found") },
      values: shown.map { row in
        let sum = (0..<confusion.side).reduce(0) {
          $0 + confusion.count(object: row, detection: $1)
        }
        return shown.map {
          sum == 0 ? 0 : Double(confusion.count(object: row, detection: $0)) / Double(sum)
        }
      })
  }
}
