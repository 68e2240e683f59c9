/// An object with a box and without a mask, as other formats than COCO's have them.
public struct CocoBoxedObject: Sendable, Equatable {
  /// The ids of its image and its category.
  public let imageID, categoryID: Int
  /// Where it is.
  public let box: CocoBox
  /// Whether it is neither to be learnt nor counted, as a crowd of COCO.
  public let isCrowd: Bool

  /// Describes an object.
  public init(imageID: Int, categoryID: Int, box: CocoBox, isCrowd: Bool = false) {
    self.imageID = imageID
    self.categoryID = categoryID
    self.box = box
    self.isCrowd = isCrowd
  }
}

extension CocoAnnotations {
  /// Annotations that were read from another format; objects are numbered from 1.
  ///
  /// - Parameter path: The file that names the images, for messages.
  public init(
    path: String, images: [CocoImage], categories: [CocoCategory], objects: [CocoBoxedObject]
  ) {
    var part = CocoObjectPart()
    for (place, object) in objects.enumerated() {
      var raw = CocoRawObject()
      raw.id = place + 1
      (raw.imageID, raw.categoryID) = (object.imageID, object.categoryID)
      raw.box = object.box
      raw.hasBox = true
      raw.area = object.box.area
      raw.isCrowd = object.isCrowd
      if object.box.width <= 0 || object.box.height <= 0 {
        part.findings.add(
          .emptyBox, in: path, "object \(raw.id), in image \(object.imageID), has an empty box")
      }
      part.objects.append(raw)
      part.segmentations.slots.append(CocoSegmentations.Slot())
    }
    self.init(
      path: path, images: images, categories: categories, parts: [part], findings: CocoFindings())
  }
}
