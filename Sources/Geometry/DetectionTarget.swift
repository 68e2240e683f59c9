/// The objects of one image: what a detector should find.
public struct DetectionTarget: Sendable, Equatable {
  /// One box an object.
  public var boxes: [CornerBox]
  /// The class of each object, 0-based.
  public var labels: [Int]
  /// The pixels of each object: 1 inside, 0 outside, of the image's size; nil where they are not
  /// known.
  public var masks: [LabelMap?]

  /// Lists objects.
  ///
  /// - Precondition: there are as many labels and masks as boxes.
  public init(boxes: [CornerBox] = [], labels: [Int] = [], masks: [LabelMap?] = []) {
    precondition(
      boxes.count == labels.count && boxes.count == masks.count,
      "\(boxes.count) boxes, \(labels.count) labels, \(masks.count) masks")
    self.boxes = boxes
    self.labels = labels
    self.masks = masks
  }

  /// How many objects there are.
  public var count: Int { boxes.count }
}
