/// How one view of an image is made: which pipeline of transforms, and its numbers.
///
/// Order: random resized crop, flip, then what the pipeline has.
public struct ViewDescription: Sendable, Equatable {
  /// Whose arithmetic the pixels follow.
  public enum Pipeline: Sendable {
    /// Colour jitter, grayscale, blur and solarize on bytes, as Pillow has them.
    case bytes
    /// The same on real numbers, as BYOL's code has them.
    case reals
    /// RandAugment and random erasing, as timm has them.
    case randAugment
  }

  /// Side of the view, in pixels.
  public var size: Int
  /// Area of the crop, in parts of the image.
  public var scale: ClosedRange<Double>
  /// Whose arithmetic the pixels follow.
  public var pipeline = Pipeline.bytes
  /// Whether pixels are resampled by the bicubic filter, not the bilinear one; `bytes` only.
  public var isBicubic = false
  /// Half-range of the saturation's factor around 1; `bytes` only.
  public var saturation = 0.2
  /// Probability of the blur and of solarize.
  public var blur = 1.0, solarize = 0.0
  /// Whether the flip follows the colour changes; `bytes` only.
  public var flipsLast = false
  /// Whether random operations are drawn, and the probability that a rectangle is erased;
  /// `randAugment` only.
  public var usesOperations = true, erasing = 0.25

  /// A view that is always blurred and never solarized.
  public init(size: Int, scale: ClosedRange<Double>) {
    self.size = size
    self.scale = scale
  }

  /// BYOL's asymmetric pair: the first view is always blurred, the second seldom but sometimes
  /// solarized.
  static func pair(size: Int, scale: ClosedRange<Double>) -> [ViewDescription] {
    let first = ViewDescription(size: size, scale: scale)
    var second = first
    (second.blur, second.solarize) = (0.1, 0.2)
    return [first, second]
  }

  /// The view with a number changed.
  func with<Value>(_ path: WritableKeyPath<Self, Value>, _ value: Value) -> ViewDescription {
    var view = self
    view[keyPath: path] = value
    return view
  }
}
