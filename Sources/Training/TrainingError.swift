import FileSupport

/// Why training stopped.
public enum TrainingError: ReportableError, Equatable {
  /// A loss or a gradient was NaN or infinite.
  ///
  /// - `what`: The loss or gradient and whose it is, as a sentence begins with it.
  case notFinite(what: String, step: Int, remedy: String)
  /// A network's outputs for an image were NaN.
  ///
  /// - `network`: What a user calls it.
  case brokenOutput(network: String, image: String)
  /// A saved state lacks or misstates something that every state of this training has.
  case foreignState(String)

  public var exitCode: ExitCode {
    switch self {
    case .notFinite, .brokenOutput: .gateFailed
    case .foreignState: .badData
    }
  }

  public var description: String {
    switch self {
    case .notFinite(let what, let step, let remedy):
      "\(what) is not a finite number at step \(step); \(remedy)."
    case .brokenOutput(let network, let image):
      "the outputs of the \(network) for \(image) are not numbers; train it again with a lower "
        + "--learning-rate, or give another checkpoint."
    case .foreignState(let what):
      "the saved state lacks or misstates \(what); use --restart to begin again."
    }
  }
}
