/// Which images an epoch shows when every image is shown several times in a row.
///
/// One permutation of all images is drawn, each image is repeated, and the list is dealt to the
/// processes in turn, so that the copies of an image land in the same batch, in different
/// processes. The epoch is not made longer: it ends after about as many images as there are, so
/// that a third of them is seen with three repeats.
///
/// Source: Hoffer et al., Augment Your Batch, 2020; DeiT's `RASampler`.
public struct RepeatedAugmentation: Sendable, Equatable {
  /// Times an image is shown.
  public var repeats: Int
  /// An epoch has a multiple of this many images in all processes together; data sets smaller than
  /// this are shown in full.
  public var rounding: Int

  /// DeiT's setting: three repeats, whole groups of 256.
  public init(repeats: Int = 3, rounding: Int = 256) {
    precondition(repeats > 0 && rounding > 0, "repeats and rounding must be positive")
    self.repeats = repeats
    self.rounding = rounding
  }

  /// The images of one process, by position.
  ///
  /// - Parameters:
  ///   - permutation: All images in the epoch's order, the same in every process.
  ///   - rank: Which process, in 0..<world.
  ///   - world: How many processes.
  /// - Returns: `⌊N / rounding⌋ · rounding / world` positions, rounded down, of N images;
  ///   `⌈N / world⌉` for N below the rounding.
  public func order(_ permutation: [Int], rank: Int = 0, world: Int = 1) -> [Int] {
    precondition(world > 0 && (0..<world).contains(rank), "rank \(rank) of \(world)")
    let count = permutation.count
    guard count > 0 else { return [] }
    let selected =
      count >= rounding
      ? count / rounding * rounding / world : (count + world - 1) / world
    // Where the list does not divide, it goes on from its beginning.
    return (0..<selected).map { permutation[($0 * world + rank) / repeats % count] }
  }

  /// The images of one process in an epoch, in an order that depends on the seed and the epoch.
  public func order(
    count: Int, seed: UInt64, epoch: Int, rank: Int = 0, world: Int = 1
  ) -> [Int] {
    order(epochOrder(count: count, seed: seed, epoch: epoch), rank: rank, world: world)
  }
}
