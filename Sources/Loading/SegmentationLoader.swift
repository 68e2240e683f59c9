import CounterRandom
import Foundation
import Models
import TensorCore
import Threads
import VisionData

/// Decodes, augments and normalises segmentation training images on threads of its own, ahead of use.
///
/// The draws of an image depend on seed, epoch and its index, and batches come in order, so the
/// numbers do not depend on threads or timing, and a resumed run sees what it would have seen.
public final class SegmentationLoader {
  /// Images ready for a network.
  public struct Batch {
    /// The step, from 0.
    public let step: Int
    /// `[B, 3, S, S]`, normalised, 0 where an image was smaller than the crop.
    public let images: Tensor
    /// `[B, S, S]` class indices, row-major; 255 does not count.
    public let labels: [UInt8]
    /// Where the images come from.
    public let items: [StepSampler.Item]

    /// Some of the images, `[count, 3, S, S]`.
    public func images(_ part: Range<Int>) -> Tensor {
      guard part.count < items.count else { return images }
      let shape = images.shape
      return rows(images.reshaped(to: [shape[0], images.elementCount / shape[0]]), part)
        .reshaped(to: [part.count] + shape.dropFirst())
    }

    /// The labels of some of the images.
    public func labels(_ part: Range<Int>) -> [UInt8] {
      let size = labels.count / items.count
      return Array(labels[part.lowerBound * size..<part.upperBound * size])
    }
  }

  // Each image's part is written by one thread.
  private final class Slot: @unchecked Sendable {
    let items: [StepSampler.Item]
    let images: BatchBuffer
    let labels: UnsafeMutableBufferPointer<UInt8>

    init(items: [StepSampler.Item], size: Int) {
      self.items = items
      images = BatchBuffer(shape: [items.count, 3, size, size])
      labels = .allocate(capacity: items.count * size * size)
      labels.initialize(repeating: LabelEncoding.ignored)
    }

    deinit { labels.deallocate() }
  }

  private let prefetch: OrderedPrefetch<Slot>
  private var nextStep: Int

  /// Starts loading.
  ///
  /// - Parameters:
  ///   - folder: Where images and maps are.
  ///   - encoding: What the maps' values mean.
  ///   - transform: How training images are changed; its crop is the network's input.
  ///   - sampler: Which images come when; its seed is that of the draws, too.
  ///   - share: The places of each batch that are loaded, where processes share it; nil is all.
  ///   - steps: What is to be loaded; a run that goes on starts at its next step.
  ///   - threadCount: Decoding threads.
  public init(
    folder: SegmentationFolder, encoding: LabelEncoding, transform: SegmentationAugmentation,
    normalization: ByteNormalization = .imageNet, sampler: StepSampler,
    share: Range<Int>? = nil, steps: Range<Int>,
    threadCount: Int = ThreadPool.shared.threadCount
  ) {
    precondition(
      sampler.imageCount <= folder.count,
      "the sampler has \(sampler.imageCount) images, the folder \(folder.count)")
    nextStep = steps.lowerBound
    let size = transform.crop.size
    let share = share ?? 0..<sampler.batchSize
    prefetch = OrderedPrefetch(
      steps, depth: 2, threadCount: threadCount, partCount: { _ in share.count }
    ) {
      Slot(items: Array(sampler.items(step: $0)[share]), size: size)
    } load: { slot, _, position in
      let item = slot.items[position]
      let (image, labels) = try folder.load(item.index, encoding)
      var stream = RandomStream(
        seed: sampler.seed, purpose: .augmentation, epoch: item.epoch, sample: item.index)
      let sample = transform(image, labels, stream: &stream)
      slot.images.withRow(position) { sample.writeImage(size: size, normalization, to: $0) }
      if let target = slot.labels.baseAddress {
        sample.writeLabels(size: size, to: target + position * size * size)
      }
    }
  }

  /// The next batch, or nil at the end.
  ///
  /// - Throws: `ImageError` or `DatasetError` for the first image of the batch that cannot be used.
  public func next() throws -> Batch? {
    guard let (slot, failures) = prefetch.next() else { return nil }
    let step = nextStep
    nextStep += 1
    if let error = failures.first?.error { throw (error as? ImageError)?.skippable ?? error }
    return Batch(
      step: step, images: slot.images.tensor, labels: Array(slot.labels),
      items: slot.items)
  }
}
