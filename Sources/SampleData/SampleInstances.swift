// The annotations of the instance scenes in COCO's format, in whole pixels.

/// The contents of `instances_train2017.json` or `instances_val2017.json`.
struct SampleInstances: Encodable {
  struct Info: Encodable {
    var description = "SwinBench sample set: drawn scenes"
    var version = "1.0"
    var year = 2017
    var contributor = "SwinBench"
    var dateCreated = "2017/09/01"
    var url = ""

    private enum CodingKeys: String, CodingKey {
      case description, version, year, contributor, url
      case dateCreated = "date_created"
    }
  }

  struct License: Encodable {
    var id = 1
    var name = "Generated data, free of rights"
    var url = ""
  }

  struct Image: Encodable {
    var id: Int
    var fileName: String
    var width: Int
    var height: Int
    var license = 1
    var dateCaptured = "2017-09-01 00:00:00"

    private enum CodingKeys: String, CodingKey {
      case id, width, height, license
      case fileName = "file_name"
      case dateCaptured = "date_captured"
    }
  }

  struct Category: Encodable {
    var id: Int
    var name: String
    var supercategory: String
  }

  /// Polygons for one object, run lengths for a crowd.
  enum Segmentation: Encodable {
    case polygons([[Int]])
    case runs(counts: [Int], size: [Int])

    private enum Key: String, CodingKey { case counts, size }

    func encode(to encoder: any Encoder) throws {
      switch self {
      case .polygons(let polygons):
        var container = encoder.singleValueContainer()
        try container.encode(polygons)
      case .runs(let counts, let size):
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(counts, forKey: .counts)
        try container.encode(size, forKey: .size)
      }
    }
  }

  struct Annotation: Encodable {
    var id: Int
    var imageID: Int
    var categoryID: Int
    var segmentation: Segmentation
    var area: Int
    var bbox: [Int]
    var iscrowd: Int

    private enum CodingKeys: String, CodingKey {
      case id, segmentation, area, bbox, iscrowd
      case imageID = "image_id"
      case categoryID = "category_id"
    }
  }

  var info = Info()
  var licenses = [License()]
  var images: [Image] = []
  var annotations: [Annotation] = []
  var categories = SampleClass.allCases.map {
    Category(id: $0.categoryID, name: $0.rawValue, supercategory: $0.supercategory)
  }

  /// The name of an image's file: twelve digits, as in COCO.
  static func fileName(_ id: Int) -> String { padded(id, 12) + ".jpg" }

  /// Objects of which fewer pixels, or a smaller share, are seen are not annotated.
  static let smallestArea = 16
  static let smallestShare = 0.1

  /// Adds an image and what is seen in it; returns the image's id.
  ///
  /// Ids have gaps and never coincide between training and validation.
  mutating func add(
    _ scene: Scene, _ drawn: RenderedScene, part: SampleSet.Part, number: Int
  ) -> Int {
    let id = 100 + number * 7 + (part == .training ? 0 : 3)
    images.append(
      Image(id: id, fileName: Self.fileName(id), width: scene.width, height: scene.height))
    for (index, item) in scene.items.enumerated() where !item.isCrowd {
      guard let kind = item.kind else { continue }
      let mask = PixelMask(
        width: scene.width, height: scene.height, inside: drawn.owners.map { $0 == index })
      let share = Double(mask.area) / Double(max(1, drawn.fullAreas[index]))
      guard share >= Self.smallestShare else { continue }
      annotate(mask, kind, image: id, isCrowd: false)
    }
    let herd = Set(scene.items.indices.filter { scene.items[$0].isCrowd })
    if let first = herd.min(), let kind = scene.items[first].kind {
      let mask = PixelMask(
        width: scene.width, height: scene.height,
        inside: drawn.owners.map { $0 >= 0 && herd.contains(Int($0)) })
      annotate(mask, kind, image: id, isCrowd: true)
    }
    return id
  }

  private mutating func annotate(
    _ mask: PixelMask, _ kind: SampleClass, image: Int, isCrowd: Bool
  ) {
    guard let box = mask.bounds, mask.area >= Self.smallestArea else { return }
    let segmentation =
      isCrowd
      ? Segmentation.runs(counts: mask.columnRuns, size: [mask.height, mask.width])
      : Segmentation.polygons(mask.polygons)
    // Unique over both parts: the image's id and the place within the image.
    let place = annotations.count { $0.imageID == image }
    annotations.append(
      Annotation(
        id: image * 100 + place, imageID: image, categoryID: kind.categoryID,
        segmentation: segmentation, area: mask.area, bbox: [box.x, box.y, box.width, box.height],
        iscrowd: isCrowd ? 1 : 0))
  }
}
