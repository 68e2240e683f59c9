import CFormats
import FileSupport
import Geometry

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
    var joiner = CocoObjectJoiner(
      path: path, images: images, imagesByID: imagesByID, categoriesByID: categoriesByID,
      findings: findings)
    let (objects, masks) = joiner.join(parts, role: .annotation)
    annotations = objects.map { entry in
      CocoAnnotation(
        id: entry.raw.id, image: entry.image, category: entry.category, box: entry.raw.box,
        area: entry.raw.area, isCrowd: entry.raw.isCrowd, isIgnored: entry.raw.isIgnored)
    }
    segmentations = masks
    joiner.findDuplicates(annotations.map(\.id))
    self.findings = joiner.findings
    members = CocoImageMembers(annotations.map(\.image), imageCount: images.count)
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

  /// How many objects have no mask.
  public var objectsWithoutMask: Int { segmentations.slots.count { $0.kind == .none } }

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

  init(_ images: [Int], imageCount: Int) {
    starts = [Int](repeating: 0, count: imageCount + 1)
    for image in images { starts[image + 1] += 1 }
    for image in 0..<imageCount { starts[image + 1] += starts[image] }
    var next = starts
    order = [Int32](repeating: 0, count: images.count)
    for (index, image) in images.enumerated() {
      order[next[image]] = Int32(index)
      next[image] += 1
    }
  }

  subscript(image: Int) -> ArraySlice<Int32> { order[starts[image]..<starts[image + 1]] }
}

/// Reads the lists of images and categories.
enum CocoTables {
  typealias Read<Item> = (items: [Item], findings: CocoFindings, end: Int)

  static func images(_ document: JSONDocument, at: Int) throws(DatasetError) -> Read<CocoImage> {
    try read(document, at: at, "images") { value, number in
      let rule = CocoRule.malformedImage
      let file = cf_json_member(value, "file_name")
      let name = text(file) ?? ""
      let (width, height) = (cf_json_member(value, "width"), cf_json_member(value, "height"))
      guard let id = wholeNumber(cf_json_member(value, "id")) else {
        return .failure(rule, noID("image \(number)", value))
      }
      for (side, value) in [("width", width), ("height", height)]
      where value != nil && wholeNumber(value) == nil {
        return .failure(rule, "image \(id) has \(describedNumber(value)) as its \(side)")
      }
      if !isMissing(file), text(file) == nil {
        return .failure(rule, "image \(id) has \(described(file)) as its file_name, not a text")
      }
      if width == nil || height == nil {
        let image = CocoImage(id: id, fileName: name, width: 0, height: 0)
        return .flawed(image, .missingSize, "image \(id) has no width and height")
      }
      guard let width = wholeNumber(width), let height = wholeNumber(height), width > 0, height > 0,
        max(width, height) <= CocoImage.longestSide,
        (try? RunLengthMask.pixelCount(height: height, width: width)) != nil
      else {
        return .failure(
          rule,
          "image \(id) has a size that no image can have, "
            + [width, height].map { wholeNumber($0).map(String.init) ?? "none" }
            .joined(separator: "x"))
      }
      return .item(CocoImage(id: id, fileName: name, width: width, height: height))
    }
  }

  /// What is wrong with the id of a record.
  private static func noID(_ what: String, _ value: UnsafeRawPointer?) -> String {
    "\(what) of the list has \(describedNumber(cf_json_member(value, "id"))) as its id"
  }

  static func categories(
    _ document: JSONDocument, at: Int
  ) throws(DatasetError) -> Read<CocoCategory> {
    try read(document, at: at, "categories") { value, number in
      guard let id = wholeNumber(cf_json_member(value, "id")) else {
        return .failure(.malformedCategory, noID("category \(number)", value))
      }
      return .item(
        CocoCategory(
          id: id, name: name(cf_json_member(value, "name")) ?? "category \(id)",
          supercategory: text(cf_json_member(value, "supercategory")) ?? ""))
    }
  }

  private enum Outcome<Item> {
    case item(Item)
    case flawed(Item, CocoRule, String)
    case failure(CocoRule, String)
  }

  private static func read<Item: Sendable>(
    _ document: JSONDocument, at: Int, _ what: String,
    _ make: (UnsafeRawPointer?, Int) -> Outcome<Item>
  ) throws(DatasetError) -> Read<Item> {
    let (parts, end) = try JSONArrayReader.read(document, at: at) {
      (parser, batch) throws(DatasetError) -> ([Item], CocoFindings) in
      var items: [Item] = []
      var findings = CocoFindings()
      for (place, (start, end)) in zip(batch.starts, batch.ends).enumerated() {
        let value = try document.parse(parser, start..<end)
        defer { cf_json_release(value) }
        // Ids that are texts throughout are another format's, not a few records' fault.
        if let id = text(cf_json_member(value, "id")) {
          throw DatasetError(
            path: document.path, problem: "has texts as ids of its \(what), such as '\(id)'",
            remedy: "number them: ids in COCO's format are whole numbers")
        }
        switch make(value, batch.firstIndex + place + 1) {
        case .item(let item): items.append(item)
        case .flawed(let item, let rule, let problem):
          items.append(item)
          findings.add(rule, in: document.path, problem)
        case .failure(let rule, let problem): findings.add(rule, in: document.path, problem)
        }
      }
      return (items, findings)
    }
    var findings = CocoFindings()
    for part in parts { findings.merge(part.1) }
    return (parts.flatMap(\.0), findings, end)
  }

  /// A category's name; some call it by a number.
  private static func name(_ value: UnsafeRawPointer?) -> String? {
    text(value) ?? (isMissing(value) ? nil : wholeNumber(value).map { "\($0)" })
  }

  static func text(_ value: UnsafeRawPointer?) -> String? {
    var count = 0
    guard let bytes = cf_json_text(value, &count) else { return nil }
    return String(
      decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// Where each id is; the first of equal ones counts.
  static func index(
    _ ids: [Int], _ rule: CocoRule, _ what: String, _ path: String,
    _ findings: inout CocoFindings
  ) -> [Int: Int] {
    var places: [Int: Int] = [:]
    places.reserveCapacity(ids.count)
    for (place, id) in ids.enumerated() {
      if places[id] == nil {
        places[id] = place
      } else {
        findings.add(rule, in: path, "\(what) \(id) is there more than once")
      }
    }
    return places
  }
}
