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

/// The option `--accumulate`.
enum Accumulation {
  /// Declares it.
  static var table: OptionTable<Int> {
    OptionTable().option(
      "accumulate", \.self, in: .within(1, 1e6), value: "n", .run,
      "Take a batch in n pieces, for less memory and a third more time.")
  }

  /// Refuses pieces of less than two images.
  ///
  /// - Throws: `UsageError`.
  static func validate(_ pieces: Int, batchSize: Int) throws(UsageError) {
    guard pieces > 1, pieces > batchSize / 2 else { return }
    throw .conflict(
      "--accumulate \(pieces) leaves pieces of less than two images of a batch of \(batchSize).")
  }
}

/// The option `--layer-decay`.
enum LayerDecayFactor {
  /// Declares it.
  static var table: OptionTable<Float> {
    OptionTable().option(
      "layer-decay", \.self, in: .within(0.01, 1), value: "x", .protocolSettings,
      "Rate of a backbone's layer over that of the next; for a ViT usually 0.65 to 0.9.")
  }
}
