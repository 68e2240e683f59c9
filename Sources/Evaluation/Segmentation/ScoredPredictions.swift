/// The images of one folder of predictions, scored.
public struct ScoredPredictions {
  /// What one image gave.
  public struct Image: Sendable {
    /// Its pixel counts.
    public let record: SegmentationRecord
    /// Counted pixels that agree as they are, after adding 1 and after subtracting 1.
    public let agreement: SIMD3<Int>

    /// Takes the counts of one image.
    public init(record: SegmentationRecord, agreement: SIMD3<Int>) {
      self.record = record
      self.agreement = agreement
    }
  }

  /// The folder as it was given.
  public let folder: String
  /// One record an image.
  public let records: [SegmentationRecord]
  /// All images together.
  public let score: SegmentationScore
  /// What a reader must know.
  public private(set) var notes: [String] = []
  /// Whether the values look moved by one against the ground truth.
  public private(set) var isShifted = false

  /// Adds the images up.
  public init(folder: String, outcomes: [Image], classCount: Int) {
    self.folder = folder
    records = outcomes.map(\.record)
    var score = SegmentationScore(classCount: classCount)
    for record in records { score.add(record) }
    self.score = score
    let agreement = outcomes.reduce(SIMD3<Int>.zero) { $0 &+ $1.agreement }
    let counted = score.labelled.reduce(0, +)
    for (at, change) in [(1, "adding 1"), (2, "subtracting 1")]
    where agreement[at] > 2 * agreement[0] && agreement[at] * 3 > counted {
      isShifted = true
      let (moved, plain) = (
        twoDecimals(Double(agreement[at]) / Double(counted)), twoDecimals(score.pixelAccuracy)
      )
      notes.append(
        "SUSPECT: all predictions of \(folder) seem to be shifted by one: \(moved) % of the pixels "
          + "agree after \(change), \(plain) % as they are; see --prediction-values")
    }
  }
}
