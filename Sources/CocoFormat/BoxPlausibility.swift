/// Whether boxes can be what COCO's format says: left, top, width and height in pixels of their image.
///
/// A file of corners, of fractions or of pixels of a resized image reads as well as any other, and
/// every number made of it is wrong.
struct BoxPlausibility: Sendable {
  private var count = 0
  // Boxes that reach far out of their image; that would lie in it as left, top, right, bottom; and
  // all of whose numbers are between 0 and 1, or as little beyond as a box may reach out of its image.
  private var outside = 0
  private var asCorners = 0
  private var asFractions = 0
  // Boxes whose objects fill the box of these corners, and not this one.
  private var fillCorners = 0
  /// With fewer boxes nothing is said.
  private static let fewest = 5

  /// Looks at a box in an image whose size is known.
  ///
  /// - Parameter area: The area of its object, where that does not come from the box.
  mutating func add(_ box: CocoBox, in image: CocoImage, area: Double? = nil) {
    let (width, height) = (Double(image.width), Double(image.height))
    guard width > 0, height > 0 else { return }
    count += 1
    let (right, bottom) = (box.x + box.width, box.y + box.height)
    if right > 1.1 * width || bottom > 1.1 * height || box.x < -0.1 * width
      || box.y < -0.1 * height
    {
      outside += 1
    }
    if box.width > box.x, box.height > box.y, box.x >= 0, box.y >= 0, box.width <= 1.02 * width,
      box.height <= 1.02 * height
    {
      asCorners += 1
      let corners = (box.width - box.x) * (box.height - box.y)
      if let area, abs(area - corners) <= 0.02 * corners, area < 0.95 * box.area {
        fillCorners += 1
      }
    }
    if [box.x, box.y, box.width, box.height].allSatisfy({ (-0.5...1.5).contains($0) }),
      min(width, height) >= 8
    {
      asFractions += 1
    }
  }

  /// Takes over what was seen of other boxes.
  mutating func merge(_ other: BoxPlausibility) {
    count += other.count
    outside += other.outside
    asCorners += other.asCorners
    asFractions += other.asFractions
    fillCorners += other.fillCorners
  }

  /// What the boxes seem to be instead; nil where nothing speaks against them.
  var suspicion: String? {
    guard count >= Self.fewest else { return nil }
    // Boxes of a pixel in the corner of an image are too rare to be nearly all.
    if asFractions * 20 >= count * 19 {
      return
        "has \(asFractions == count ? "only boxes" : "\(asFractions) of \(count) boxes") of numbers "
        + "of about 0 to 1, which look like fractions of the image"
    }
    let beyond = "\(outside) of \(count) boxes reach far out of their image"
    if asCorners * 100 >= count * 99, outside * 5 >= count || fillCorners * 100 >= count * 90 {
      return "has boxes that look like left, top, right, bottom: "
        + (outside * 5 >= count
          ? "\(beyond), and none would so"
          : "so they have the areas that their objects are said to have")
    }
    if outside * 3 > count {
      return "has boxes that look like pixels of another size of the image: \(beyond)"
    }
    return nil
  }
}
