import FileSupport
import Foundation
import Geometry

/// Images with their label maps, and perhaps predictions, as they are shown.
public struct SegmentationPictures {
  /// Images that have a label map, in byte order.
  public let names: [String]
  private let images: [String: String]
  private let maps: SegmentationTruth
  private let predictions: LabelMapFolder?
  private let encoding: LabelEncoding
  private let predictionEncoding: LabelEncoding

  /// Lists the folder of images.
  ///
  /// - Throws: `DatasetError` when it cannot be read, or no image has a label map.
  public init(
    images root: String, maps: SegmentationTruth, predictions: LabelMapFolder?,
    classes: SegmentationClasses, values: PredictionValues
  ) throws(DatasetError) {
    var images: [String: String] = [:]
    for entry in try FileTree.files(below: root).files
    where ["jpg", "jpeg", "png"].contains((entry as NSString).pathExtension.lowercased()) {
      let name = (entry as NSString).deletingPathExtension
      images[RelativePath.stem(name, suffix: maps.layout?.imageSuffix ?? "")] = root + "/" + entry
    }
    names = maps.names.filter { images[$0] != nil }
    guard !names.isEmpty else {
      throw DatasetError(
        path: root, problem: "holds no image that has a label map in \(maps.root)",
        remedy: "give the folders of one split; names must be equal up to the extension")
    }
    self.images = images
    self.maps = maps
    self.predictions = predictions
    encoding = classes.encoding
    predictionEncoding = values.encoding(of: classes)
  }

  /// An image with its maps and their captions.
  ///
  /// - Throws: `ImageError` when a file cannot be read; `DatasetError` when sizes differ, values
  ///   stand for no class or a prediction is missing.
  public func load(
    _ name: String
  ) throws -> (image: RGBImage, maps: [(caption: String, labels: LabelMap)]) {
    let size = try maps.path(name).map { try ImageFile.inspect(path: $0) }
    let path = images[name] ?? name
    let image =
      try size.map { try ImageFile.decode(path: path, for: ($0.width, $0.height)) }
      ?? ImageFile.decode(path: path)
    func map(
      _ path: String?, in root: String, _ encoding: LabelEncoding, option: String
    ) throws -> LabelMap {
      guard let path else {
        throw DatasetError(
          path: root, problem: "lacks \(name).png", remedy: "predict every image",
          exitCode: .missingFile)
      }
      let stored = try ImageFile.decodeLabels(path: path)
      guard stored.width == image.width, stored.height == image.height else {
        throw DatasetError(
          path: path,
          problem: "is \(stored.width)x\(stored.height), its image "
            + "\(image.width)x\(image.height)",
          remedy: "use the label map of this image, at the image's size")
      }
      do {
        return try encoding.decode(stored, path: path)
      } catch {
        // Here --labels is the folder of the maps.
        throw DatasetError(
          path: error.path, problem: error.problem,
          remedy: error.remedy.replacing("--labels", with: option))
      }
    }
    var result = [
      ("labels", try map(maps.path(name), in: maps.root, encoding, option: "--label-values"))
    ]
    if let predictions {
      result.append(
        (
          "prediction",
          try map(
            predictions.path(name), in: predictions.root, predictionEncoding,
            option: "--prediction-values")
        ))
    }
    return (image, result)
  }
}
