import CounterRandom
import Geometry
import TensorCore

/// Images ready for a detector, padded on the right and below to one size.
public struct DetectionBatch {
  /// Height and width in pixels.
  public typealias Size = (height: Int, width: Int)

  /// `[B, 3, H, W]`, normalised, zeros where padded.
  public let images: Tensor
  /// Size of each image before padding.
  public let sizes: [Size]
  /// Size of each image after its own padding, before that of the batch.
  public let paddedSizes: [Size]
  /// The objects of each image; empty at test.
  public let targets: [DetectionTarget]

  /// Joins images and targets.
  ///
  /// - Precondition: one size an image, and one target an image or none at all.
  public init(images: Tensor, sizes: [Size], paddedSizes: [Size], targets: [DetectionTarget] = []) {
    precondition(
      images.shape.count == 4 && sizes.count == images.shape[0]
        && paddedSizes.count == sizes.count && (targets.isEmpty || targets.count == sizes.count),
      "\(images.shape) with \(sizes.count) sizes and \(targets.count) targets")
    self.images = images
    self.sizes = sizes
    self.paddedSizes = paddedSizes
    self.targets = targets
  }

  /// How many images there are.
  public var count: Int { sizes.count }
}

/// Where the random choices of one training step come from: the run's seed and the step.
public struct DetectionDraws: Sendable {
  /// The run's seed.
  public let seed: UInt64
  /// The optimiser's step.
  public let step: Int

  /// Names the draws of one step.
  public init(seed: UInt64, step: Int) {
    self.seed = seed
    self.step = step
  }

  /// The draws of one image: sampler 0 chooses anchors, sampler s + 1 the regions of stage s.
  func stream(image: Int, sampler: Int) -> RandomStream {
    RandomStream(seed: seed, purpose: .sampling, epoch: step, sample: image << 8 | sampler)
  }
}
