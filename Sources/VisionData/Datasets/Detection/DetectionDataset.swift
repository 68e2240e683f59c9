import CocoFormat
import FileSupport
import Foundation
import Geometry

/// The annotated images of one split, as a detector is trained and tested on them.
///
/// Training leaves out images without any annotation and those whose shorter side is below 32
/// pixels; testing takes all. Crowds, objects that say `ignore`, without area or outside of the image
/// are no training targets: their pixels are background. Objects without a mask teach boxes only.
///
/// Source: mmdet 2, CocoDataset.
public struct DetectionDataset: Sendable {
  /// Which images are taken.
  public enum Use: Sendable {
    /// Those with annotations.
    case training
    /// All.
    case testing
  }

  /// The annotations with what they were read from.
  private let truth: DetectionTruth
  /// The file's contents.
  public var annotations: CocoAnnotations { truth.annotations }
  /// Where the images are.
  public var folder: String { locations.folder }
  /// Indices of the taken images in the file's order.
  public private(set) var images: [Int]
  /// How many there were before a part of them was chosen.
  public private(set) var wholeCount = 0
  /// Whether an object without a mask gets its box as one.
  public var fillsMasks = false
  private let locations: ImageLocations
  /// The place of each category among the ascending ids: the class of a detector.
  private let labels: [Int]

  /// Reads the annotations of a split.
  ///
  /// - Throws: `FileError` or `DatasetError` when a file is missing or no annotations.
  public init(_ part: DetectionLayout.Part, use: Use) throws {
    try self.init(DetectionTruth(part), folders: part.images, use: use)
  }

  /// Takes images from annotations.
  ///
  /// - Throws: `DatasetError` when no image is left.
  public init(annotations: CocoAnnotations, folder: String, use: Use) throws(DatasetError) {
    try self.init(DetectionTruth(annotations), folders: [folder], use: use)
  }

  private init(
    _ truth: DetectionTruth, folders: [String], use: Use
  ) throws(DatasetError) {
    self.truth = truth
    let annotations = truth.annotations
    labels = annotations.labelsOfCategories
    images = annotations.images.indices.filter { index in
      let image = annotations.images[index]
      return use == .testing
        || (min(image.width, image.height) >= 32
          && !annotations.annotationIndices(ofImage: index).isEmpty)
    }
    wholeCount = images.count
    guard !images.isEmpty else { throw Self.nothingToUse(annotations) }
    if let nameless = images.first(where: { annotations.images[$0].fileName.isEmpty }) {
      throw DatasetError(
        path: annotations.path,
        problem: "has no file_name of image \(annotations.images[nameless].id)",
        remedy: "write the name of each image's file")
    }
    locations = try ImageLocations(
      of: annotations.images, used: images, in: folders, from: annotations.path)
  }

