import CommandLine

/// The option `--groups`.
enum GroupCount {
  /// Declares it.
  static var table: OptionTable<Int?> {
    OptionTable().option(
      "groups", \.self, in: .within(1, 1e6), value: "n", .run,
      "Sum gradients in n groups of images, a power of two: as many processes can share a batch.")
  }

  /// Refuses groups that do not divide a batch and its passes, or by which no tree of sums is even.
  ///
  /// - Parameter imagesPerPass: Images that pass together; nil is the batch.
  /// - Throws: `UsageError`.
  static func validate(
    _ groups: Int?, batchSize: Int, imagesPerPass: Int? = nil
  ) throws(UsageError) {
    guard let groups else { return }
    guard groups > 0, groups.nonzeroBitCount == 1, batchSize % groups == 0 else {
      throw .conflict(
        "--groups \(groups) must be a power of two that divides the batch of \(batchSize).")
    }
    if let imagesPerPass, imagesPerPass % (batchSize / groups) != 0 {
      throw .conflict(
        "--groups \(groups) makes groups of \(batchSize / groups) images, which passes of "
          + "\(imagesPerPass) cannot be made of.")
    }
  }
}
