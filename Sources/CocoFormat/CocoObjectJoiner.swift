import Geometry
import Threads

/// The objects of a part of a file that have an image and a category.
struct CocoJoinedPart<Object: Sendable>: Sendable {
  fileprivate(set) var objects: [Object] = []
  /// Whether the first record of the part has a box; nil where the part is empty.
  fileprivate(set) var firstHasBox: Bool?
  fileprivate var masks = CocoSegmentations()
  fileprivate var keypoints: [(index: Int, points: ArraySlice<Double>)] = []
  fileprivate var plausibility = BoxPlausibility()
  fileprivate var findings = CocoFindings()
  // What shows itself where the image's size is known is said after everything else.
  fileprivate var lateFindings = CocoFindings()
}

/// Joins the parts of a file: looks ids up and leaves out what names nothing.
struct CocoObjectJoiner: Sendable {
  let path: String
  let role: CocoObjectParser.Role
  let images: [CocoImage]
  let imagesByID: [Int: Int]
  let categoriesByID: [Int: Int]
  /// Names of the keypoints of each category.
  private let keypointCounts: [Int]

  init(
    path: String, role: CocoObjectParser.Role, images: [CocoImage], categories: [CocoCategory],
    imagesByID: [Int: Int], categoriesByID: [Int: Int]
  ) {
    self.path = path
    self.role = role
    self.images = images
    self.imagesByID = imagesByID
    self.categoriesByID = categoriesByID
    keypointCounts = categories.map(\.keypointNames.count)
  }

  private var name: String { role == .annotation ? "annotation" : "detection" }

  // MARK: One part

  /// The objects of a part that have an image and a category.
  ///
  /// - Parameter make: Makes an object of a record and the indices of its image and category.
  func join<Object: Sendable>(
    _ part: CocoObjectPart, _ make: (CocoRawObject, _ image: Int, _ category: Int) -> Object
  ) -> CocoJoinedPart<Object> {
    var joined = CocoJoinedPart<Object>()
    joined.firstHasBox = part.firstHasBox
    joined.findings = part.findings
    joined.masks.filling = part.segmentations.filling
    joined.objects.reserveCapacity(part.objects.count)
    joined.masks.slots.reserveCapacity(part.objects.count)
    let intervals = MaskIntervals()
    // Records of an image stand together as a rule.
    var last: (id: Int, image: Int)?
    for (index, var raw) in part.objects.enumerated() {
      guard let image = last?.id == raw.imageID ? last?.image : imagesByID[raw.imageID] else {
        joined.findings.add(
          .unknownImage, in: path,
          "\(name) \(raw.id) is of image \(raw.imageID), which the list of images lacks")
        continue
      }
      last = (raw.imageID, image)
      guard let category = categoriesByID[raw.categoryID] else {
        joined.findings.add(
          .unknownCategory, in: path,
          "\(name) \(raw.id) is of category \(raw.categoryID), which the list of categories lacks")
        continue
      }
      keep(part.keypoints[index], of: raw, category, in: &joined)
      var slot = part.segmentations.slots[index]
      // Without a size polygons cannot be drawn: the object has no mask.
      if slot.kind == .polygons, images[image].height == 0 {
        slot.kind = .none
        slot.isUnsized = true
      }
      complete(&raw, slot, part.segmentations, index, images[image], &joined, intervals)
      if let extent = part.segmentations.extent(of: index) {
        joined.masks.setExtent(extent, of: joined.objects.count)
      }
      joined.plausibility.add(
        raw.box, in: images[image], area: role == .annotation ? raw.area : nil)
      joined.objects.append(make(raw, image, category))
      joined.masks.slots.append(slot)
    }
    return joined
  }

