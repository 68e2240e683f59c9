import CounterRandom

/// The order of a detector's training images: batches in which all images are wide or all are not,
/// so that little is padded.
///
/// Both groups are shuffled and filled up to whole batches by repetition; then the batches are
/// shuffled.
///
/// Source: mmdet 2, GroupSampler. Differs from the source: the draws are this project's streams.
public struct AspectRatioBatches: Sendable {
  private let groups: [[Int]]
  private let batchSize: Int
  private let groupMultiple: Int
  private let seed: UInt64

  /// Splits images by width over height above 1 or not.
  ///
  /// - Parameter groupMultiple: Images that each group is filled up to a multiple of: those of an
  ///   update of several batches. One batch when absent.
  /// - Precondition: batches hold at least one image, and groups whole batches.
  public init(
    sizes: [(width: Int, height: Int)], batchSize: Int, groupMultiple: Int? = nil, seed: UInt64
  ) {
    precondition(batchSize > 0, "a batch needs an image")
    self.groupMultiple = groupMultiple ?? batchSize
    precondition(
      self.groupMultiple % batchSize == 0 && self.groupMultiple > 0, "groups need whole batches")
    let indices = Array(sizes.indices)
    groups = [
      indices.filter { sizes[$0].width <= sizes[$0].height },
      indices.filter { sizes[$0].width > sizes[$0].height },
    ].filter { !$0.isEmpty }
    self.batchSize = batchSize
    self.seed = seed
  }

  /// Batches in one pass over the images.
  public var batchCount: Int {
    groups.reduce(0) { $0 + filledCount($1) / batchSize }
  }

  private func filledCount(_ group: [Int]) -> Int {
    (group.count + groupMultiple - 1) / groupMultiple * groupMultiple
  }

  /// The batches of one epoch, each of `batchSize` image indices.
  public func batches(epoch: Int) -> [[Int]] {
    var stream = RandomStream(seed: seed, purpose: .shuffle, epoch: epoch)
    var batches: [[Int]] = []
    for group in groups {
      let order = stream.permutation(group.count).map { group[$0] }
      let total = filledCount(group)
      let filled = (0..<total).map { order[$0 % order.count] }
      for start in stride(from: 0, to: total, by: batchSize) {
        batches.append(Array(filled[start..<start + batchSize]))
      }
    }
    return stream.permutation(batches.count).map { batches[$0] }
  }
}
