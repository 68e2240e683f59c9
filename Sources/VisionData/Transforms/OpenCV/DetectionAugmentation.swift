import CounterRandom
import Geometry

/// How a detector sees a training image: flip, then one of two ways to resize.
///
/// In order: mirrored with probability ½; then with probability ½ each either resized to a drawn
/// short side, or resized to one of a few smaller short sides, cropped at random and resized again
/// from the size of the crop. With no crop sizes only the first way is taken.
///
/// Source: Carion et al., DETR, 2020, as used by the Swin detection recipes.
public struct DetectionAugmentation: Sendable, Hashable {
  /// Short sides to draw from, in pixels.
  public var shortSides: [Int]
  /// The longest long side.
  public var longSide: Int
  /// Short sides before a crop; empty for no crops.
  public var cropShortSides: [Int]
  /// Smallest and largest side of the crop; an image's shorter sides limit both.
  public var cropSides: ClosedRange<Int>
  /// Probability of the mirror image.
  public var flipProbability: Float = 0.5

  /// The recipes' policy: 480, 512, … 800 by 1333; crops of 384 to 600 after 400, 500 or 600.
  public init() {
    shortSides = Array(stride(from: 480, through: 800, by: 32))
    longSide = 1333
    cropShortSides = [400, 500, 600]
    cropSides = 384...600
  }

  /// The policy with every size times `factor`, for smaller images.
  public func scaled(by factor: Double) -> DetectionAugmentation {
    func scaled(_ side: Int) -> Int { max(16, Int((Double(side) * factor).rounded())) }
    var result = self
    result.shortSides = shortSides.map(scaled)
    result.longSide = scaled(longSide)
    result.cropShortSides = cropShortSides.map(scaled)
    result.cropSides = scaled(cropSides.lowerBound)...scaled(cropSides.upperBound)
    return result
  }

  /// The augmented sample.
  public func callAsFunction(
    _ sample: DetectionSample, stream: inout RandomStream
  ) -> DetectionSample {
    let mirrors = stream.uniform() < flipProbability
    let seen = mirrors ? sample.flippedHorizontally() : sample
    let crops = stream.uniform() < 0.5 && !cropShortSides.isEmpty
    guard crops else { return seen.resized(to: draw(shortSides, &stream)) }
    let larger = seen.resized(to: draw(cropShortSides, &stream))
    let window = window(width: larger.image.width, height: larger.image.height, &stream)
    return larger.cropped(to: window).resized(to: draw(shortSides, &stream))
  }

  private func draw(_ sides: [Int], _ stream: inout RandomStream) -> ResizeLimit {
    ResizeLimit(long: longSide, short: sides[stream.below(sides.count)])
  }

  private func window(width: Int, height: Int, _ stream: inout RandomStream) -> PixelBox {
    func side(_ length: Int) -> Int {
      let (low, high) = (min(length, cropSides.lowerBound), min(length, cropSides.upperBound))
      return low + stream.below(high - low + 1)
    }
    let (rows, columns) = (side(height), side(width))
    let top = stream.below(height - rows + 1)
    let left = stream.below(width - columns + 1)
    return PixelBox(left: left, top: top, width: columns, height: rows)
  }

  /// Every setting in one line.
  public var summary: String {
    let sides = shortSides.map(String.init).joined(separator: "/")
    let crop =
      cropShortSides.isEmpty
      ? ""
      : ", or \(cropShortSides.map(String.init).joined(separator: "/")) then crop "
        + "\(cropSides.lowerBound)-\(cropSides.upperBound)"
    return "flip \(flipProbability), short side \(sides), long side \(longSide)\(crop)"
  }
}
