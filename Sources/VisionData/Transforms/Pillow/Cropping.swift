import CounterRandom
import Foundation
import Geometry

/// Draws boxes of random area and aspect ratio.
///
/// Up to ten draws are tried; then the largest centred box of an allowed ratio is used.
///
/// Source: Szegedy et al., Going Deeper with Convolutions, 2015; torchvision's RandomResizedCrop.
public struct RandomResizedCrop: Sendable, Equatable {
  /// Area as a fraction of the image's.
  public var scale: ClosedRange<Double>
  /// Width over height; drawn uniformly in its logarithm.
  public var ratio: ClosedRange<Double>

  /// Boxes of 8 to 100 % of the area and ratio 3:4 to 4:3.
  public init(
    scale: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 0.75...(4.0 / 3)
  ) {
    self.scale = scale
    self.ratio = ratio
  }

  /// A box inside an image of `width`x`height` pixels.
  ///
  /// Draws per try: area, logarithm of the ratio, then, where the box fits, its top and its left.
  public func box(width: Int, height: Int, stream: inout RandomStream) -> PixelBox {
    box(
      width: width, height: height, numbers: &stream, uniform: { $0.uniformDouble() },
      below: { $0.below($1) })
  }

  /// As above with any source of numbers: `uniform` in [0, 1), `below` in 0..<its bound.
  func box<Numbers>(
    width: Int, height: Int, numbers: inout Numbers, uniform: (inout Numbers) -> Double,
    below: (inout Numbers, Int) -> Int
  ) -> PixelBox {
    let area = Double(width * height)
    let logarithms = (log(ratio.lowerBound), log(ratio.upperBound))
    func between(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform(&numbers) }
    for _ in 0..<10 {
      let target = area * between(scale.lowerBound, scale.upperBound)
      let aspect = exp(between(logarithms.0, logarithms.1))
      let w = Int((target * aspect).squareRoot().rounded(.toNearestOrEven))
      let h = Int((target / aspect).squareRoot().rounded(.toNearestOrEven))
      if 0 < w, w <= width, 0 < h, h <= height {
        let top = below(&numbers, height - h + 1)
        let left = below(&numbers, width - w + 1)
        return PixelBox(left: left, top: top, width: w, height: h)
      }
    }
    return fallback(width: width, height: height)
  }

  /// The centred box used when no draw fits.
  func fallback(width: Int, height: Int) -> PixelBox {
    let aspect = Double(width) / Double(height)
    var (w, h) = (width, height)
    if aspect < ratio.lowerBound {
      h = Int((Double(w) / ratio.lowerBound).rounded(.toNearestOrEven))
    } else if aspect > ratio.upperBound {
      w = Int((Double(h) * ratio.upperBound).rounded(.toNearestOrEven))
    }
    return PixelBox(left: (width - w) / 2, top: (height - h) / 2, width: w, height: h)
  }
}

extension RGBImage {
  /// Width and height with the shorter side at `size` pixels; the longer one is cut to whole pixels.
  private func sides(shorter size: Int) -> (width: Int, height: Int) {
    let (short, long) = (min(width, height), max(width, height))
    guard short != size else { return (width, height) }
    let longer = Int(Double(size * long) / Double(short))
    return width <= height ? (size, longer) : (longer, size)
  }

  /// The image with its shorter side at `size` pixels; the longer one is cut to whole pixels.
  public func resized(shorterSide size: Int, filter: ResamplingFilter) -> RGBImage {
    let sides = sides(shorter: size)
    guard sides != (width, height) else { return self }
    return resized(width: sides.width, height: sides.height, filter: filter)
  }

  /// The square of `cropSize` pixels in the middle of the image with its shorter side at `size`
  /// pixels; nothing else of that is computed.
  public func resized(
    shorterSide size: Int, filter: ResamplingFilter, centerCropped cropSize: Int
  ) -> RGBImage {
    let sides = sides(shorter: size)
    guard sides != (width, height), cropSize <= min(sides.width, sides.height) else {
      return resized(shorterSide: size, filter: filter).centerCropped(cropSize)
    }
    return resized(
      width: sides.width, height: sides.height, filter: filter,
      window: Self.centerBox(cropSize, width: sides.width, height: sides.height))
  }

  private static func centerBox(_ size: Int, width: Int, height: Int) -> PixelBox {
    func offset(_ length: Int) -> Int {
      Int((Double(length - size) / 2).rounded(.toNearestOrEven))
    }
    return PixelBox(left: offset(width), top: offset(height), width: size, height: size)
  }

  /// The square of `size` pixels in the middle; smaller images get a black border first.
  public func centerCropped(_ size: Int) -> RGBImage {
    var image = self
    if width < size || height < size {
      let left = max(0, (size - width) / 2)
      let top = max(0, (size - height) / 2)
      image = RGBImage(width: max(width, size), height: max(height, size))
      for y in 0..<height {
        for x in 0..<width * 3 {
          image.pixels[((y + top) * image.width + left) * 3 + x] = pixels[y * width * 3 + x]
        }
      }
    }
    return image.cropped(
      to: Self.centerBox(size, width: image.width, height: image.height))
  }
}
