import Evaluation

extension RunPlots {
  /// Drawings of what is kept of a detector: precision over recall, calibration and confusions of each
  /// type of overlap.
  public init(_ details: [String: DetectionDetails]) {
    self.init()
    for type in OverlapType.allCases {
      guard let own = details[type.rawValue] else { continue }
      let curves = CocoScores.headlines.compactMap { name, threshold in
        own.curves[name].map {
          Lines.Line(
            name: threshold.map { "overlap \($0)" } ?? "mean over overlaps", x: own.recalls, y: $0)
        }
      }
      if !curves.isEmpty {
        lines.append(
          Lines(
            title: "\(type.title) precision over recall", xLabel: "recall", yLabel: "precision",
            lines: curves))
      }
      if own.calibration.count > 0 {
        reliabilities.append(
          Reliability("\(type.title) calibration at overlap \(own.overlap)", own.calibration))
      }
      if let heat = own.confusionShares(type) { heats.append(heat) }
    }
  }

  /// These and others behind them.
  func followed(by other: RunPlots) -> RunPlots {
    var all = self
    all.lines += other.lines
    all.reliabilities += other.reliabilities
    all.heats += other.heats
    return all
  }
}

extension DetectionDetails {
  /// What becomes of the objects of each class, and what detections without an object are taken for.
  fileprivate func confusionShares(_ type: OverlapType) -> RunPlots.Heat? {
    guard let confusion else { return nil }
    let names = Dictionary(categories.map { ($0.id, $0.name) }) { first, _ in first }
    // Classes without objects have no name here; their detections are strays.
    let places = confusion.categoryIDs.indices.filter { names[confusion.categoryIDs[$0]] != nil }
    let nothing = confusion.categoryIDs.count
    let shown = places + [nothing]
    let titles = places.map { names[confusion.categoryIDs[$0]] ?? "" } + ["nothing"]
    let values = shown.map { object in
      let counts = shown.map { Double(confusion.count(object: object, detection: $0)) }
      let sum = counts.reduce(0, +)
      return counts.map { sum > 0 ? $0 / sum : 0 }
    }
    return RunPlots.Heat(
      title: "\(type.title) confusions, a row a class", rows: titles, columns: titles,
      values: values)
  }
}
