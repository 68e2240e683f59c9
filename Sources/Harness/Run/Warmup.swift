import CommandLine

extension UsageError {
  /// Refuses a warm-up that the run is too short for: its learning rate would never be the one given.
  ///
  /// - Parameters:
  ///   - epochs: Of the warm-up.
  ///   - length: Epochs of the run.
  ///   - isGiven: Whether the warm-up was given, and is not the recipe's.
  /// - Throws: The refusal.
  static func checkWarmup(_ epochs: Int, of length: Int, isGiven: Bool) throws(UsageError) {
    guard epochs > length else { return }
    throw .conflict(
      isGiven
        ? "--warmup-epochs \(epochs) are more than the \(length) epochs of the run."
        : "the recipe warms up for \(epochs) epochs, more than the \(length) epochs of the run; "
          + "give --warmup-epochs, too.")
  }
}
