import CounterRandom
import Geometry

/// Sizes that an image is brought to with its ratio kept: the short side at most `short`, the long
/// side at most `long`.
public struct KeepRatioSize: Sendable, Hashable {
  /// Bounds in pixels; their order does not matter.
  public var short, long: Int

  /// Sets the bounds.
  public init(short: Int, long: Int = 1333) {
    self.short = min(short, long)
    self.long = max(short, long)
  }

  /// The new size: both sides times min(long / longer side, short / shorter side), rounded.
  public func fitted(width: Int, height: Int) -> (width: Int, height: Int) {
    let factor = min(
      Double(long) / Double(max(width, height)), Double(short) / Double(min(width, height)))
    func scaled(_ side: Int) -> Int { max(1, Int(Double(side) * factor + 0.5)) }
    return (scaled(width), scaled(height))
  }
}

extension DetectionSample {
  /// The sample at another size: pixels bilinear, masks nearest, boxes by the ratio of the sides
  /// and clipped.
  public func resized(to bounds: KeepRatioSize) -> DetectionSample {
    let size = bounds.fitted(width: image.width, height: image.height)
    let x = Float(size.width) / Float(image.width)
    let y = Float(size.height) / Float(image.height)
    var result = self
    result.image = image.linearlyResized(width: size.width, height: size.height)
    result.target.boxes = target.boxes.map {
      $0.scaled(x: x, y: y).clipped(width: Float(size.width), height: Float(size.height))
    }
    result.target.masks = target.masks.map {
      $0.nearestResized(width: size.width, height: size.height)
    }
    return result
  }

  /// Mirrored left to right.
  public func flippedHorizontally() -> DetectionSample {
    let width = Float(image.width)
    var result = self
    result.image = image.flippedHorizontally()
    result.target.boxes = target.boxes.map {
      CornerBox(width - $0.x2, $0.y1, width - $0.x1, $0.y2)
    }
    result.target.masks = target.masks.map { $0.flippedHorizontally() }
    return result
  }

  /// The part of the sample inside a window; objects without any box left are dropped.
  ///
  /// Boxes are clipped, not computed anew from the cut mask, so a box may keep an empty mask.
  public func cropped(to window: PixelBox) -> DetectionSample {
    var result = DetectionSample(image: image.cropped(to: window), target: DetectionTarget())
    for index in 0..<target.count {
      let box = target.boxes[index]
        .moved(x: -Float(window.left), y: -Float(window.top))
        .clipped(width: Float(window.width), height: Float(window.height))
      guard box.width > 0, box.height > 0 else { continue }
      result.target.boxes.append(box)
      result.target.labels.append(target.labels[index])
      result.target.masks.append(target.masks[index].cropped(to: window))
    }
    return result
  }
}
