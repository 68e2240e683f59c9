/// How large a run is; what is trained is another question.
public enum Preset: String, OptionChoice, Sendable {
  /// Seconds: does it work at all.
  case smoke
  /// Minutes: small network, small images, a short schedule.
  case mini
  /// The published sizes.
  case full

  /// A recipe at this size, in tables and files: `mask-rcnn-1x`, `mask-rcnn-1x (mini)`.
  public func title(_ recipe: String) -> String {
    self == .full ? recipe : "\(recipe) (\(rawValue))"
  }
}
