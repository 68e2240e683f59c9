import CounterRandom
import Geometry

/// Mixes the images of a batch in pairs, as wholes or by a rectangle, and their labels likewise.
///
/// The partner of an image is the one as far from the batch's end as it is from its beginning. One
/// draw holds for the whole batch.
///
/// Source: Zhang et al., mixup, 2018; Yun et al., CutMix, 2019; timm's `Mixup` in batch mode. The
/// rectangle is that of timm 1.0.31; 0.3.2 made odd sides one pixel shorter.
public struct MixupCutmix: Sendable, Equatable {
  /// The share of the first image is drawn from Beta(α, α); 0 switches mixup off.
  public var mixupAlpha = 0.8
  /// The same for CutMix; 0 switches it off.
  public var cutmixAlpha = 1.0
  /// Probability that a batch is mixed at all.
  public var probability = 1.0
  /// Probability of CutMix where both are on.
  public var switchProbability = 0.5
  /// Label smoothing ε.
  public var labelSmoothing = 0.1

  /// The setting of Swin and DeiT.
  public init() {}

  /// What is done to a batch.
  public enum Mix: Sendable, Equatable {
    /// Nothing.
    case none
    /// Every pixel becomes `share · own + (1 − share) · partner's`.
    case blend(share: Double)
    /// The pixels of a rectangle become the partner's.
    case paste(PixelBox)

    /// The weight of an image's own label, 0...1; the partner's gets the rest.
    ///
    /// With a rectangle it follows from the area that is left after cutting it off at the edges.
    public func share(width: Int, height: Int) -> Double {
      switch self {
      case .none: 1
      case .blend(let share): share
      case .paste(let box): 1 - Double(box.width * box.height) / Double(width * height)
      }
    }
  }

  /// Draws what is done to a batch of images of this size.
  public func draw(width: Int, height: Int, stream: inout RandomStream) -> Mix {
    guard stream.uniformDouble() < probability, mixupAlpha > 0 || cutmixAlpha > 0 else {
      return .none
    }
    let isCutmix =
      mixupAlpha > 0 && cutmixAlpha > 0
      ? stream.uniformDouble() < switchProbability : cutmixAlpha > 0
    guard isCutmix else { return .blend(share: stream.beta(mixupAlpha, mixupAlpha)) }
    let share = stream.beta(cutmixAlpha, cutmixAlpha)
    let (y, x) = (stream.below(height), stream.below(width))
    return .paste(Self.box(share: share, centerX: x, centerY: y, width: width, height: height))
  }

  /// The rectangle of area `1 − share` about a pixel, cut off at the image's edges.
  public static func box(
    share: Double, centerX: Int, centerY: Int, width: Int, height: Int
  ) -> PixelBox {
    let side = (1 - share).squareRoot()
    func span(_ length: Int, _ center: Int) -> (start: Int, count: Int) {
      let cut = Int(Double(length) * side)
      let start = max(0, min(length, center - cut / 2))
      return (start, max(0, min(length, center + (cut + 1) / 2)) - start)
    }
    let (across, down) = (span(width, centerX), span(height, centerY))
    return PixelBox(
      left: across.start, top: down.start, width: across.count, height: down.count)
  }

  /// Mixes a batch in place.
  ///
  /// - Parameter images: `[count, channels, height, width]`.
  public static func apply(
    _ mix: Mix, to images: UnsafeMutableBufferPointer<Float>, count: Int, channels: Int = 3,
    height: Int, width: Int
  ) {
    guard let images = images.baseAddress else { return }
    let length = channels * height * width
    for first in 0..<(count + 1) / 2 {
      let a = images + first * length
      let b = images + (count - 1 - first) * length
      switch mix {
      case .none: return
      case .blend(let share): blend(a, b, count: length, Float(share), Float(1 - share))
      case .paste(let box):
        for row in 0..<channels * box.height {
          let (channel, y) = (row / box.height, box.top + row % box.height)
          let at = (channel * height + y) * width + box.left
          for x in at..<at + box.width { (a[x], b[x]) = (b[x], a[x]) }
        }
      }
    }
  }

  /// The soft labels of a mixed batch, `[labels.count, classCount]`.
  ///
  /// A class has `1 − ε + ε/K` where it is the label and `ε/K` elsewhere, of K classes, weighed by
  /// the image's share and its partner's.
  ///
  /// - Precondition: labels are in 0..<classCount.
  public func targets(_ labels: [Int], classCount: Int, share: Double) -> [Float] {
    let off = labelSmoothing / Double(classCount)
    let on = Float(1 - labelSmoothing + off)
    let (own, other) = (Float(share), Float(1 - share))
    let rest = Float(off) * own + Float(off) * other
    var targets = [Float](repeating: rest, count: labels.count * classCount)
    for (row, (label, partner)) in zip(labels, labels.reversed()).enumerated() {
      precondition(
        (0..<classCount).contains(label), "class \(label) is not one of \(classCount)")
      let base = row * classCount
      targets[base + label] = on * own + (label == partner ? on : Float(off)) * other
      if label != partner { targets[base + partner] = Float(off) * own + on * other }
    }
    return targets
  }

  /// Every setting in one line.
  public var summary: String {
    "mixup \(mixupAlpha), cutmix \(cutmixAlpha), probability \(probability), switch "
      + "\(switchProbability), label smoothing \(labelSmoothing)"
  }
}

/// `a ← own · a + other · b` and the same for b with a; the two may be the same image.
private func blend(
  _ a: UnsafeMutablePointer<Float>, _ b: UnsafeMutablePointer<Float>, count: Int, _ own: Float,
  _ other: Float
) {
  for at in 0..<count {
    let (x, y) = (a[at], b[at])
    a[at] = x * own + y * other
    b[at] = y * own + x * other
  }
}
