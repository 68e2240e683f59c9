import CocoFormat
import FileSupport
import Foundation
import Geometry

/// The images of one split of a COCO-style folder, as a detector is trained and tested on them.
///
///     root/annotations/instances_train2017.json   root/train2017/…
///
/// Training leaves out images without any annotation and those whose shorter side is below 32
/// pixels; testing takes all. Crowds and objects without area or outside of the image are no
/// training targets: their pixels are background.
///
/// Source: mmdet 2, CocoDataset. Differs from the source: an object without a mask gets its box.
public struct DetectionDataset: Sendable {
  /// Which images are taken.
  public enum Use: Sendable {
    /// Those with annotations.
    case training
    /// All.
    case testing
  }

  /// The file's contents.
  public let annotations: CocoAnnotations
  /// Where the images are.
  public let folder: String
  /// Indices of the taken images in the file's order.
  public private(set) var images: [Int]
  /// The place of each category among the ascending ids: the class of a detector.
  private let labels: [Int]

  /// Reads the annotations of a split.
  ///
  /// - Parameters:
  ///   - root: The data set's folder.
  ///   - split: `train2017` or `val2017`.
  /// - Throws: `FileError` or `DatasetError` when the file is missing or no COCO file.
  public init(root: String, split: String, use: Use) throws {
    try self.init(
      annotations: CocoAnnotations(path: Self.annotationPath(root, split)),
      folder: "\(root)/\(split)", use: use)
  }

  /// Takes images from annotations.
  ///
  /// - Throws: `DatasetError` when no image is left.
  public init(annotations: CocoAnnotations, folder: String, use: Use) throws(DatasetError) {
    self.annotations = annotations
    self.folder = folder
    var labels = [Int](repeating: 0, count: annotations.categories.count)
    for (label, category) in annotations.categoriesByLabel.enumerated() { labels[category] = label }
    self.labels = labels
    images = annotations.images.indices.filter { index in
      let image = annotations.images[index]
      return use == .testing
        || (min(image.width, image.height) >= 32
          && !annotations.annotationIndices(ofImage: index).isEmpty)
    }
    guard !images.isEmpty else {
      throw DatasetError(
        path: annotations.path, problem: "names no image that can be used",
        remedy: "name a file with images and objects")
    }
  }

  /// Classes, which are the categories by ascending id.
  public var classCount: Int { annotations.categories.count }

  /// The names of the classes.
  public var classNames: [String] {
    annotations.categoriesByLabel.map { annotations.categories[$0].name }
  }

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
      throw DatasetError(
        path: folder, problem: "has no image that can be decoded",
        remedy: "run bench-data check on the data set")
    }
    var part = self
    part.images = images
    return part
  }

  /// A hash of the taken images' names and contents.
  public func imageHash(_ digests: FileDigests = FileDigests(folder: nil)) -> String {
    let names = images.map { annotations.images[$0].fileName }
    var hash = SHA256()
    for (name, digest) in zip(names, digests.digests(of: names, in: folder)) {
      hash.update("\(name)\t\(digest ?? "unreadable")\n")
    }
    return hash.finish()
  }

  /// Whether a folder looks like such a data set.
  public static func isLayout(_ root: String) -> Bool {
    splits.contains { hasSplit($0, in: root) }
  }

  static func hasSplit(_ split: String, in root: String) -> Bool {
    FileManager.default.fileExists(atPath: annotationPath(root, split))
  }

  /// The names of the splits.
  public static let splits = ["train2017", "val2017"]

  private static func annotationPath(_ root: String, _ split: String) -> String {
    "\(root)/annotations/instances_\(split).json"
  }

  /// The path of an image's file.
  public func path(_ image: Int) -> String { folder + "/" + annotations.images[image].fileName }

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

  /// An image.
  ///
  /// - Throws: As `sample`.
  public func pixels(_ image: Int) throws -> RGBImage {
    let expected = annotations.images[image]
    let pixels = try ImageFile.decode(path: path(image))
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
    guard !annotation.isCrowd, max(width, 0) * max(height, 0) > 0, annotation.area > 0,
      box.width >= 1, box.height >= 1
    else { return nil }
    let (right, bottom) = (box.x + box.width, box.y + box.height)
    return CornerBox(Float(box.x), Float(box.y), Float(right), Float(bottom))
  }

  private func mask(
    _ index: Int, _ box: CornerBox, width: Int, height: Int
  ) throws -> LabelMap {
    if let runs = try annotations.mask(of: index) {
      return LabelMap(width: width, height: height, labels: runs.pixels)
    }
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
