import CounterRandom

/// The colour changes of segmentation training: brightness, contrast, saturation and hue, each by a
/// fair coin, each truncated to 8 bits.
///
/// Contrast scales about black, not about the mean. Differs from the source: nothing in the pixels;
/// the numbers come from a counter-based stream. (The source's description promises a channel swap
/// that its code does not have.)
///
/// Source: mmsegmentation, PhotoMetricDistortion; Liu et al., SSD, 2016.
public struct PhotometricDistortion: Sendable, Equatable {
  /// Brightness is moved by a number uniform in ± this, in gray levels.
  public var brightnessDelta = 32.0
  /// The factor of all channels is uniform in this.
  public var contrast = 0.5...1.5
  /// The factor of the saturation is uniform in this.
  public var saturation = 0.5...1.5
  /// Hue is turned by a whole number uniform in −this..<this, in steps of two degrees.
  public var hueDelta = 18

  /// The published settings.
  public init() {}

  /// What was drawn for one image; nil is not applied.
  public struct Draw: Sendable, Equatable {
    /// Gray levels added.
    public var brightness: Double?
    /// Factor of all channels.
    public var contrast: Double?
    /// Whether contrast comes before saturation and hue, not after.
    public var contrastIsFirst = true
    /// Factor of the saturation.
    public var saturation: Double?
    /// Steps of two degrees.
    public var hue: Int?

    /// Nothing is changed.
    public init() {}
  }

  /// Draws, in the order in which the changes are applied.
  public func draw(_ stream: inout RandomStream) -> Draw {
    func coin() -> Bool { stream.below(2) == 1 }
    var draw = Draw()
    if coin() { draw.brightness = stream.uniform(-brightnessDelta, brightnessDelta) }
    draw.contrastIsFirst = coin()
    func drawContrast() {
      if coin() { draw.contrast = stream.uniform(contrast.lowerBound, contrast.upperBound) }
    }
    if draw.contrastIsFirst { drawContrast() }
    if coin() { draw.saturation = stream.uniform(saturation.lowerBound, saturation.upperBound) }
    if coin(), hueDelta > 0 { draw.hue = stream.below(2 * hueDelta) - hueDelta }
    if !draw.contrastIsFirst { drawContrast() }
    return draw
  }

  /// Applies what was drawn.
  public func apply(_ draw: Draw, to image: RGBImage) -> RGBImage {
    var image = image
    func applyContrast() {
      if let factor = draw.contrast { image = image.scaledValues(alpha: factor, beta: 0) }
    }
    if let delta = draw.brightness { image = image.scaledValues(alpha: 1, beta: delta) }
    if draw.contrastIsFirst { applyContrast() }
    if let factor = draw.saturation { image = image.saturationScaled(by: factor) }
    if let steps = draw.hue { image = image.hueTurned(by: steps) }
    if !draw.contrastIsFirst { applyContrast() }
    return image
  }

  /// The settings in one line.
  public var summary: String {
    "photometric distortion brightness \(brightnessDelta), contrast \(contrast), saturation "
      + "\(saturation), hue \(hueDelta)"
  }
}
