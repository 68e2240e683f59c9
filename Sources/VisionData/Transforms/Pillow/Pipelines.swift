import CPixels
import CounterRandom
import Geometry

/// Turns a decoded image into the one a network sees, with draws from one stream.
public protocol ImageTransform: Sendable {
  /// The transformed image.
  func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage
  /// Side of the square image that comes out, in pixels.
  var size: Int { get }
  /// Every setting in one line; equal lines make equal pixels.
  var summary: String { get }
  /// The transformed image as a network takes it, `[3, size, size]`.
  ///
  /// Pipelines that work on normalised or real numbers do so here; the others have `callAsFunction`
  /// followed by the normalisation.
  ///
  /// - Parameter out: Room for `3 · size · size` numbers.
  func write(
    _ image: RGBImage, normalization: PixelNormalization, stream: inout RandomStream,
    to out: UnsafeMutableBufferPointer<Float>)
}

extension ImageTransform {
  public func write(
    _ image: RGBImage, normalization: PixelNormalization, stream: inout RandomStream,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    let seen = self(image, stream: &stream)
    precondition(
      seen.width == size && seen.height == size,
      "\(summary) gave \(seen.width)x\(seen.height), not \(size)")
    normalization.write(seen, to: out)
  }
}

/// Resize the shorter side, crop the centre: how test images are seen.
public struct EvaluationTransform: ImageTransform, Equatable {
  /// Pixels of the shorter side before the crop.
  public var resizeSize: Int
  /// Pixels of the crop's side.
  public var cropSize: Int
  /// How pixels are weighed.
  public var filter: ResamplingFilter
  /// Pixels that are cut off on every side before, of images that have so many.
  public var border = 0

  public var size: Int { cropSize }

  /// Sets the sizes; MoBY's protocol is 256, 224, bilinear.
  public init(resizeSize: Int, cropSize: Int, filter: ResamplingFilter = .bilinear) {
    self.resizeSize = resizeSize
    self.cropSize = cropSize
    self.filter = filter
  }

  /// The crop of a size after resizing to 256 / 224 of it, without a fraction, as Swin's and DeiT's
  /// code does.
  public init(inputSize: Int) {
    self.init(resizeSize: inputSize * 256 / 224, cropSize: inputSize)
  }

  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    guard border > 0, min(image.width, image.height) > 2 * border else {
      return image.resized(shorterSide: resizeSize, filter: filter, centerCropped: cropSize)
    }
    return image.cropped(
      to: PixelBox(
        left: border, top: border, width: image.width - 2 * border,
        height: image.height - 2 * border)
    ).resized(shorterSide: resizeSize, filter: filter, centerCropped: cropSize)
  }

  public var summary: String {
    (border > 0 ? "\(border) pixels of border cut off, " : "")
      + "resize \(resizeSize) \(filter.rawValue), center crop \(cropSize)"
  }
}

/// Random resized crop and flip: how the linear protocol sees training images.
public struct CropFlipTransform: ImageTransform, Equatable {
  /// Pixels of the output's side.
  public var size: Int
  /// How boxes are drawn.
  public var crop: RandomResizedCrop
  /// How pixels are weighed.
  public var filter: ResamplingFilter

  /// Sets the size; the protocol is 224, scale 0.08...1, bilinear.
  public init(
    size: Int, crop: RandomResizedCrop = RandomResizedCrop(), filter: ResamplingFilter = .bilinear
  ) {
    self.size = size
    self.crop = crop
    self.filter = filter
  }

  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    let box = crop.box(width: image.width, height: image.height, stream: &stream)
    let resized = image.resized(width: size, height: size, filter: filter, box: box)
    return stream.uniform() < 0.5 ? resized.flippedHorizontally() : resized
  }

  public var summary: String {
    "random resized crop \(size) \(filter.rawValue) scale \(crop.scale.lowerBound)-"
      + "\(crop.scale.upperBound), flip 0.5"
  }
}

