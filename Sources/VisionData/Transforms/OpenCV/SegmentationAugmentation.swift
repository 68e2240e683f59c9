import CounterRandom
import Geometry

/// One training image with its labels, as the network sees them before padding.
public struct SegmentationSample: Sendable, Equatable {
  /// The picture.
  public let image: RGBImage
  /// Class indices, 255 ignored; of the picture's size.
  public let labels: LabelMap

  /// Writes the normalised, padded picture, `[3, size, size]`.
  ///
  /// The padding on the right and below is 0 after normalisation: the mean colour, not black.
  ///
  /// - Parameter out: Room for `3 · size²` numbers.
  /// - Precondition: the picture is at most `size` pixels wide and high.
  public func writeImage(
    size: Int, _ normalization: ByteNormalization = .imageNet,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    normalization.write(image, paddedTo: (size, size), to: out)
  }

  /// Writes the padded labels, `[size, size]`; the padding is ignored (255).
  ///
  /// - Parameter out: Room for `size²` labels.
  /// - Precondition: the map is at most `size` pixels wide and high.
  public func writeLabels(size: Int, to out: UnsafeMutablePointer<UInt8>) {
    precondition(
      labels.width <= size && labels.height <= size,
      "\(labels.width)x\(labels.height) does not fit into \(size)x\(size)")
    out.update(repeating: LabelEncoding.ignored, count: size * size)
    labels.labels.withUnsafeBufferPointer { source in
      guard let source = source.baseAddress else { return }
      for row in 0..<labels.height {
        (out + row * size).update(from: source + row * labels.width, count: labels.width)
      }
    }
  }
}

/// How segmentation networks see training images: random resize, crop, flip, colours.
///
/// Differs from the source: nothing but the random numbers. Only the cropped part is resized, which
/// gives the same pixels sooner.
///
/// Source: Swin-Transformer-Semantic-Segmentation, `upernet_swin_tiny…_512x512_160k_ade20k`.
public struct SegmentationAugmentation: Sendable, Equatable {
  /// The box of ratio 1 that images are fitted into.
  public var limit = ResizeLimit(long: 2048, short: 512)
  /// That box is multiplied by a number uniform in this.
  public var ratioRange = 0.5...2.0
  /// How boxes are drawn.
  public var crop = CategoryLimitedCrop(size: 512)
  /// Probability of a mirrored image.
  public var flipProbability = 0.5
  /// Colour changes; nil for none.
  public var distortion: PhotometricDistortion? = PhotometricDistortion()

  /// ADE20K's 160k protocol, or the same at another crop size: the resize limits follow the crop.
  public init(cropSize: Int = 512) {
    crop.size = cropSize
    limit = ResizeLimit(long: 4 * cropSize, short: cropSize)
  }

  /// Draws and applies everything.
  ///
  /// Order of draws: ratio; top and left of each box; flip; colours.
  ///
  /// - Parameter labels: Class indices, 255 ignored.
  /// - Precondition: image and labels have one size.
  public func callAsFunction(
    _ image: RGBImage, _ labels: LabelMap, stream: inout RandomStream
  ) -> SegmentationSample {
    precondition(
      image.width == labels.width && image.height == labels.height,
      "image \(image.width)x\(image.height), labels \(labels.width)x\(labels.height)")
    let ratio = stream.uniform(ratioRange.lowerBound, ratioRange.upperBound)
    let size = limit.scaled(by: ratio).size(width: image.width, height: image.height)
    let resized = labels.nearestResized(width: size.width, height: size.height)
    let box = crop.box(labels: resized, stream: &stream)
    var part = image.linearlyResized(width: size.width, height: size.height, window: box)
    var partLabels = resized.cropped(to: box)
    if stream.uniformDouble() < flipProbability {
      part = part.flippedHorizontally()
      partLabels = partLabels.flippedHorizontally()
    }
    if let distortion { part = distortion.apply(distortion.draw(&stream), to: part) }
    return SegmentationSample(image: part, labels: partLabels)
  }

  /// Every setting in one line; equal lines make equal pixels.
  public var summary: String {
    "resize to \(limit.long)x\(limit.short) times \(ratioRange), crop \(crop.size) with a class "
      + "below \(crop.maximumShare), flip \(flipProbability)"
      + (distortion.map { ", " + $0.summary } ?? "")
  }
}
