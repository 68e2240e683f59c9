import CommandLine
import CounterRandom
import Foundation
import Models
import Synchronization
import TensorCore
import Threads
import VisionData

/// What to do with an image that cannot be decoded.
public enum BadImagePolicy: String, OptionChoice, Sendable {
  /// Stop with the image's name.
  case fail
  /// Leave it out, count it, and name it at the end.
  case skip
}

/// Decodes, transforms and normalises images on threads of its own, a few batches ahead.
///
/// The draws of an image depend on seed, epoch and its index, and batches come in order, so the
/// tensors do not depend on threads or timing. Memory is bounded by the batches in flight.
public final class BatchLoader {
  /// Images ready for a network.
  public struct Batch {
    /// `[B, 3, S, S]`.
    public let images: Tensor
    /// Class of each image.
    public let labels: [Int]
    /// Position of each image in the folder.
    public let indices: [Int]
  }

  /// What the threads share.
  private final class Shared: @unchecked Sendable {
    // Everything below is used under `condition`, but for the slots' buffers: each element is
    // written by one thread and read after the slot is complete.
    let condition = NSCondition()
    var nextItem: Int
    var consumed = 0
    var isCancelled = false
    var slots: [Int: Slot] = [:]

    let folder: ImageFolder
    let order: [Int]
    /// How often the image of each place came before; empty when every image comes once.
    let occurrences: [Int]
    let transforms: [any ImageTransform]
    let normalization: PixelNormalization
    let batchSize: Int
    let seed: UInt64
    let epoch: Int
    let depth: Int

    init(
      folder: ImageFolder, order: [Int], transforms: [any ImageTransform], occurrences: [Int],
      nextItem: Int, normalization: PixelNormalization, batchSize: Int, seed: UInt64, epoch: Int,
      depth: Int
    ) {
      self.folder = folder
      self.order = order
      self.transforms = transforms
      self.occurrences = occurrences
      self.nextItem = nextItem
      self.normalization = normalization
      self.batchSize = batchSize
      self.seed = seed
      self.epoch = epoch
      self.depth = depth
    }
  }

  private final class Slot: @unchecked Sendable {
    let images: [Tensor]
    var remaining: Int
    var failures: [Int: ImageError] = [:]
    init(images: [Tensor], count: Int) {
      self.images = images
      remaining = count
    }
  }

  private let shared: Shared
  private let policy: BadImagePolicy
  private var nextBatch = 0
  /// Images left out so far, with the reason.
  public private(set) var skipped: [ImageError] = []

