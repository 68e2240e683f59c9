import CounterRandom
import Foundation
import Models
import Synchronization
import TensorCore
import Threads
import VisionData

/// What to do with an image that cannot be decoded.
public enum BadImagePolicy: String, Sendable, CaseIterable {
  /// Stop with the image's name.
  case fail
  /// Leave it out, count it, and name it at the end.
  case skip

  /// Says which images were left out; nil for none.
  ///
  /// - Parameter kind: What they are: `training images`.
  public static func note(leftOut names: [String], kind: String = "images") -> String? {
    guard !names.isEmpty else { return nil }
    return "\(names.count) \(kind) could not be decoded and were left out: "
      + names.prefix(3).joined(separator: ", ") + (names.count > 3 ? "…" : "")
  }
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

    /// Collects a batch.
    public init(images: Tensor, labels: [Int], indices: [Int]) {
      (self.images, self.labels, self.indices) = (images, labels, indices)
    }
  }

  private let prefetch: OrderedPrefetch<[BatchBuffer]>
  private let folder: ImageFolder
  private let order: [Int]
  private let batchSize: Int
  private let share: Range<Int>
  private let policy: BadImagePolicy
  private var nextBatch: Int
  /// Images left out so far, with the reason.
  public private(set) var skipped: [ImageError] = []

  /// Starts loading.
  ///
  /// - Parameters:
  ///   - folder: Where the images are.
  ///   - order: Which images, in which order.
  ///   - startBatch: Batches of the order that are left out, for runs that go on.
  ///   - share: The places of each batch that are loaded, where processes share it; nil is all.
  ///   - transforms: One pipeline a view; each gives square images of its own size.
  ///   - policy: What to do with images that cannot be decoded.
  ///   - threadCount: Decoding threads.
  public init(
    folder: ImageFolder, order: [Int], startBatch: Int = 0, share: Range<Int>? = nil,
    transforms: [any ImageTransform], normalization: PixelNormalization = .imageNet, batchSize: Int,
    seed: UInt64, epoch: Int,
    policy: BadImagePolicy, threadCount: Int = ThreadPool.shared.threadCount
  ) {
    precondition(batchSize > 0 && !transforms.isEmpty, "a batch needs images and a transform")
    self.folder = folder
    self.order = order
    self.batchSize = batchSize
    let share = share ?? 0..<batchSize
    self.share = share
    self.policy = policy
    nextBatch = startBatch
    let occurrences = Self.occurrences(order, of: folder.count)
    let batchCount = (order.count + batchSize - 1) / batchSize
    func count(_ batch: Int) -> Int {
      max(0, min(share.upperBound, order.count - batch * batchSize) - share.lowerBound)
    }
    prefetch = OrderedPrefetch(
      min(startBatch, batchCount)..<batchCount, depth: 3, threadCount: threadCount,
      partCount: count
    ) { batch in
      transforms.map { BatchBuffer(shape: [count(batch), 3, $0.size, $0.size]) }
    } load: { views, batch, position in
      let place = batch * batchSize + share.lowerBound + position
      let index = order[place]
      let occurrence = occurrences.isEmpty ? 0 : occurrences[place]
      let image = try folder.image(index)
      for (view, transform) in transforms.enumerated() {
        var stream = RandomStream(
          seed: seed, purpose: .augmentation, epoch: epoch,
          sample: (occurrence << 48) + index * 16 + view)
        views[view].withRow(position) {
          transform.write(image, normalization: normalization, stream: &stream, to: $0)
        }
      }
    }
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

  /// The next batch of the first view with an image in it, or nil at the end.
  ///
  /// - Throws: `ImageError` for an image that cannot be decoded, when the policy is to fail.
  public func next() throws -> Batch? {
    while let (views, labels, indices) = try nextViews() {
      if !labels.isEmpty { return Batch(images: views[0], labels: labels, indices: indices) }
    }
    return nil
  }

  /// The next batch in all views, or nil at the end; it lacks the images that were left out.
  ///
  /// - Throws: `ImageError` for an image that cannot be decoded, when the policy is to fail.
  public func nextViews() throws -> (views: [Tensor], labels: [Int], indices: [Int])? {
    guard let (views, failures) = prefetch.next() else { return nil }
    let start = nextBatch * batchSize + share.lowerBound
    nextBatch += 1
    let indices = Array(order[start..<start + views[0].shape[0]])
    for failure in failures {
      guard let error = failure.error as? ImageError else { throw failure.error }
      if policy == .fail { throw error.skippable }
      skipped.append(error)
    }
    let bad = Set(failures.map(\.part))
    let kept = indices.indices.filter { !bad.contains($0) }
    return (
      views.map { bad.isEmpty ? $0.tensor : $0.tensor(rows: kept) },
      kept.map { Int(folder.labels[indices[$0]]) }, kept.map { indices[$0] }
    )
  }
}
