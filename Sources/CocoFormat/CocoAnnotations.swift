import FileSupport
import Geometry
import Threads

/// The annotations of one split in COCO's format, in flat arrays.
///
/// `instances_train2017.json` (860 thousand objects) takes about 0.6 GB: most of it are the corners
/// of the polygons. Records that name images or categories which the file lacks, or whose numbers
/// are no numbers, are left out and listed in `findings`; nothing is repaired in silence.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/coco.py`.
public struct CocoAnnotations: Sendable {
  /// The file.
  public let path: String
  /// Images and categories in the file's order.
  public let images: [CocoImage]
  public let categories: [CocoCategory]
  /// Objects in the file's order.
  public let annotations: [CocoAnnotation]
  /// The masks of the objects, by the same index.
  public let segmentations: CocoSegmentations
  /// The keypoints of the objects, by the same index.
  public let keypoints: CocoKeypoints
  /// What is wrong with the file.
  public let findings: CocoFindings
  private let imagesByID: [Int: Int]
  private let categoriesByID: [Int: Int]
  private let members: CocoImageMembers

  /// Reads a file.
  ///
  /// - Throws: `FileError` when it cannot be read, `DatasetError` when it is no COCO file.
  public init(path: String) throws {
    let document = JSONDocument(file: try FileBytes(path: path, readsPipes: true))
    var findings = CocoFindings()
    var (images, categories): ([CocoImage]?, [CocoCategory]?) = (nil, nil)
    var parts: [CocoObjectPart]?
    try document.forEachMember { (key, at) throws(DatasetError) in
      if ["images", "categories", "annotations"].contains(key) {
        try document.expectList(at: at, of: key)
      }
      switch key {
      case "images":
        let read = try CocoTables.images(document, at: at)
        images = read.items
        findings.merge(read.findings)
        return read.end
      case "categories":
        let read = try CocoTables.categories(document, at: at)
        categories = read.items
        findings.merge(read.findings)
        return read.end
      case "annotations":
        let read = try JSONArrayReader.read(document, at: at) {
          (parser, batch) throws(DatasetError) in
          try CocoObjectParser.parse(document, .annotation, parser, batch)
        }
        parts = read.outputs
        return read.end
      default: return try document.valueEnd(from: at)
      }
    }
    guard let images, let categories, let parts else {
      let absent = [
        images == nil ? "images" : nil, parts == nil ? "annotations" : nil,
        categories == nil ? "categories" : nil,
      ].compactMap { $0 }
      throw DatasetError(
        path: path, problem: "has no \(absent.joined(separator: ", no ")), so it is no COCO file",
        remedy: "name an instances_*.json")
    }
    self.init(
      path: path, images: images, categories: categories, parts: parts, findings: findings)
  }

  init(
    path: String, images: [CocoImage], categories: [CocoCategory], parts: [CocoObjectPart],
    findings: CocoFindings
  ) {
    var findings = findings
    self.path = path
    self.images = images
    self.categories = categories
    imagesByID = CocoTables.index(images.map(\.id), .duplicateImage, "image", path, &findings)
    categoriesByID = CocoTables.index(
      categories.map(\.id), .duplicateCategory, "category", path, &findings)
    Self.findRepeatedFiles(images, path, &findings)
    let joiner = CocoObjectJoiner(
      path: path, role: .annotation, images: images, categories: categories,
      imagesByID: imagesByID, categoriesByID: categoriesByID)
    let joined = threadMap(parts.count) { part in
      joiner.join(parts[part]) { raw, image, category in
        CocoAnnotation(
          id: raw.id, image: image, category: category, box: raw.box, area: raw.area,
          isCrowd: raw.isCrowd, isIgnored: raw.isIgnored,
          labelledKeypoints: raw.labelledKeypoints)
      }
    }
    (annotations, segmentations, keypoints) = joiner.combine(joined, &findings)
    joiner.findDuplicates(annotations.map(\.id), &findings)
    // LVIS knows no crowds.
    if Self.isFederated(images) { findings.forget(.missingCrowd) }
    self.findings = findings
    members = CocoImageMembers(annotations.count, imageCount: images.count) { [annotations] in
      annotations[$0].image
    }
  }

  /// Reports files that several images name.
  private static func findRepeatedFiles(
    _ images: [CocoImage], _ path: String, _ findings: inout CocoFindings
  ) {
    var ids: [String: Int] = [:]
    ids.reserveCapacity(images.count)
    for image in images where !image.fileName.isEmpty {
      guard let other = ids.updateValue(image.id, forKey: image.fileName), other != image.id else {
        continue
      }
      findings.add(
        .repeatedFile, in: path,
        "images \(other) and \(image.id) are the same file \(image.fileName)")
    }
  }

  /// The index of the image with an id; nil where there is none.
  public func imageIndex(id: Int) -> Int? { imagesByID[id] }

  /// The index of the category with an id; nil where there is none.
  public func categoryIndex(id: Int) -> Int? { categoriesByID[id] }

  /// Indices of the objects of an image, in the file's order.
  public func annotationIndices(ofImage image: Int) -> ArraySlice<Int32> { members[image] }

  /// Indices of the categories by ascending id: the place of one here is its label, 0...79 in COCO.
  public var categoriesByLabel: [Int] {
    categories.indices.sorted { categories[$0].id < categories[$1].id }
  }

  /// The label of each category, by its index.
  public var labelsOfCategories: [Int] {
    var labels = [Int](repeating: 0, count: categories.count)
    for (label, category) in categoriesByLabel.enumerated() { labels[category] = label }
    return labels
  }

  /// Whether the file says of every image which categories are sure not to be in it, as LVIS's do.
  public var isFederated: Bool { Self.isFederated(images) }

  private static func isFederated(_ images: [CocoImage]) -> Bool {
    !images.isEmpty && images.allSatisfy { $0.negativeCategoryIDs != nil }
  }

  /// How many objects have no mask.
  public var objectsWithoutMask: Int { segmentations.count - segmentations.maskCount }

  /// Categories that have objects, none of them with a mask.
  public var categoriesWithoutMask: Set<Int> {
    var (all, masked): (Set<Int>, Set<Int>) = ([], [])
    for (index, annotation) in annotations.enumerated() {
      all.insert(annotation.category)
      if segmentations.hasMask(index) { masked.insert(annotation.category) }
    }
    return all.subtracting(masked)
  }

  /// The mask of an object; nil where it has none.
  ///
  /// - Throws: `MaskError.wrongSize` for an image too large for a mask.
  public func mask(of annotation: Int) throws(MaskError) -> RunLengthMask? {
    let image = images[annotations[annotation].image]
    return try segmentations.mask(annotation, height: image.height, width: image.width)
  }
}

/// Which objects belong to which image, in the file's order.
struct CocoImageMembers: Sendable {
  private var starts: [Int]
  private var order: [Int32]

  /// - Parameter image: Gives the image of each of so many objects.
  init(_ count: Int, imageCount: Int, image: (Int) -> Int) {
    starts = [Int](repeating: 0, count: imageCount + 1)
    for index in 0..<count { starts[image(index) + 1] += 1 }
    for image in 0..<imageCount { starts[image + 1] += starts[image] }
    var next = starts
    order = [Int32](repeating: 0, count: count)
    for index in 0..<count {
      let image = image(index)
      order[next[image]] = Int32(index)
      next[image] += 1
    }
  }

  subscript(image: Int) -> ArraySlice<Int32> { order[starts[image]..<starts[image + 1]] }
}
