import Geometry

/// Draws the classes of a label map over its image, and a legend.
public struct SegmentationOverlay: Sendable {
  /// Names and colours.
  public var classes: SegmentationClasses
  /// Share of the colour; the rest is the image.
  public var opacity: Double

  /// Sets the classes; half of each pixel is the image by default.
  public init(classes: SegmentationClasses, opacity: Double = 0.5) {
    self.classes = classes
    self.opacity = min(1, max(0, opacity))
  }

  /// The label map as colours; ignored pixels are black.
  public func colors(of labels: LabelMap) -> RGBImage {
    let palette = palette
    var result = RGBImage(width: labels.width, height: labels.height)
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      for (at, label) in labels.labels.enumerated() {
        for channel in 0..<3 { pixels[3 * at + channel] = palette[Int(label)][channel] }
      }
    }
    return result
  }

  /// Image and colours mixed, cut to whole levels.
  ///
  /// - Parameter labels: Class indices; 255 is mixed with black.
  /// - Precondition: image and labels have one size.
  public func mixed(_ image: RGBImage, _ labels: LabelMap) -> RGBImage {
    precondition(
      image.width == labels.width && image.height == labels.height,
      "image \(image.width)x\(image.height), labels \(labels.width)x\(labels.height)")
    var result = colors(of: labels)
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      image.pixels.withUnsafeBufferPointer { source in
        for at in 0..<source.count {
          pixels[at] = UInt8(Double(source[at]) * (1 - opacity) + Double(pixels[at]) * opacity)
        }
      }
    }
    return result
  }

  /// The classes that occur, most pixels first, with their colours, names and shares.
  ///
  /// - Parameter width: Pixels; as many columns as fit.
  public func legend(for maps: [LabelMap], width: Int) -> RGBImage {
    var total = LabelHistogram()
    for map in maps { total.add(LabelHistogram(map)) }
    let pixels = max(1, total.counts.reduce(0, +))
    let present = total.values.sorted { (total.counts[$1], $0) < (total.counts[$0], $1) }
    let chip = TinyFont.lineHeight - 4
    let columnWidth = min(max(width, 1), 176)
    let columnCount = max(1, width / columnWidth)
    let rowCount = (present.count + columnCount - 1) / columnCount
    var image = RGBImage(
      width: max(1, width), height: max(1, rowCount * TinyFont.lineHeight + 4), red: 236,
      green: 236, blue: 232)
    for (number, value) in present.enumerated() {
      let left = number % columnCount * columnWidth + 4
      let top = number / columnCount * TinyFont.lineHeight + 3
      let color = palette[value]
      for y in top..<min(image.height, top + chip) {
        for x in left..<max(left, min(image.width, left + chip)) {
          for channel in 0..<3 {
            image.pixels[(y * image.width + x) * 3 + channel] = color[channel]
          }
        }
      }
      let name = value < classes.count ? classes.names[value] : "not counted"
      let tenths = (total.counts[value] * 1000 + pixels / 2) / pixels
      TinyFont.draw(
        "\(tenths / 10).\(tenths % 10)% \(name)", on: &image, left: left + chip + 4, top: top,
        width: columnWidth - chip - 12)
    }
    return image
  }

  /// The image and the overlay of each map side by side above one legend.
  ///
  /// - Parameter maps: Caption and class indices, for example ground truth and prediction.
  /// - Precondition: all maps have the image's size.
  public func panel(
    _ image: RGBImage, caption: String, maps: [(caption: String, labels: LabelMap)]
  ) -> RGBImage {
    let gap = 4
    let pictures = [(caption, image)] + maps.map { ($0.caption, mixed(image, $0.labels)) }
    let width = pictures.count * (image.width + gap) + gap
    let legend = legend(for: maps.map(\.labels), width: width)
    let top = gap + TinyFont.lineHeight
    var sheet = RGBImage(
      width: width, height: top + image.height + gap + legend.height, red: 236, green: 236,
      blue: 232)
    for (number, picture) in pictures.enumerated() {
      let left = gap + number * (image.width + gap)
      TinyFont.draw(picture.0, on: &sheet, left: left, top: gap, width: image.width)
      sheet.paste(picture.1, left: left, top: top)
    }
    sheet.paste(legend, left: 0, top: top + image.height + gap)
    return sheet
  }

  private var palette: [SIMD3<UInt8>] {
    (0..<256).map { $0 < classes.count ? classes.entries[$0].color : SIMD3(repeating: 0) }
  }
}

extension RGBImage {
  /// Copies another image, which must lie inside, to a place in this one.
  mutating func paste(_ other: RGBImage, left: Int, top: Int) {
    for row in 0..<other.height {
      let to = ((top + row) * width + left) * 3
      let from = row * other.width * 3
      pixels.replaceSubrange(
        to..<to + other.width * 3, with: other.pixels[from..<from + other.width * 3])
    }
  }
}
