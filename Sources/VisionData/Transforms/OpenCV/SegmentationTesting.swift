/// One way in which a test image is shown to the network.
public struct TestPass: Sendable, Equatable {
  /// Factor of the resize limits.
  public let ratio: Double
  /// Whether the resized image is mirrored.
  public let isFlipped: Bool

  /// Declares a pass.
  public init(ratio: Double, isFlipped: Bool) {
    self.ratio = ratio
    self.isFlipped = isFlipped
  }
}

/// The passes that a test image is shown in: one, or several scales with and without mirroring.
///
/// Every pass is resized from the original image. The probabilities of all passes, mirrored back and
/// at the original size, are averaged; that is the network's part.
///
/// Source: mmsegmentation, MultiScaleFlipAug and `--aug-test`.
public struct SegmentationTesting: Sendable, Equatable {
  /// The box of ratio 1 that images are fitted into.
  public var limit: ResizeLimit
  /// The scales, in order.
  public var ratios: [Double]
  /// Whether each scale is also shown mirrored.
  public var flips: Bool

  /// Sets the passes.
  public init(
    limit: ResizeLimit = ResizeLimit(long: 2048, short: 512), ratios: [Double] = [1],
    flips: Bool = false
  ) {
    self.limit = limit
    self.ratios = ratios
    self.flips = flips
  }

  /// One pass: the numbers without "ms+flip".
  public static let singleScale = SegmentationTesting()
  /// Six scales, each also mirrored: twelve passes, the numbers with "ms+flip".
  public static let multiScale = SegmentationTesting(
    ratios: [0.5, 0.75, 1, 1.25, 1.5, 1.75], flips: true)

  /// The passes in the order in which they are summed.
  public var passes: [TestPass] {
    ratios.flatMap { ratio in
      (flips ? [false, true] : [false]).map { TestPass(ratio: ratio, isFlipped: $0) }
    }
  }

  /// The size that a pass gives an image.
  public func size(_ pass: TestPass, width: Int, height: Int) -> (width: Int, height: Int) {
    limit.scaled(by: pass.ratio).size(width: width, height: height)
  }

  /// The image as a pass shows it.
  public func callAsFunction(_ image: RGBImage, _ pass: TestPass) -> RGBImage {
    let size = size(pass, width: image.width, height: image.height)
    let resized = image.linearlyResized(width: size.width, height: size.height)
    return pass.isFlipped ? resized.flippedHorizontally() : resized
  }

  /// Every setting in one line; equal lines make equal pixels.
  public var summary: String {
    "fit into \(limit.long)x\(limit.short), ratios \(ratios)" + (flips ? ", and mirrored" : "")
  }
}
