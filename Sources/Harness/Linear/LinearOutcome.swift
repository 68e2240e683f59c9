import Evaluation

/// What one seed of a probe found.
struct LinearOutcome {
  let seed: Int
  /// What was chosen, by the names of results: `learning_rate`, `epoch` (from 1), `regularization`.
  let chosen: [String: Double]
  /// What a reader must know of the choice.
  let remarks: [String]
  /// Images that it was made on.
  let heldOutCount: Int
  /// The chosen classifier, where it is a map of features; its answers on the validation images, and
  /// their score.
  let classifier: ProbeClassifier?
  let records: [ClassificationRecord]
  let score: ClassificationScore
  /// Validation top-1 by epoch; empty where there are no epochs.
  var curve: [Double] = []
  /// Held-out top-1 by epoch; empty when nothing was chosen.
  var heldOutCurve: [Double] = []
  /// Training loss by epoch.
  var lossCurve: [Double] = []
}
