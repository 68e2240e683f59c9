import CounterRandom
import Foundation
import Models
import Threads
import VisionData

/// Decodes and augments the images of a detector's training batches, a few batches ahead.
///
/// The draws of an image depend on seed, epoch, its index and how often it came before in the
/// epoch, and batches come in order, so the tensors do not depend on threads or timing.
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
  /// - Parameters:
  ///   - batches: Indices into the annotations' images.
  ///   - own: Which of them are loaded, where processes share them; nil is all.
  ///   - after: Batches of the epoch that came before.
  public init(
    _ dataset: DetectionDataset, batches: [[Int]], augmentation: DetectionAugmentation,
    seed: UInt64, epoch: Int, own: [Int]? = nil, after: [[Int]] = [],
    threadCount: Int = ThreadPool.shared.threadCount
  ) {
    let occurrences = Self.occurrences(after + batches).dropFirst(after.count)
    let own = own ?? Array(batches.indices)
    prefetch = OrderedPrefetch(
      own.indices, depth: 3, threadCount: threadCount, partCount: { batches[own[$0]].count }
    ) {
      Slot(count: batches[own[$0]].count)
    } load: { slot, number, position in
      let batch = own[number]
      let image = batches[batch][position]
      // Groups are filled up by repeating images; each time one is seen otherwise.
      let occurrence = occurrences[occurrences.startIndex + batch][position]
      var stream = RandomStream(
        seed: seed, purpose: .augmentation, epoch: epoch, sample: (occurrence << 48) + image)
      slot.samples[position] = augmentation(try dataset.sample(image), stream: &stream)
    }
  }

  /// How often each image came before it in the batches.
  private static func occurrences(_ batches: [[Int]]) -> [[Int]] {
    var seen: [Int: Int] = [:]
    return batches.map { batch in
      batch.map { image in
        defer { seen[image, default: 0] += 1 }
        return seen[image, default: 0]
      }
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