  /// The error for annotations without an image that can be used, by what the images lack.
  private static func nothingToUse(_ annotations: CocoAnnotations) -> DatasetError {
    let images = annotations.images.indices.map { index in
      let image = annotations.images[index]
      return (
        side: min(image.width, image.height),
        isEmpty: annotations.annotationIndices(ofImage: index).isEmpty
      )
    }
    let reasons = [
      (images.count { $0.side == 0 }, "without width and height"),
      (images.count { $0.side > 0 && $0.side < 32 }, "of less than 32 pixels"),
      (images.count { $0.side >= 32 && $0.isEmpty }, "without an object"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    return DatasetError(
      path: annotations.path,
      problem: "names no image that can be used"
        + (reasons.isEmpty
          ? annotations.findings.described.first.map { ": \($0.problem)" } ?? ""
          : ": " + reasons.joined(separator: ", ")),
      remedy: "name a file with images and objects")
  }

  /// Classes, which are the categories by ascending id.
  public var classCount: Int { annotations.categories.count }

  /// Whether any object has a mask.
  public var hasMasks: Bool { annotations.objectsWithoutMask < annotations.annotations.count }

  /// The names of the classes.
  public var classNames: [String] { truth.classNames }

  /// The same data with the first images only.
  public func first(_ count: Int) -> DetectionDataset {
    var part = self
    part.images = Array(images.prefix(count))
    return part
  }

  /// The same data with some of the images only.
  ///
  /// - Throws: `DatasetError` when none is left.
  public func keeping(_ images: [Int]) throws(DatasetError) -> DetectionDataset {
    guard !images.isEmpty else {
      throw DatasetError.noneDecodes(in: folder)
    }
    var part = self
    part.images = images
    return part
  }

  /// A hash of the files that the annotations were read from.
  ///
  /// - Throws: `FileError` for one that cannot be read any more.
  public func annotationHash(
    _ digests: FileDigests = FileDigests(folder: nil)
  ) throws(FileError) -> String {
    try truth.hash(digests)
  }

  /// A hash of the taken images' names and contents.
  public func imageHash(_ digests: FileDigests = FileDigests(folder: nil)) -> String {
    let paths = images.map { locations.relativePath($0) }
    var hash = SHA256()
    for (image, digest) in zip(images, digests.digests(of: paths, in: folder)) {
      hash.update("\(annotations.images[image].fileName)\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }

  /// The path of an image below the folder.
  public func relativePath(_ image: Int) -> String { locations.relativePath(image) }

  /// The path of an image's file.
  public func path(_ image: Int) -> String { folder + "/" + locations.relativePath(image) }

  /// The taken images whose files are not there.
  public var missing: [Int] { images.filter { access(path($0), F_OK) != 0 } }

  /// Makes sure that the files of all taken images are there, before hours are spent on the first.
  ///
  /// - Throws: `DatasetError` naming one that is not.
  public func expectFiles() throws(DatasetError) {
    let missing = missing
    guard let first = missing.first else { return }
    let name = annotations.images[first].fileName
    guard !name.isEmpty else {
      throw DatasetError(
        path: annotations.path,
        problem: "has no file_name for image \(annotations.images[first].id)",
        remedy: "write the names of the images' files")
    }
    throw DatasetError(
      path: path(first),
      problem: "does not exist"
        + (missing.count > 1 ? ", as \(missing.count - 1) more of \(images.count) images" : ""),
      remedy: "unpack the images that \(annotations.path) names there", exitCode: .missingFile)
  }

  /// An image with its objects.
  ///
  /// - Throws: `ImageError` when the image cannot be decoded, `DatasetError` when its size is not
  ///   the one the annotations give.
  public func sample(_ image: Int) throws -> DetectionSample {
    let pixels = try pixels(image)
    var target = DetectionTarget()
    for index in annotations.annotationIndices(ofImage: image).map(Int.init) {
      guard let box = trainingBox(index) else { continue }
      target.boxes.append(box)
      target.labels.append(labels[annotations.annotations[index].category])
      target.masks.append(try mask(index, box, width: pixels.width, height: pixels.height))
    }
    return DetectionSample(image: pixels, target: target)
  }

  /// An image, turned as its EXIF data say.
  ///
  /// - Throws: As `sample`.
  public func pixels(_ image: Int) throws -> RGBImage {
    let expected = annotations.images[image]
    guard expected.width > 0 else {
      throw DatasetError(
        path: annotations.path, problem: "has no width and height of image \(expected.id)",
        remedy: "write its size")
    }
    let pixels = try ImageFile.decode(
      path: path(image), for: (expected.width, expected.height))
    guard pixels.width == expected.width, pixels.height == expected.height else {
      throw DatasetError(
        path: path(image),
        problem: "has \(pixels.width)x\(pixels.height) pixels where \(annotations.path) says "
          + "\(expected.width)x\(expected.height)",
        remedy: "use the images that the annotations were made for")
    }
    return pixels
  }

  /// The box of an object that is a training target; nil for the others.
  func trainingBox(_ index: Int) -> CornerBox? {
    let annotation = annotations.annotations[index]
    let image = annotations.images[annotation.image]
    let box = annotation.box
    let width = min(box.x + box.width, Double(image.width)) - max(box.x, 0)
    let height = min(box.y + box.height, Double(image.height)) - max(box.y, 0)
    guard !annotation.isCrowd, !annotation.isIgnored, max(width, 0) * max(height, 0) > 0,
      annotation.area > 0,
      box.width >= 1, box.height >= 1
    else { return nil }
    let (right, bottom) = (box.x + box.width, box.y + box.height)
    return CornerBox(Float(box.x), Float(box.y), Float(right), Float(bottom))
  }

  private func mask(
    _ index: Int, _ box: CornerBox, width: Int, height: Int
  ) throws -> LabelMap? {
    // A mask of another size cannot be laid over the image; its finding says so.
    if let runs = try annotations.mask(of: index), runs.width == width, runs.height == height {
      return LabelMap(width: width, height: height, labels: runs.pixels)
    }
    guard fillsMasks else { return nil }
    var map = LabelMap(
      width: width, height: height, labels: [UInt8](repeating: 0, count: width * height))
    let inside = box.clipped(width: Float(width), height: Float(height))
    for row in Int(inside.y1)..<max(Int(inside.y1), Int(inside.y2)) {
      for column in Int(inside.x1)..<max(Int(inside.x1), Int(inside.x2)) {
        map.labels[row * width + column] = 1
      }
    }
    return map
  }
}