  /// Starts loading.
  ///
  /// - Parameters:
  ///   - folder: Where the images are.
  ///   - order: Which images, in which order.
  ///   - startBatch: Batches of the order that are left out, for runs that go on.
  ///   - transforms: One pipeline a view; each gives square images of its own size.
  ///   - policy: What to do with images that cannot be decoded.
  ///   - threadCount: Decoding threads.
  public init(
    folder: ImageFolder, order: [Int], startBatch: Int = 0, transforms: [any ImageTransform],
    normalization: PixelNormalization = .imageNet, batchSize: Int, seed: UInt64, epoch: Int,
    policy: BadImagePolicy, threadCount: Int = ThreadPool.shared.threadCount
  ) {
    precondition(batchSize > 0 && !transforms.isEmpty, "a batch needs images and a transform")
    self.policy = policy
    nextBatch = startBatch
    shared = Shared(
      folder: folder, order: order, transforms: transforms,
      occurrences: Self.occurrences(order, of: folder.count), nextItem: startBatch * batchSize,
      normalization: normalization, batchSize: batchSize, seed: seed, epoch: epoch, depth: 3)
    shared.consumed = startBatch
    for _ in 0..<max(1, threadCount) {
      let thread = Thread { [shared] in Self.work(shared) }
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  deinit {
    shared.condition.lock()
    shared.isCancelled = true
    shared.condition.broadcast()
    shared.condition.unlock()
  }

  /// How often each place's image came before it; empty when none comes twice.
  private static func occurrences(_ order: [Int], of count: Int) -> [Int] {
    var seen = [Int](repeating: 0, count: count)
    var result: [Int] = []
    result.reserveCapacity(order.count)
    for index in order {
      result.append(seen[index])
      seen[index] += 1
    }
    return result.contains { $0 > 0 } ? result : []
  }

  private static func work(_ shared: Shared) {
    while true {
      shared.condition.lock()
      while !shared.isCancelled, shared.nextItem < shared.order.count,
        shared.nextItem / shared.batchSize >= shared.consumed + shared.depth
      { shared.condition.wait() }
      guard !shared.isCancelled, shared.nextItem < shared.order.count else {
        shared.condition.unlock()
        return
      }
      let item = shared.nextItem
      shared.nextItem += 1
      let (batch, position) = (item / shared.batchSize, item % shared.batchSize)
      let slot =
        shared.slots[batch]
        ?? {
          let count = min(shared.batchSize, shared.order.count - batch * shared.batchSize)
          let made = Slot(
            images: shared.transforms.map {
              Tensor(uninitialized: [count, 3, $0.size, $0.size])
            }, count: count)
          shared.slots[batch] = made
          return made
        }()
      shared.condition.unlock()
      let failure = load(shared, slot, item, position)
      shared.condition.lock()
      if let failure { slot.failures[position] = failure }
      slot.remaining -= 1
      if slot.remaining == 0 { shared.condition.broadcast() }
      shared.condition.unlock()
    }
  }

  private static func load(
    _ shared: Shared, _ slot: Slot, _ item: Int, _ position: Int
  ) -> ImageError? {
    let index = shared.order[item]
    let occurrence = shared.occurrences.isEmpty ? 0 : shared.occurrences[item]
    do throws(ImageError) {
      let image = try ImageFile.decode(path: shared.folder.path(index))
      for (view, transform) in shared.transforms.enumerated() {
        var stream = RandomStream(
          seed: shared.seed, purpose: .augmentation, epoch: shared.epoch,
          sample: (occurrence << 48) + index * 16 + view)
        transform.write(
          image, normalization: shared.normalization, stream: &stream,
          to: slot.images[view].pointer + position * 3 * transform.size * transform.size)
      }
      return nil
    } catch {
      return error
    }
  }

  /// The next batch of the first view, or nil at the end.
  ///
  /// - Throws: `ImageError` for an image that cannot be decoded, when the policy is to fail.
  public func next() throws -> Batch? {
    try nextViews().map { Batch(images: $0.views[0], labels: $0.labels, indices: $0.indices) }
  }

  /// The next batch in all views, or nil at the end.
  ///
  /// - Throws: `ImageError` for an image that cannot be decoded, when the policy is to fail.
  public func nextViews() throws -> (views: [Tensor], labels: [Int], indices: [Int])? {
    let start = nextBatch * shared.batchSize
    guard start < shared.order.count else { return nil }
    let number = nextBatch
    nextBatch += 1
    shared.condition.lock()
    while (shared.slots[number]?.remaining ?? 1) > 0 { shared.condition.wait() }
    let slot = shared.slots.removeValue(forKey: number)
    shared.consumed = nextBatch
    shared.condition.broadcast()
    shared.condition.unlock()
    guard let slot else { return nil }
    let indices = Array(shared.order[start..<min(shared.order.count, start + shared.batchSize)])
    for position in slot.failures.keys.sorted() {
      guard let failure = slot.failures[position] else { continue }
      if policy == .fail { throw failure }
      skipped.append(failure)
    }
    let kept = indices.indices.filter { slot.failures[$0] == nil }
    guard !kept.isEmpty else { return try nextViews() }
    let views = kept.count == indices.count ? slot.images : slot.images.map { Self.rows($0, kept) }
    return (
      views, kept.map { Int(shared.folder.labels[indices[$0]]) }, kept.map { indices[$0] }
    )
  }

  private static func rows(_ tensor: Tensor, _ kept: [Int]) -> Tensor {
    let width = tensor.elementCount / tensor.shape[0]
    let result = Tensor(uninitialized: [kept.count] + tensor.shape.dropFirst())
    for (row, source) in kept.enumerated() {
      (result.pointer + row * width).update(from: tensor.pointer + source * width, count: width)
    }
    return result
  }
}
