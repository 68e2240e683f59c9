import CommandLine
import Models

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

  /// Refuses pieces of less than two images, and pieces of what must be seen whole.
  ///
  /// - Parameter architecture: The network, where it is known already.
  /// - Throws: `UsageError`.
  static func validate(
    _ pieces: Int, batchSize: Int, of architecture: Architecture? = nil
  ) throws(UsageError) {
    guard pieces > 1 else { return }
    if pieces > batchSize / 2 {
      throw .conflict(
        "--accumulate \(pieces) leaves pieces of less than two images of a batch of \(batchSize).")
    }
    if let architecture, architecture.hasBatchNorms {
      throw .conflict(
        "--accumulate \(pieces) does not go with the batch norms of \(architecture.name), each of "
          + "which needs all images of a batch before the next layer; use a smaller --batch-size or "
          + "more processes.")
    }
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
