import Geometry

/// Joins the parts of a file: looks ids up and leaves out what names nothing.
struct CocoObjectJoiner {
  struct Entry {
    var raw: CocoRawObject
    let image, category: Int
  }

  let path: String
  let images: [CocoImage]
  let imagesByID: [Int: Int]
  let categoriesByID: [Int: Int]
  /// Names of the keypoints of each category.
  let keypointCounts: [Int]
  var findings: CocoFindings
  /// The keypoints of the objects that `join` gave.
  private(set) var keypoints = CocoKeypoints()

  init(
    path: String, images: [CocoImage], categories: [CocoCategory], imagesByID: [Int: Int],
    categoriesByID: [Int: Int], findings: CocoFindings
  ) {
    self.path = path
    self.images = images
    self.imagesByID = imagesByID
    self.categoriesByID = categoriesByID
    keypointCounts = categories.map(\.keypointNames.count)
    self.findings = findings
  }

  /// The objects that have an image and a category, and their masks.
  mutating func join(
    _ parts: [CocoObjectPart], role: CocoObjectParser.Role
  ) -> (entries: [Entry], masks: CocoSegmentations) {
    var masks = parts.map(\.segmentations)
    var entries: [Entry] = []
    var kept: [Int] = []
    let total = parts.reduce(0) { $0 + $1.objects.count }
    entries.reserveCapacity(total)
    kept.reserveCapacity(total)
    var position = 0
    for part in parts {
      findings.merge(part.findings)
      for (index, raw) in part.objects.enumerated() {
        defer { position += 1 }
        let name =
          role == .annotation ? "annotation" : "detection"
        guard let image = imagesByID[raw.imageID] else {
          findings.add(
            .unknownImage, in: path,
            "\(name) \(raw.id) is of image \(raw.imageID), which the list "
              + "of images lacks")
          continue
        }
        guard let category = categoriesByID[raw.categoryID] else {
          findings.add(
            .unknownCategory, in: path,
            "\(name) \(raw.id) is of category \(raw.categoryID), which "
              + "the list of categories lacks")
          continue
        }
        keep(part.keypoints[index], of: raw, category, as: entries.count, name)
        entries.append(Entry(raw: raw, image: image, category: category))
        kept.append(position)
      }
    }
    var all = CocoSegmentations.joined(&masks)
    if kept.count < total { all.keep(kept) }
    // Without a size polygons cannot be drawn: the object has no mask.
    for index in entries.indices
    where all.slots[index].kind == .polygons && images[entries[index].image].height == 0 {
      all.slots[index].kind = .none
    }
    complete(&entries, all, role)
    return (entries, all)
  }

  /// Takes over the keypoints of an object if there are as many as its category has names for.
  private mutating func keep(
    _ points: ArraySlice<Double>, of raw: CocoRawObject, _ category: Int, as index: Int,
    _ name: String
  ) {
    guard !points.isEmpty else { return }
    let expected = keypointCounts[category]
    guard expected == 0 || points.count == 3 * expected else {
      return findings.add(
        .otherKeypoints, in: path,
        "\(name) \(raw.id) has \(points.count / 3) keypoints, its category \(expected)")
    }
    keypoints.append(points, of: index)
  }

  /// Fills in what can be computed only where the image's size is known.
  private mutating func complete(
    _ entries: inout [Entry], _ masks: CocoSegmentations, _ role: CocoObjectParser.Role
  ) {
    let intervals = MaskIntervals()
    let name = role == .annotation ? "annotation" : "detection"
    for index in entries.indices {
      let raw = entries[index].raw
      let image = images[entries[index].image]
      let slot = masks.slots[index]
      if slot.kind == .compressedRuns || slot.kind == .uncompressedRuns, image.height > 0,
        Int(slot.height) != image.height || Int(slot.width) != image.width
      {
        findings.add(
          .otherSize, in: path,
          "\(name) \(raw.id) has a mask of \(slot.height)x\(slot.width) in "
            + "image \(image.id) of \(image.height)x\(image.width)")
      }
      if !raw.hasBox, role == .annotation {
        findings.add(.missingBox, in: path, "\(name) \(raw.id) has no bbox")
      }
      guard slot.kind == .polygons ? !raw.hasBox || raw.area.isNaN : raw.area.isNaN else {
        continue
      }
      intervals.removeAll()
      let drawn = masks.draw(index, into: intervals, height: image.height, width: image.width).slot
      if !raw.hasBox, slot.kind == .polygons {
        entries[index].raw.box = CocoBox(
          x: Double(drawn.minX), y: Double(drawn.minY), width: Double(drawn.maxX - drawn.minX),
          height: Double(drawn.maxY - drawn.minY))
      }
      if raw.area.isNaN {
        entries[index].raw.area =
          slot.kind == .none ? entries[index].raw.box.area : Double(drawn.area)
      }
    }
  }

  /// Reports ids that several objects have.
  mutating func findDuplicates(_ ids: [Int]) {
    let sorted = ids.sorted()
    for at in sorted.indices.dropFirst() where sorted[at] == sorted[at - 1] {
      if at > 1, sorted[at - 2] == sorted[at] { continue }
      findings.add(.duplicateID, in: path, "annotation \(sorted[at]) is there more than once")
    }
  }
}
