/// The box that an image is fitted into with its aspect ratio kept, however it is turned.
///
///     k = min(long / max(w, h), short / min(w, h)),   size = ⌊w k + ½⌋ x ⌊h k + ½⌋
///
/// The short limit holds for the shorter side of portrait images, too. ADE20K's protocol has 2048
/// and 512, where the short limit binds for every image less than four times as long as wide; COCO's
/// has 1333 and 800.
///
/// Source: mmcv, `imrescale` and `rescale_size`.
public struct ResizeLimit: Sendable, Hashable {
  /// Limits of the longer and the shorter side, in pixels.
  public var long, short: Int

  /// Sets both limits; their order does not matter.
  ///
  /// - Precondition: both are positive.
  public init(long: Int, short: Int) {
    precondition(long > 0 && short > 0, "limits must be positive, got \(long) and \(short)")
    self.long = max(long, short)
    self.short = min(long, short)
  }

  /// Both limits multiplied and cut to whole pixels.
  public func scaled(by ratio: Double) -> ResizeLimit {
    ResizeLimit(
      long: max(1, Int(Double(long) * ratio)), short: max(1, Int(Double(short) * ratio)))
  }

  /// The size that an image gets.
  public func size(width: Int, height: Int) -> (width: Int, height: Int) {
    let factor = min(
      Double(long) / Double(max(width, height)), Double(short) / Double(min(width, height)))
    return (
      max(1, Int(Double(width) * factor + 0.5)), max(1, Int(Double(height) * factor + 0.5))
    )
  }
}
