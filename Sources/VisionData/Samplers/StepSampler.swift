/// Which training images belong to which step: one shuffled pass over the data after another.
///
/// A batch may take the end of one pass and the beginning of the next. Differs from the source:
/// there, the rest of a pass that fills no batch is dropped.
public struct StepSampler: Sendable, Equatable {
  /// Images of the data set, and of a batch.
  public let imageCount, batchSize: Int
  /// Seed of the order.
  public let seed: UInt64

  /// One image of a batch.
  public struct Item: Sendable, Equatable {
    /// The pass over the data, from 0; every image comes once in each.
    public let epoch: Int
    /// The image's position in the data set.
    public let index: Int
  }

  /// Sets the sizes.
  ///
  /// - Precondition: both are positive.
  public init(imageCount: Int, batchSize: Int, seed: UInt64) {
    precondition(
      imageCount > 0 && batchSize > 0, "batches of \(batchSize) from \(imageCount) images")
    self.imageCount = imageCount
    self.batchSize = batchSize
    self.seed = seed
  }

  /// The images of a step; depends on seed and step alone.
  public func items(step: Int) -> [Item] {
    let start = step * batchSize
    let epochs = (start / imageCount)...((start + batchSize - 1) / imageCount)
    let orders = epochs.map { epochOrder(count: imageCount, seed: seed, epoch: $0) }
    return (start..<start + batchSize).map { place in
      let epoch = place / imageCount
      return Item(epoch: epoch, index: orders[epoch - epochs.lowerBound][place % imageCount])
    }
  }
}
