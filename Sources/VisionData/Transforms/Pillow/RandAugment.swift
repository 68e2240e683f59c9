import CounterRandom

/// One of RandAugment's fifteen changes of an image.
public enum AugmentationOperation: String, Sendable, CaseIterable {
  case autoContrast, equalize, invert, rotate, posterize, solarize, solarizeAdd
  case color, contrast, brightness, sharpness
  case shearX, shearY, translateX, translateY

  /// The change at a strength, in timm's "increasing" form: 10 is the strongest, and 0 leaves the
  /// image of most operations as it is.
  ///
  /// - Parameters:
  ///   - magnitude: 0...10.
  ///   - isNegated: Which of the two directions of an operation that has two: to the other side,
  ///     or less colour instead of more.
  ///   - fill: The colour of places that come from outside the image.
  public func apply(
    to image: RGBImage, magnitude: Double, isNegated: Bool, fill: FillColor
  ) -> RGBImage {
    precondition((0...10).contains(magnitude), "a magnitude is in 0...10, got \(magnitude)")
    let share = magnitude / 10
    func signed(_ amount: Double) -> Double { isNegated ? -amount : amount }
    // 1 − 0.9 is a hair below 0.1.
    let factor = max(0.1, 1 + signed(share * 0.9))
    switch self {
    case .autoContrast: return image.autoContrasted()
    case .equalize: return image.equalized()
    case .invert: return image.inverted()
    case .rotate: return image.rotated(degrees: signed(share * 30), fill: fill)
    case .posterize: return image.posterized(bits: 4 - Int(share * 4))
    case .solarize: return image.solarized(threshold: 256 - Int(share * 256))
    case .solarizeAdd: return image.solarized(adding: Int(share * 110))
    case .color: return image.saturated(by: factor)
    case .contrast: return image.contrasted(by: factor)
    case .brightness: return image.brightened(by: factor)
    case .sharpness: return image.sharpened(by: factor)
    case .shearX: return image.shearedHorizontally(by: signed(share * 0.3), fill: fill)
    case .shearY: return image.shearedVertically(by: signed(share * 0.3), fill: fill)
    case .translateX:
      return image.translated(x: signed(share * 0.45) * Double(image.width), y: 0, fill: fill)
    case .translateY:
      return image.translated(x: 0, y: signed(share * 0.45) * Double(image.height), fill: fill)
    }
  }
}

/// A few random operations, each carried out with a probability at a random strength: timm's
/// `rand-m9-mstd0.5-inc1`, which trained Swin and DeiT.
///
/// timm 0.3.2, with which they were trained, and 1.0.31, which this is tested against, do the same
/// for this setting. They differ where `inc0` is given (the old one reads it as "on") and for
/// magnitudes above 10, which neither reaches here. At magnitude 10 posterize keeps no bits and
/// gives black, as it did in training; Pillow 13 refuses it.
///
/// Source: Cubuk et al., RandAugment, 2020; timm's `rand_augment_transform`.
public struct RandAugment: Sendable, Equatable {
  /// Operations drawn for an image, with replacement.
  public var operationCount = 2
  /// Probability that a drawn operation is carried out.
  public var probability = 0.5
  /// Mean of the strength, 0...10.
  public var magnitude = 9.0
  /// Deviation of the strength, which is cut off at 0 and 10.
  public var magnitudeDeviation = 0.5
  /// The colour of places that come from outside the image; ImageNet's mean.
  public var fill = FillColor(124, 116, 104)

  /// The published setting.
  public init() {}

  /// An operation with its strength.
  public struct Step: Sendable, Equatable {
    /// What is done.
    public var operation: AugmentationOperation
    /// How strongly, 0...10.
    public var magnitude: Double
    /// Whether in the negative direction.
    public var isNegated: Bool
  }

  /// The operations for one image, in order; those that are not carried out are left out.
  ///
  /// Draws per operation: which, whether, and then the strength and the direction.
  public func steps(stream: inout RandomStream) -> [Step] {
    var steps: [Step] = []
    for _ in 0..<operationCount {
      let operation = AugmentationOperation.allCases[
        stream.below(AugmentationOperation.allCases.count)]
      guard stream.uniformDouble() < probability else { continue }
      let strength = magnitude + magnitudeDeviation * stream.normal()
      steps.append(
        Step(
          operation: operation, magnitude: max(0, min(10, strength)),
          isNegated: stream.uniformDouble() < 0.5))
    }
    return steps
  }

  /// The changed image.
  public func callAsFunction(_ image: RGBImage, stream: inout RandomStream) -> RGBImage {
    steps(stream: &stream).reduce(image) { image, step in
      step.operation.apply(
        to: image, magnitude: step.magnitude, isNegated: step.isNegated, fill: fill)
    }
  }

  /// Every setting in one line.
  public var summary: String {
    "RandAugment \(operationCount) of \(AugmentationOperation.allCases.count) at \(magnitude) "
      + "± \(magnitudeDeviation), probability \(probability), "
      + "fill (\(fill.x), \(fill.y), \(fill.z))"
  }
}
