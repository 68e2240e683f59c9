import CounterRandom
import Foundation
import Models
import Threads
import VisionData

/// Decodes and augments the images of a detector's training batches, a few batches ahead.
///
/// The draws of an image depend on seed, epoch and its index, and batches come in order, so the
/// tensors do not depend on threads or timing.
final class DetectionLoader {
  private final class Shared: @unchecked Sendable {
    // Everything that changes is used under `condition`.
    let condition = NSCondition()
    var nextItem = 0
    var consumedItems = 0
    var isCancelled = false
    var finished: [Int: Result<DetectionSample, any Error>] = [:]

    let dataset: DetectionDataset
    let items: [Int]
    let augmentation: DetectionAugmentation
    let seed: UInt64
    let epoch: Int
    let ahead: Int

    init(
      dataset: DetectionDataset, items: [Int], augmentation: DetectionAugmentation, seed: UInt64,
      epoch: Int, ahead: Int
    ) {
      self.dataset = dataset
      self.items = items
      self.augmentation = augmentation
      self.seed = seed
      self.epoch = epoch
      self.ahead = ahead
    }

    func load(_ item: Int) -> Result<DetectionSample, any Error> {
      Result {
        let image = items[item]
        var stream = RandomStream(
          seed: seed, purpose: .augmentation, epoch: epoch, sample: image)
        return augmentation(try dataset.sample(image), stream: &stream)
      }
    }
  }

  private let shared: Shared
  private let batches: [[Int]]
  private var nextBatch = 0

  /// Starts loading.
  ///
  /// - Parameter batches: Indices into the annotations' images.
  init(
    _ dataset: DetectionDataset, batches: [[Int]], augmentation: DetectionAugmentation,
    seed: UInt64, epoch: Int, threadCount: Int = ThreadPool.shared.threadCount
  ) {
    self.batches = batches
    let largest = batches.map(\.count).max() ?? 1
    shared = Shared(
      dataset: dataset, items: batches.flatMap { $0 }, augmentation: augmentation, seed: seed,
      epoch: epoch, ahead: 3 * largest)
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

  private static func work(_ shared: Shared) {
    while true {
      shared.condition.lock()
      while !shared.isCancelled, shared.nextItem < shared.items.count,
        shared.nextItem >= shared.consumedItems + shared.ahead
      { shared.condition.wait() }
      guard !shared.isCancelled, shared.nextItem < shared.items.count else {
        shared.condition.unlock()
        return
      }
      let item = shared.nextItem
      shared.nextItem += 1
      shared.condition.unlock()
      let result = shared.load(item)
      shared.condition.lock()
      shared.finished[item] = result
      shared.condition.broadcast()
      shared.condition.unlock()
    }
  }

  /// The next batch, or nil at the end.
  ///
  /// - Throws: What loading an image throws.
  func next() throws -> DetectionBatch? {
    guard nextBatch < batches.count else { return nil }
    let count = batches[nextBatch].count
    nextBatch += 1
    let first = shared.consumedItems
    shared.condition.lock()
    while !(first..<first + count).allSatisfy({ shared.finished[$0] != nil }) {
      shared.condition.wait()
    }
    let results = (first..<first + count).compactMap { shared.finished.removeValue(forKey: $0) }
    shared.consumedItems += count
    shared.condition.broadcast()
    shared.condition.unlock()
    return DetectionBatch(try results.map { try $0.get() })
  }
}
