import CounterRandom
import Foundation
import Models
import Threads
import VisionData

/// Decodes and augments the images of a detector's training batches, a few batches ahead.
///
/// The draws of an image depend on seed, epoch and its index, and batches come in order, so the
/// tensors do not depend on threads or timing.
public final class DetectionLoader {
  // Each sample is written by one thread.
  private final class Slot: @unchecked Sendable {
    let samples: UnsafeMutableBufferPointer<DetectionSample?>

    init(count: Int) {
      samples = .allocate(capacity: count)
      samples.initialize(repeating: nil)
    }

    deinit {
      samples.deinitialize()
      samples.deallocate()
    }
  }

  private let prefetch: OrderedPrefetch<Slot>

  /// Starts loading.
  ///
  /// - Parameter batches: Indices into the annotations' images.
  public init(
    _ dataset: DetectionDataset, batches: [[Int]], augmentation: DetectionAugmentation,
    seed: UInt64, epoch: Int, threadCount: Int = ThreadPool.shared.threadCount
  ) {
    prefetch = OrderedPrefetch(
      batches.indices, depth: 3, threadCount: threadCount, partCount: { batches[$0].count }
    ) {
      Slot(count: batches[$0].count)
    } load: { slot, batch, position in
      let image = batches[batch][position]
      var stream = RandomStream(seed: seed, purpose: .augmentation, epoch: epoch, sample: image)
      slot.samples[position] = augmentation(try dataset.sample(image), stream: &stream)
    }
  }

  /// The next batch, or nil at the end.
  ///
  /// - Throws: What loading an image throws.
  public func next() throws -> DetectionBatch? {
    guard let (slot, failures) = prefetch.next() else { return nil }
    if let error = failures.first?.error { throw (error as? ImageError)?.skippable ?? error }
    return DetectionBatch(slot.samples.compactMap { $0 })
  }
}
