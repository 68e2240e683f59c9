import FileSupport
import Geometry
import Threads

/// The detections of a result file for the images of a ground truth.
///
/// As in the reference loader the first record decides what the file is: where it has a box, the
/// file is one of boxes and the area of every detection is that of its box, also when masks are
/// evaluated; where it has only a mask, areas and boxes come from the masks, and where it has only
/// keypoints, from the box around these.
///
/// Source: cocodataset/cocoapi, `PythonAPI/pycocotools/coco.py`, `loadRes`.
/// Differs from the source: an empty list is a file without detections, no error.
public struct CocoDetections: Sendable {
  /// The file.
  public let path: String
  /// Detections in the file's order.
  public let detections: [CocoDetection]
  /// The masks of the detections, by the same index.
  public let segmentations: CocoSegmentations
  /// The keypoints of the detections, by the same index.
  public let keypoints: CocoKeypoints
  /// Whether the file is one of boxes, by its first record.
  public let areBoxes: Bool
  /// How many detections have a mask.
  public let maskCount: Int
  /// Whether any detection has a mask.
  public var haveMasks: Bool { maskCount > 0 }
  /// What is wrong with the file.
  public let findings: CocoFindings
  private let members: CocoImageMembers
  /// Detections that a thread looks at in one piece.
  private static let perPiece = 16384

  /// Reads a file.
  ///
  /// - Throws: `FileError` when it cannot be read; `DatasetError` when it is no list of detections,
  ///   or names images that the ground truth lacks: then it belongs to another split.
  public init(path: String, groundTruth: CocoAnnotations) throws {
    let document = JSONDocument(file: try FileBytes(path: path, readsPipes: true))
    let (byte, at) = try document.first()
    guard byte == UInt8(ascii: "[") else {
      throw try document.mistaken(for: .detection, first: byte, at: at)
    }
    let joiner = Self.joiner(path, groundTruth)
    let (parts, end) = try JSONArrayReader.read(document, at: at) {
      (parser, batch) throws(DatasetError) in
      joiner.join(try CocoObjectParser.parse(document, .detection, parser, batch), Self.detection)
    }
    try document.expectEnd(after: end)
    try self.init(joiner, parts: parts, groundTruth: groundTruth)
  }

  /// Takes over detections that are in memory, as if they had been read from a file.
  ///
  /// - Parameter name: What stands for the path in messages.
  /// - Throws: `DatasetError` when one is of an image that the ground truth lacks.
  public init(
    _ results: some Sequence<CocoResult>, name: String = "detections", groundTruth: CocoAnnotations
  ) throws(DatasetError) {
    var part = CocoObjectPart()
    for (index, result) in results.enumerated() {
      if part.firstHasBox == nil { part.firstHasBox = result.box != nil }
      part.append(result, index: index, path: name)
    }
    let joiner = Self.joiner(name, groundTruth)
    try self.init(
      joiner, parts: [joiner.join(part, Self.detection)], groundTruth: groundTruth)
  }

  private static func joiner(_ path: String, _ groundTruth: CocoAnnotations) -> CocoObjectJoiner {
    var imagesByID: [Int: Int] = [:]
    for index in groundTruth.images.indices.reversed() {
      imagesByID[groundTruth.images[index].id] = index
    }
    var categoriesByID: [Int: Int] = [:]
    for index in groundTruth.categories.indices.reversed() {
      categoriesByID[groundTruth.categories[index].id] = index
    }
    return CocoObjectJoiner(
      path: path, role: .detection, images: groundTruth.images,
      categories: groundTruth.categories, imagesByID: imagesByID, categoriesByID: categoriesByID)
  }

  /// How many of some detections are the same as one before.
  ///
  /// All are looked at where they are few; of many those of one hash in sixteen, which copies share.
  private static func copies(_ detections: [CocoDetection]) -> (copies: Int, seen: Int) {
    let mask: UInt64 = detections.count < 50_000 ? 0 : 15
    let hashes = threadMap((detections.count + perPiece - 1) / perPiece) { piece in
      var some: [UInt64] = []
      for one in detections[piece * perPiece..<min((piece + 1) * perPiece, detections.count)] {
        let hash = hash(one)
        if hash & mask == 0 { some.append(hash) }
      }
      return some
    }
    // Of millions of hashes hardly two are the same by chance, and a count is all that is made of it.
    let seen = hashes.reduce(0) { $0 + $1.count }
    return (seen - Set(hashes.joined()).count, seen)
  }

