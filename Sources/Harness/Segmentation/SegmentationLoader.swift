import CounterRandom
import Foundation
import Models
import TensorCore
import Threads
import VisionData

/// Which training images belong to which iteration: one shuffled pass over the data after another.
///
/// A batch may take the end of one pass and the beginning of the next. Differs from the source:
/// there, the rest of a pass that fills no batch is dropped.
public struct IterationSampler: Sendable, Equatable {
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

  /// The images of an iteration; depends on seed and iteration alone.
  public func items(iteration: Int) -> [Item] {
    let start = iteration * batchSize
    let epochs = (start / imageCount)...((start + batchSize - 1) / imageCount)
    let orders = epochs.map { epoch in
      var stream = RandomStream(seed: seed, purpose: .shuffle, epoch: epoch)
      return stream.permutation(imageCount)
    }
    return (start..<start + batchSize).map { place in
      let epoch = place / imageCount
      return Item(epoch: epoch, index: orders[epoch - epochs.lowerBound][place % imageCount])
    }
  }
}

/// Decodes, augments and normalises segmentation training images on threads of its own, ahead of use.
///
/// The draws of an image depend on seed, epoch and its index, and batches come in order, so the
/// numbers do not depend on threads or timing, and a resumed run sees what it would have seen.
public final class SegmentationLoader {
  /// Images ready for a network.
  public struct Batch {
    /// The iteration, from 0.
    public let iteration: Int
    /// `[B, 3, S, S]`, normalised, 0 where an image was smaller than the crop.
    public let images: Tensor
    /// `[B, S, S]` class indices, row-major; 255 does not count.
    public let labels: [UInt8]
    /// Where the images come from.
    public let items: [IterationSampler.Item]
  }

  private final class Slot: @unchecked Sendable {
    // Each image's part is written by one thread, and read when none remains.
    let items: [IterationSampler.Item]
    let images: Tensor
    let labels: UnsafeMutablePointer<UInt8>
    let labelCount: Int
    var next = 0
    var remaining: Int
    var failure: (position: Int, error: any Error)?

    init(items: [IterationSampler.Item], size: Int) {
      self.items = items
      images = Tensor(uninitialized: [items.count, 3, size, size])
      labelCount = items.count * size * size
      labels = .allocate(capacity: labelCount)
      labels.initialize(repeating: LabelEncoding.ignored, count: labelCount)
      remaining = items.count
    }

    deinit { labels.deallocate() }
  }

  private final class Shared: @unchecked Sendable {
    // The mutable part is used under `condition`.
    let condition = NSCondition()
    var slots: [Int: Slot] = [:]
    var opened: Int
    var consumed: Int
    var isCancelled = false

    let folder: SegmentationFolder
    let encoding: LabelEncoding
    let transform: SegmentationAugmentation
    let normalization: ByteNormalization
    let sampler: IterationSampler
    let end: Int
    let depth = 2

    init(
      folder: SegmentationFolder, encoding: LabelEncoding, transform: SegmentationAugmentation,
      normalization: ByteNormalization, sampler: IterationSampler, iterations: Range<Int>
    ) {
      self.folder = folder
      self.encoding = encoding
      self.transform = transform
      self.normalization = normalization
      self.sampler = sampler
      opened = iterations.lowerBound
      consumed = iterations.lowerBound
      end = iterations.upperBound
    }
  }

  private let shared: Shared
  private var nextIteration: Int

  /// Starts loading.
  ///
  /// - Parameters:
  ///   - folder: Where images and maps are.
  ///   - encoding: What the maps' values mean.
  ///   - transform: How training images are changed; its crop is the network's input.
  ///   - sampler: Which images come when; its seed is that of the draws, too.
  ///   - iterations: What is to be loaded; a run that goes on starts at its next iteration.
  ///   - threadCount: Decoding threads.
  public init(
    folder: SegmentationFolder, encoding: LabelEncoding, transform: SegmentationAugmentation,
    normalization: ByteNormalization = .imageNet, sampler: IterationSampler,
    iterations: Range<Int>, threadCount: Int = ThreadPool.shared.threadCount
  ) {
    precondition(
      sampler.imageCount <= folder.count,
      "the sampler has \(sampler.imageCount) images, the folder \(folder.count)")
    nextIteration = iterations.lowerBound
    shared = Shared(
      folder: folder, encoding: encoding, transform: transform, normalization: normalization,
      sampler: sampler, iterations: iterations)
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

  /// The next batch, or nil at the end.
  ///
  /// - Throws: `ImageError` or `DatasetError` for the first image of the batch that cannot be used.
  public func next() throws -> Batch? {
    guard nextIteration < shared.end else { return nil }
    let iteration = nextIteration
    nextIteration += 1
    shared.condition.lock()
    while (shared.slots[iteration]?.remaining ?? 1) > 0 { shared.condition.wait() }
    let slot = shared.slots.removeValue(forKey: iteration)
    shared.consumed = nextIteration
    shared.condition.broadcast()
    shared.condition.unlock()
    guard let slot else { return nil }
    if let failure = slot.failure { throw failure.error }
    return Batch(
      iteration: iteration, images: slot.images,
      labels: Array(UnsafeBufferPointer(start: slot.labels, count: slot.labelCount)),
      items: slot.items)
  }

  private static func work(_ shared: Shared) {
    shared.condition.lock()
    defer { shared.condition.unlock() }
    while !shared.isCancelled {
      guard let (slot, position) = claim(shared) else {
        if shared.opened >= shared.end { return }
        shared.condition.wait()
        continue
      }
      shared.condition.unlock()
      let result = Result { try load(shared, slot, position) }
      shared.condition.lock()
      if case .failure(let error) = result, position < slot.failure?.position ?? .max {
        slot.failure = (position, error)
      }
      slot.remaining -= 1
      if slot.remaining == 0 { shared.condition.broadcast() }
    }
  }

  /// The next image that nobody works on, opening a batch where the depth allows; under the lock.
  private static func claim(_ shared: Shared) -> (Slot, Int)? {
    for iteration in shared.consumed..<max(shared.consumed, shared.opened) {
      guard let slot = shared.slots[iteration], slot.next < slot.items.count else { continue }
      slot.next += 1
      return (slot, slot.next - 1)
    }
    guard shared.opened < min(shared.end, shared.consumed + shared.depth) else { return nil }
    let slot = Slot(
      items: shared.sampler.items(iteration: shared.opened), size: shared.transform.crop.size)
    shared.slots[shared.opened] = slot
    shared.opened += 1
    slot.next = 1
    // The other images of the batch are for the other threads.
    shared.condition.broadcast()
    return (slot, 0)
  }

  private static func load(_ shared: Shared, _ slot: Slot, _ position: Int) throws {
    let item = slot.items[position]
    let (image, labels) = try shared.folder.load(item.index, shared.encoding)
    var stream = RandomStream(
      seed: shared.sampler.seed, purpose: .augmentation, epoch: item.epoch, sample: item.index)
    let sample = shared.transform(image, labels, stream: &stream)
    let size = shared.transform.crop.size
    sample.writeImage(
      size: size, shared.normalization, to: slot.images.pointer + position * 3 * size * size)
    sample.writeLabels(size: size, to: slot.labels + position * size * size)
  }
}