  /// Takes over the keypoints of an object if there are as many as its category has names for.
  private func keep<Object>(
    _ points: ArraySlice<Double>, of raw: CocoRawObject, _ category: Int,
    in joined: inout CocoJoinedPart<Object>
  ) {
    guard !points.isEmpty else { return }
    let expected = keypointCounts[category]
    guard expected == 0 || points.count == 3 * expected else {
      return joined.findings.add(
        .otherKeypoints, in: path,
        "\(name) \(raw.id) has \(points.count / 3) keypoints, its category \(expected)")
    }
    joined.keypoints.append((joined.objects.count, points))
  }

  /// Fills in what can be computed only where the image's size is known.
  private func complete<Object>(
    _ raw: inout CocoRawObject, _ slot: CocoSegmentations.Slot, _ masks: CocoSegmentations,
    _ index: Int, _ image: CocoImage, _ joined: inout CocoJoinedPart<Object>,
    _ intervals: MaskIntervals
  ) {
    if slot.kind == .compressedRuns || slot.kind == .uncompressedRuns, image.height > 0,
      Int(slot.height) != image.height || Int(slot.width) != image.width
    {
      joined.lateFindings.add(
        .otherSize, in: path,
        "\(name) \(raw.id) has a mask of \(slot.height)x\(slot.width) in "
          + "image \(image.id) of \(image.height)x\(image.width)")
    }
    if slot.kind == .polygons,
      masks.liesOutside(slot, height: image.height, width: image.width)
    {
      joined.lateFindings.add(
        .emptyMask, in: path,
        "\(name) \(raw.id) has polygons outside of image \(image.id) of "
          + "\(image.height)x\(image.width)")
    }
    if !raw.hasBox, role == .annotation {
      joined.lateFindings.add(.missingBox, in: path, "annotation \(raw.id) has no bbox")
    }
    guard slot.kind == .polygons ? !raw.hasBox || raw.area.isNaN : raw.area.isNaN else { return }
    guard slot.kind != .none else {
      raw.area = raw.box.area
      return
    }
    intervals.removeAll()
    let drawn = masks.draw(index, into: intervals, height: image.height, width: image.width).slot
    if !raw.hasBox, slot.kind == .polygons {
      raw.box = CocoBox(
        x: Double(drawn.minX), y: Double(drawn.minY), width: Double(drawn.maxX - drawn.minX),
        height: Double(drawn.maxY - drawn.minY))
    }
    if raw.area.isNaN { raw.area = Double(drawn.area) }
  }

  // MARK: All parts

  /// The objects of all parts, in order, with their masks and keypoints.
  ///
  /// - Parameters:
  ///   - parts: The parts, in the file's order.
  ///   - findings: Gets what is wrong with them.
  func combine<Object: Sendable>(
    _ parts: [CocoJoinedPart<Object>], _ findings: inout CocoFindings
  ) -> (objects: [Object], masks: CocoSegmentations, keypoints: CocoKeypoints) {
    for part in parts { findings.merge(part.findings) }
    for part in parts { findings.merge(part.lateFindings) }
    var plausibility = BoxPlausibility()
    for part in parts { plausibility.merge(part.plausibility) }
    if let suspicion = plausibility.suspicion {
      findings.add(.implausibleBoxes, in: path, suspicion)
    }
    var keypoints = CocoKeypoints()
    var start = 0
    for part in parts {
      for (place, points) in part.keypoints { keypoints.append(points, of: start + place) }
      start += part.objects.count
    }
    let objects: [Object] = threadConcatenate(parts.map(\.objects.count)) { part, room in
      _ = room.initialize(fromContentsOf: parts[part].objects)
    }
    return (objects, CocoSegmentations(joining: parts.map(\.masks)), keypoints)
  }

  /// Reports ids that several objects have.
  func findDuplicates(_ ids: [Int], _ findings: inout CocoFindings) {
    let sorted = ids.sorted()
    for at in sorted.indices.dropFirst() where sorted[at] == sorted[at - 1] {
      if at > 1, sorted[at - 2] == sorted[at] { continue }
      findings.add(.duplicateID, in: path, "annotation \(sorted[at]) is there more than once")
    }
  }
}
