/// How prediction files store classes.
public enum PredictionValues: String, Sendable, CaseIterable {
  /// As the ground truth does, for ADE20K 1...150.
  case ids
  /// Class indices from 0.
  case indices

  /// How predictions of these classes store them.
  public func encoding(of classes: SegmentationClasses) -> LabelEncoding {
    self == .ids ? classes.encoding : LabelEncoding(.direct, classCount: classes.count)
  }
}