/// One view of a contrastive pair: crop, flip, colour jitter, grayscale, blur, solarize.
///
/// The methods differ in its numbers and in whether the flip comes first or last.
///
/// Source: Grill et al., Bootstrap Your Own Latent, 2020, appendix B; Chen et al., Improved
/// Baselines with Momentum Contrastive Learning, 2020; the data code of MoBY, MoCo v3 and DINO.
public struct ContrastiveView: ImageTransform, Equatable {
  /// Pixels of the output's side.
  public var size: Int
  /// How boxes are drawn.
  public var crop = RandomResizedCrop()
  /// How pixels are weighed.
  public var filter = ResamplingFilter.bilinear
  /// Probability of the colour jitter.
  public var jitterProbability = 0.8
  /// Half-ranges of the brightness, contrast and saturation factors around 1, and of the hue.
  public var brightness = 0.4, contrast = 0.4, saturation = 0.2, hue = 0.1
  /// Probability of grayscale.
  public var grayProbability = 0.2
  /// Probability of the blur, σ uniform in 0.1...2.
  public var blurProbability = 1.0
  /// Probability of solarize at 128.
  public var solarizeProbability = 0.0
  /// Whether the flip follows all colour changes instead of the crop.
  public var flipsLast = false

  /// A view that is always blurred and never solarized, as MoBY's first.
  public init(size: Int) { self.size = size }

  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    let box = crop.box(width: image.width, height: image.height, stream: &stream)
    var view = image.resized(width: size, height: size, filter: filter, box: box)
    if !flipsLast, stream.uniformDouble() < 0.5 { view = view.flippedHorizontally() }
    if stream.uniformDouble() < jitterProbability { view = jittered(view, stream: &stream) }
    if stream.uniformDouble() < grayProbability { view = view.grayscaled() }
    if stream.uniformDouble() < blurProbability {
      view = view.gaussianBlurred(deviation: stream.uniform(0.1, 2))
    }
    if stream.uniformDouble() < solarizeProbability { view = view.solarized() }
    if flipsLast, stream.uniformDouble() < 0.5 { view = view.flippedHorizontally() }
    return view
  }

  private func jittered(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    let order = stream.permutation(4)
    let factors = [
      stream.uniform(1 - brightness, 1 + brightness), stream.uniform(1 - contrast, 1 + contrast),
      stream.uniform(1 - saturation, 1 + saturation), stream.uniform(-hue, hue),
    ]
    return order.reduce(image) { image, step in
      switch step {
      case 0: image.brightened(by: factors[0])
      case 1: image.contrasted(by: factors[1])
      case 2: image.saturated(by: factors[2])
      default: image.hueShifted(by: factors[3])
      }
    }
  }

  public var summary: String {
    "random resized crop \(size) \(filter.rawValue) scale \(crop.scale.lowerBound)-"
      + "\(crop.scale.upperBound), flip 0.5\(flipsLast ? " (last)" : ""), jitter \(jitterProbability) "
      + "(\(brightness), \(contrast), \(saturation), \(hue)), gray \(grayProbability), "
      + "blur \(blurProbability), solarize \(solarizeProbability)"
  }
}

/// The channel means and deviations that networks were trained with.
public struct PixelNormalization: Sendable, Equatable {
  /// Mean of red, green and blue in 0...1.
  public var mean: [Float]
  /// Deviation of red, green and blue in 0...1.
  public var deviation: [Float]

  /// Means and deviations, three each.
  public init(mean: [Float], deviation: [Float]) {
    (self.mean, self.deviation) = (mean, deviation)
  }

  /// Means and deviations, or ImageNet's where they are those but for rounding.
  public init(near mean: [Float], deviation: [Float]) {
    let usual = Self.imageNet
    let isUsual = zip(mean + deviation, usual.mean + usual.deviation)
      .allSatisfy { abs($0 - $1) < 2e-3 }
    self = isUsual ? usual : PixelNormalization(mean: mean, deviation: deviation)
  }

  /// ImageNet's.
  public static let imageNet = PixelNormalization(
    mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])

  /// Writes `(v / 255 − mean) / deviation` as three planes, `[3, H, W]`.
  ///
  /// - Parameter out: Room for `3 · width · height` numbers.
  public func write(_ image: RGBImage, to out: UnsafeMutableBufferPointer<Float>) {
    precondition(
      out.count >= image.pixels.count, "room for \(out.count) of \(image.pixels.count) numbers")
    let plane = image.width * image.height
    let tables = (0..<3).flatMap { channel in
      (0...255).map { (Float($0) / 255 - mean[channel]) / deviation[channel] }
    }
    image.pixels.withUnsafeBufferPointer { pixels in
      tables.withUnsafeBufferPointer { tables in
        guard let pixels = pixels.baseAddress, let tables = tables.baseAddress,
          let out = out.baseAddress
        else { return }
        cp_look_up(pixels, plane, tables, out)
      }
    }
  }

  /// The numbers in one line.
  public var summary: String { "mean \(mean), deviation \(deviation)" }
}
