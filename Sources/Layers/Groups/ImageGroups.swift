import Processes

/// How the images of an update are cut into groups, and which of them this process computes.
///
/// A batch of `batchSize` images is `count` groups of consecutive images. What is summed over images
/// (gradients, statistics, losses) is summed inside each group and then over the groups by one fixed
/// binary tree, so that the numbers are the same whether one process computes all groups or several
/// compute a branch each.
public struct ImageGroups: Sendable {
  /// Images and groups of an update, over all processes.
  public let batchSize, count: Int
  /// This process and the others.
  public let communicator: any Communicator

  /// Cuts a batch.
  ///
  /// - Precondition: the groups divide the batch and the processes the groups, both as powers of two.
  public init(batchSize: Int, count: Int, communicator: any Communicator = SingleProcess()) {
    precondition(
      count > 0 && batchSize % count == 0 && count % communicator.size == 0
        && communicator.size.nonzeroBitCount == 1,
      "\(batchSize) images in \(count) groups on \(communicator.size) processes")
    self.batchSize = batchSize
    self.count = count
    self.communicator = communicator
  }

  /// Cuts a batch for the processes at work.
  ///
  /// - Throws: `ProcessCountError` when they cannot share the groups with the same sums.
  public static func shared(batchSize: Int, count: Int) throws(ProcessCountError) -> ImageGroups {
    let communicator = Processes.current
    let isBranching = count.nonzeroBitCount == 1
    guard communicator.size == 1 || isBranching && count % communicator.size == 0 else {
      let powers = sequence(first: 1) { $0 * 2 }.prefix { $0 <= count }
      throw ProcessCountError(
        size: communicator.size, allowed: isBranching ? Array(powers) : [1],
        reason: "a batch of \(batchSize) images is \(count) group\(count == 1 ? "" : "s")",
        remedies: ["give other --groups", "give another --batch-size"])
    }
    return ImageGroups(batchSize: batchSize, count: count, communicator: communicator)
  }

  /// One group on one process.
  public static func whole(_ batchSize: Int) -> ImageGroups {
    ImageGroups(batchSize: batchSize, count: 1)
  }

  /// Images of a group.
  public var groupSize: Int { batchSize / count }
  /// The groups that this process computes.
  public var ownCount: Int { count / communicator.size }
  /// The images of the batch that this process sees.
  public var ownImages: Range<Int> { communicator.share(of: batchSize) }
  /// Each own group's images, as positions among the own images.
  public var ownGroups: [Range<Int>] {
    (0..<ownCount).map { $0 * groupSize..<($0 + 1) * groupSize }
  }

  /// The most groups that cost no speed: the largest power of two that divides a batch into groups of
  /// at least `work` multiply-adds forwards.
  ///
  /// Each group costs passes over all gradients; at this size they are below 3 % of its time.
  public static func usualCount(batchSize: Int, workPerImage: Double) -> Int {
    var count = 1
    while batchSize % (count * 2) == 0,
      Double(batchSize / (count * 2)) * workPerImage >= leastWork
    {
      count *= 2
    }
    return count
  }

  // Eight images of Swin-T, or four in two views. Measured there on two cores, where gradients are
  // added in some 40 ms: half of it costs 6 %.
  private static let leastWork = 35e9
}