  /// Mixes all that makes a detection what it is.
  private static func hash(_ one: CocoDetection) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: one.image)
    func mix(_ word: UInt64) {
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash &>> 29
    }
    mix(UInt64(truncatingIfNeeded: one.category))
    mix(one.score.bitPattern)
    mix(one.box.x.bitPattern)
    mix(one.box.y.bitPattern)
    mix(one.box.width.bitPattern)
    mix(one.box.height.bitPattern)
    return hash
  }

  private static func takeAreasOfBoxes(_ detections: inout [CocoDetection]) {
    let count = detections.count
    detections.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let all = buffer
      ThreadPool.shared.forEach((count + perPiece - 1) / perPiece) { piece in
        for at in piece * perPiece..<min((piece + 1) * perPiece, count) {
          all[at].area = all[at].box.area
        }
      }
    }
  }

  private static func detection(_ raw: CocoRawObject, _ image: Int, _ category: Int)
    -> CocoDetection
  {
    CocoDetection(
      image: image, category: category, box: raw.box, area: raw.area, score: raw.score)
  }

  private init(
    _ joiner: CocoObjectJoiner, parts: [CocoJoinedPart<CocoDetection>],
    groundTruth: CocoAnnotations
  ) throws(DatasetError) {
    path = joiner.path
    areBoxes = parts.lazy.compactMap(\.firstHasBox).first ?? true
    var findings = CocoFindings()
    var objects: [CocoDetection]
    (objects, segmentations, keypoints) = joiner.combine(parts, &findings)
    if areBoxes { Self.takeAreasOfBoxes(&objects) }
    detections = objects
    let (copies, seen) = Self.copies(detections)
    // A network may find a box twice; files of several processes that were joined hold all twice.
    if copies > 1, copies * 10 >= seen {
      let some = seen < detections.count ? " that were looked at" : ""
      findings.add(
        .repeatedDetection, in: path,
        "\(copies) of \(seen) detections\(some) repeat another one, box and score")
    }
    self.findings = findings
    if let unknown = findings.described.first(where: { $0.rule == CocoRule.unknownImage.rawValue })
    {
      let count = findings.count(.unknownImage)
      let lost = groundTruth.findings.described.first {
        $0.rule == CocoRule.malformedImage.rawValue
      }
      throw DatasetError(
        path: path,
        problem: "holds \(count) detections of images that \(groundTruth.path) lacks; the first: "
          + unknown.problem + (lost.map { "; images were left out of it: \($0.problem)" } ?? ""),
        remedy: lost == nil
          ? "use the results of the same split" : "correct the images of \(groundTruth.path)")
    }
    maskCount = segmentations.maskCount
    members = CocoImageMembers(detections.count, imageCount: groundTruth.images.count) {
      [detections] in
      detections[$0].image
    }
  }

  /// Indices of the detections of an image, in the file's order.
  public func indices(ofImage image: Int) -> ArraySlice<Int32> { members[image] }

  /// The detections of an image with the highest scores, by descending score, equal ones in the
  /// file's order.
  public func best(_ count: Int, ofImage image: Int) -> ArraySlice<Int32> {
    members[image].sorted {
      let (first, second) = (detections[Int($0)].score, detections[Int($1)].score)
      return first > second || (first == second && $0 < $1)
    }.prefix(count)
  }
}

/// One detection with the ids of its image and category, as a result file holds it.
public struct CocoResult: Sendable, Equatable {
  /// The image's and the category's id.
  public var imageID, categoryID: Int
  /// The box, for a file of boxes.
  public var box: CocoBox?
  /// The mask, for a file of masks.
  public var segmentation: CocoSegmentation
  /// The keypoints: x, y and a flag each.
  public var keypoints: [Double]
  /// How sure the detector is.
  public var score: Double

  /// Describes a detection.
  public init(
    imageID: Int, categoryID: Int, box: CocoBox? = nil, segmentation: CocoSegmentation = .none,
    keypoints: [Double] = [], score: Double
  ) {
    self.imageID = imageID
    self.categoryID = categoryID
    self.box = box
    self.segmentation = segmentation
    self.keypoints = keypoints
    self.score = score
  }
}

extension CocoObjectPart {
  /// Adds a detection that is in memory; one whose numbers are no numbers is left out.
  fileprivate mutating func append(_ result: CocoResult, index: Int, path: String) {
    var raw = CocoRawObject()
    raw.id = index + 1
    raw.imageID = result.imageID
    raw.categoryID = result.categoryID
    raw.score = result.score
    let numbers = (result.box.map { [$0.x, $0.y, $0.width, $0.height] } ?? []) + result.keypoints
    guard result.score.isFinite, numbers.allSatisfy(\.isFinite) else {
      return findings.add(
        .notFinite, in: path, "detection \(index + 1) (image \(result.imageID)) is not finite")
    }
    if let box = result.box {
      raw.box = box
      raw.hasBox = true
    }
    if case .runs(let mask, _) = result.segmentation {
      raw.area = Double(mask.area)
      if result.box == nil {
        let bounds = mask.box
        raw.box = CocoBox(
          x: Double(bounds.x), y: Double(bounds.y), width: Double(bounds.width),
          height: Double(bounds.height))
      }
    }
    if result.box == nil, result.segmentation == .none {
      guard !result.keypoints.isEmpty else {
        return findings.add(
          .malformed, in: path,
          "detection \(index + 1) (image \(result.imageID)) has neither a box nor a mask")
      }
      raw.box = CocoKeypoints.bounds(result.keypoints)
      raw.area = raw.box.area
    }
    segmentations.append(result.segmentation)
    keypoints.append(result.keypoints, of: objects.count)
    objects.append(raw)
  }
}
