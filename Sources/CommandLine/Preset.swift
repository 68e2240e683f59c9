/// How large a run is; what is trained is another question.
public enum Preset: String, OptionChoice, Sendable {
  /// Seconds: does it work at all.
  case smoke
  /// Minutes: small network, small images, a short schedule.
  case mini
  /// The published sizes.
  case full
}
