/// How prediction files store classes.
public enum PredictionValues: String, Sendable, CaseIterable {
  /// As the ground truth does, for ADE20K 1...150.
  case ids
  /// Class indices from 0.
  case indices
}
