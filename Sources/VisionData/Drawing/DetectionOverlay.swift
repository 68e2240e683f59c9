import Geometry

/// Draws found objects over their image: mask, box and a name.
public struct DetectionOverlay: Sendable {
  /// One object as it is drawn.
  public struct Item: Sendable {
    /// The box in pixels.
    public let box: CornerBox
    /// The pixels of the object, 1 inside; of the image's size, or nil for none.
    public let mask: LabelMap?
    /// What is written above the box.
    public let caption: String
    /// Chooses the colour; equal numbers have equal colours.
    public let label: Int

    /// Describes an object.
    public init(box: CornerBox, mask: LabelMap?, caption: String, label: Int) {
      self.box = box
      self.mask = mask
      self.caption = caption
      self.label = label
    }

    /// The same object in a picture of another size.
    public func resized(
      from old: (width: Int, height: Int), to new: (width: Int, height: Int)
    ) -> Item {
      let x = Float(new.width) / Float(max(1, old.width))
      let y = Float(new.height) / Float(max(1, old.height))
      return Item(
        box: CornerBox(box.x1 * x, box.y1 * y, box.x2 * x, box.y2 * y),
        mask: mask?.nearestResized(width: new.width, height: new.height), caption: caption,
        label: label)
    }
  }

  /// Share of the colour in the mask's pixels, 0...1.
  public var opacity: Float = 0.45

  /// The usual look.
  public init() {}

  /// The image with the items over it, the last on top.
  ///
  /// - Precondition: masks have the image's size.
  public func image(_ image: RGBImage, items: [Item]) -> RGBImage {
    var result = image
    for item in items {
      let color = Self.color(item.label)
      if let mask = item.mask {
        precondition(
          mask.width == image.width && mask.height == image.height,
          "a mask of \(mask.width)x\(mask.height) over \(image.width)x\(image.height)")
        for (place, value) in mask.labels.enumerated() where value != 0 {
          for channel in 0..<3 {
            let below = Float(result.pixels[3 * place + channel])
            result.pixels[3 * place + channel] =
              UInt8(below + (Float(color[channel]) - below) * opacity)
          }
        }
      }
    }
    for item in items { outline(item, on: &result) }
    return result
  }

  private func outline(_ item: Item, on image: inout RGBImage) {
    let color = Self.color(item.label)
    func bound(_ value: Float, _ limit: Int) -> Int {
      value.isFinite ? Int(min(max(value, 0), Float(limit - 1))) : 0
    }
    let (left, right) = (bound(item.box.x1, image.width), bound(item.box.x2, image.width))
    let (top, bottom) = (bound(item.box.y1, image.height), bound(item.box.y2, image.height))
    for x in left...max(left, right) {
      set(x, top, color, &image)
      set(x, bottom, color, &image)
    }
    for y in top...max(top, bottom) {
      set(left, y, color, &image)
      set(right, y, color, &image)
    }
    let width = min(item.caption.count * TinyFont.advance + 2, image.width - left)
    let above = max(0, top - TinyFont.lineHeight)
    for y in above..<min(image.height, above + TinyFont.lineHeight) {
      for x in left..<left + max(0, width) { set(x, y, color, &image) }
    }
    TinyFont.draw(item.caption, on: &image, left: left + 1, top: above + 2, width: width)
  }

  private func set(_ x: Int, _ y: Int, _ color: [UInt8], _ image: inout RGBImage) {
    for channel in 0..<3 { image.pixels[(y * image.width + x) * 3 + channel] = color[channel] }
  }

  /// Light colours that are far apart for neighbouring numbers.
  static func color(_ label: Int) -> [UInt8] {
    let hue = Double((label * 137) % 360) / 60
    let part = hue - Double(Int(hue))
    let (low, rising, falling) = (90.0, 90 + 165 * part, 255 - 165 * part)
    let (red, green, blue): (Double, Double, Double) =
      switch Int(hue) {
      case 0: (255, rising, low)
      case 1: (falling, 255, low)
      case 2: (low, 255, rising)
      case 3: (low, falling, 255)
      case 4: (rising, low, 255)
      default: (255, low, falling)
      }
    return [UInt8(red), UInt8(green), UInt8(blue)]
  }
}
