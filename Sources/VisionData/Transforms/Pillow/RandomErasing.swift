import CounterRandom
import Foundation
import Geometry

/// Replaces a random rectangle by noise, after the normalisation.
///
/// Source: Zhong et al., Random Erasing Data Augmentation, 2020; timm's form with mode `pixel` and
/// count 1.
public struct RandomErasing: Sendable, Equatable {
  /// Probability that a rectangle is replaced.
  public var probability: Double
  /// Area of the rectangle as a fraction of the image's.
  public var area: ClosedRange<Double> = 0.02...(1.0 / 3)
  /// Height over width; drawn uniformly in its logarithm.
  public var aspect: ClosedRange<Double> = 0.3...(1 / 0.3)

  /// The published setting: a quarter of the images, 2 to 33 % of the area.
  public init(probability: Double = 0.25) { self.probability = probability }

  /// The rectangle for one image, or nil if it is left as it is.
  ///
  /// Up to ten rectangles are tried; one fits if both of its sides are smaller than the image's.
  public func box(width: Int, height: Int, stream: inout RandomStream) -> PixelBox? {
    guard stream.uniformDouble() < probability else { return nil }
    let logarithms = (log(aspect.lowerBound), log(aspect.upperBound))
    for _ in 0..<10 {
      let target = stream.uniform(area.lowerBound, area.upperBound) * Double(width * height)
      let ratio = exp(stream.uniform(logarithms.0, logarithms.1))
      let h = Int((target * ratio).squareRoot().rounded(.toNearestOrEven))
      let w = Int((target / ratio).squareRoot().rounded(.toNearestOrEven))
      guard w < width, h < height else { continue }
      let top = stream.below(height - h + 1)
      let left = stream.below(width - w + 1)
      return PixelBox(left: left, top: top, width: w, height: h)
    }
    return nil
  }

  /// Draws a rectangle and fills it with standard normal numbers.
  ///
  /// - Parameter planes: `[3, height, width]`, normalised.
  public func callAsFunction(
    _ planes: UnsafeMutableBufferPointer<Float>, width: Int, height: Int, stream: inout RandomStream
  ) {
    guard let box = box(width: width, height: height, stream: &stream) else { return }
    for channel in 0..<3 {
      for y in box.top..<box.top + box.height {
        let row = (channel * height + y) * width
        for x in box.left..<box.left + box.width { planes[row + x] = Float(stream.normal()) }
      }
    }
  }

  /// Every setting in one line.
  public var summary: String {
    "random erasing \(probability) of \(area.lowerBound)-\(area.upperBound), "
      + "aspect \(aspect.lowerBound)-\(aspect.upperBound)"
  }
}
