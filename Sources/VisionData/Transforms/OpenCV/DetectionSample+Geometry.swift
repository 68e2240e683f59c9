import CounterRandom
import Geometry

extension DetectionSample {
  /// The sample at another size: pixels bilinear, masks nearest, boxes by the ratio of the sides
  /// and clipped.
  public func resized(to bounds: ResizeLimit) -> DetectionSample {
    let size = bounds.size(width: image.width, height: image.height)
    let x = Float(size.width) / Float(image.width)
    let y = Float(size.height) / Float(image.height)
    var result = self
    result.image = image.linearlyResized(width: size.width, height: size.height)
    result.target.boxes = target.boxes.map {
      $0.scaled(x: x, y: y).clipped(width: Float(size.width), height: Float(size.height))
    }
    result.target.masks = target.masks.map {
      $0?.nearestResized(width: size.width, height: size.height)
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
    result.target.masks = target.masks.map { $0?.flippedHorizontally() }
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
      result.target.masks.append(target.masks[index]?.cropped(to: window))
    }
    return result
  }
}
