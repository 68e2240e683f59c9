import CommandLine

/// The option `--groups`.
enum GroupCount {
  /// Refuses groups that do not divide a batch, or by which no tree of sums is even.
  ///
  /// - Throws: `UsageError`.
  static func validate(_ groups: Int?, batchSize: Int) throws(UsageError) {
    guard let groups, groups < 1 || groups.nonzeroBitCount != 1 || batchSize % groups != 0 else {
      return
    }
    throw .conflict(
      "--groups \(groups) must be a power of two that divides the batch of \(batchSize).")
  }
}
