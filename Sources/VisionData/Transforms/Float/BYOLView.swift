import CounterRandom
import Foundation
import Geometry

/// One of BYOL's two views exactly as in its published code, which works on real numbers.
///
/// MoBY's views (`ContrastiveView`) are a port of it to 8-bit images and differ in every step:
/// here boxes are drawn once and cut to the image, resizing does not antialias, brightness is added,
/// contrast turns about each channel's mean, and the blur is a sampled Gaussian.
///
/// Order: random crop, flip, colour jitter, grayscale, blur, solarize.
///
/// Source: Grill et al., Bootstrap Your Own Latent, 2020, appendix B, and its published code.
public struct BYOLView: ImageTransform, Equatable {
  /// Pixels of the output's side.
  public var size: Int
  /// Area and ratio of the boxes; one draw, whose sides are cut to the image's.
  public var crop = RandomResizedCrop()
  /// Probability of the colour jitter.
  public var jitterProbability = 0.8
  /// Half-ranges of what is added to the brightness, of the contrast and saturation factors around
  /// 1, and of the hue.
  public var brightness = 0.4, contrast = 0.4, saturation = 0.2, hue = 0.1
  /// Probability of grayscale.
  public var grayProbability = 0.2
  /// Probability of the blur, σ uniform in 0.1...2.
  public var blurProbability: Double
  /// Probability of solarize at 0.5.
  public var solarizeProbability: Double

  /// The first view (always blurred, never solarized) or the second (0.1 and 0.2).
  public init(size: Int, isSecond: Bool) {
    self.size = size
    blurProbability = isSecond ? 0.1 : 1
    solarizeProbability = isSecond ? 0.2 : 0
  }

  /// Pixels on each side of the blur's centre: 11 at 224, for a kernel of 23.
  public var blurRadius: Int { size / 20 }

  /// A random box, drawn once.
  public func box(width: Int, height: Int, stream: inout RandomStream) -> PixelBox {
    let area =
      Double(width * height) * stream.uniform(crop.scale.lowerBound, crop.scale.upperBound)
    let aspect = exp(stream.uniform(log(crop.ratio.lowerBound), log(crop.ratio.upperBound)))
    func side(_ length: Double, _ limit: Int) -> Int {
      max(1, min(limit, Int(length.squareRoot().rounded(.toNearestOrEven))))
    }
    let (w, h) = (side(area * aspect, width), side(area / aspect, height))
    let left = stream.below(width - w + 1)
    let top = stream.below(height - h + 1)
    return PixelBox(left: left, top: top, width: w, height: h)
  }

  /// The view of real numbers in 0...1.
  public func floatView(_ image: RGBImage, stream: inout RandomStream) -> FloatImage {
    let box = box(width: image.width, height: image.height, stream: &stream)
    var view = FloatImage(resizing: image, box: box, width: size, height: size)
    if stream.uniformDouble() < 0.5 { view = view.flippedHorizontally() }
    if stream.uniformDouble() < jitterProbability { view = jittered(view, stream: &stream) }
    if stream.uniformDouble() < grayProbability { view = view.grayscaled() }
    if stream.uniformDouble() < blurProbability {
      view = view.gaussianBlurred(deviation: Float(stream.uniform(0.1, 2)), radius: blurRadius)
    }
    if stream.uniformDouble() < solarizeProbability { view = view.solarized() }
    return view
  }

  private func jittered(_ image: FloatImage, stream: inout RandomStream) -> FloatImage {
    let order = stream.permutation(4)
    let amounts = [
      stream.uniform(-brightness, brightness), stream.uniform(1 - contrast, 1 + contrast),
      stream.uniform(1 - saturation, 1 + saturation), stream.uniform(-hue, hue),
    ].map { Float($0) }
    return order.reduce(image) { image, step in
      switch step {
      case 0: image.brightened(adding: amounts[0])
      case 1: image.contrasted(by: amounts[1])
      case 2: image.saturated(by: amounts[2])
      default: image.hueShifted(by: amounts[3])
      }
    }
  }

  /// The view rounded to 8 bits, for looking at; `write` does not round.
  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    floatView(image, stream: &stream).rounded
  }

  public func write(
    _ image: RGBImage, normalization: PixelNormalization, stream: inout RandomStream,
    to out: UnsafeMutableBufferPointer<Float>
  ) {
    normalization.write(floatView(image, stream: &stream), to: out)
  }

  public var summary: String {
    "BYOL's real-number view: random resized crop \(size) bicubic scale \(crop.scale.lowerBound)-"
      + "\(crop.scale.upperBound), flip 0.5, jitter \(jitterProbability) "
      + "(+\(brightness), \(contrast), \(saturation), \(hue)), gray \(grayProbability), "
      + "blur \(blurProbability) radius \(blurRadius), solarize \(solarizeProbability)"
  }
}
