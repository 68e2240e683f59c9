import CounterRandom

/// How the supervised recipes of Swin and DeiT see training images.
///
/// Order: random resized crop, flip, RandAugment, normalisation, random erasing. The recipes' colour
/// jitter has no part in it: timm switches it off beside RandAugment.
///
/// Source: timm's `transforms_imagenet_train`.
public struct SupervisedTransform: ImageTransform, Equatable {
  /// Pixels of the output's side.
  public var size: Int
  /// How boxes are drawn.
  public var crop: RandomResizedCrop
  /// How pixels are weighed.
  public var filter = ResamplingFilter.bicubic
  /// Probability of the flip.
  public var flipProbability = 0.5
  /// The random operations, if any.
  public var randAugment: RandAugment?
  /// The random rectangle of noise, if any.
  public var erasing: RandomErasing?

  /// The published recipe at a size; nil leaves a step out.
  public init(
    size: Int, crop: RandomResizedCrop = RandomResizedCrop(),
    randAugment: RandAugment? = RandAugment(), erasing: RandomErasing? = RandomErasing()
  ) {
    self.size = size
    self.crop = crop
    self.randAugment = randAugment
    self.erasing = erasing
  }

  /// The image as it is before normalisation and erasing.
  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    let box = crop.box(width: image.width, height: image.height, stream: &stream)
    var view = image.resized(width: size, height: size, filter: filter, box: box)
    if stream.uniformDouble() < flipProbability { view = view.flippedHorizontally() }
    return randAugment?(view, stream: &stream) ?? view
  }

  public func write(
    _ image: RGBImage, normalization: PixelNormalization, stream: inout RandomStream,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    normalization.write(self(image, stream: &stream), to: out)
    erasing?(out, width: size, height: size, stream: &stream)
  }

  public var summary: String {
    let steps = [
      "random resized crop \(size) \(filter.rawValue) scale \(crop.scale.lowerBound)-"
        + "\(crop.scale.upperBound)", "flip \(flipProbability)", randAugment?.summary,
      erasing?.summary,
    ]
    return steps.compactMap { $0 }.joined(separator: ", ")
  }
}
