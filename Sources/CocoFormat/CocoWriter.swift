import FileSupport
import Geometry

/// Writes annotations and results in COCO's format, piece by piece.
///
/// Numbers are the shortest that read back as the same double, so a file that is read and written
/// again says the same.
public enum CocoWriter {
  private static let flushBytes = 1 << 20

  /// Writes a result file.
  ///
  /// - Throws: `FileError` when it cannot be written.
  public static func write(
    _ results: some Sequence<CocoResult>, to path: String
  ) throws(FileError) {
    try AtomicFile.write(to: path) { (file: inout AtomicFile.Writer) throws(FileError) in
      var text = CocoText()
      text.add("[")
      var isFirst = true
      for result in results {
        if !isFirst { text.add(",\n") }
        isFirst = false
        text.add("{\"image_id\":\(result.imageID),\"category_id\":\(result.categoryID)")
        if let box = result.box {
          text.add(",\"bbox\":")
          text.add(box)
        }
        text.addMember(result.segmentation)
        text.addKeypoints(result.keypoints)
        text.add(",\"score\":\(result.score)}")
        try text.flush(to: &file, above: flushBytes)
      }
      text.add("]\n")
      try text.flush(to: &file)
    }
  }

  /// Writes an annotation file.
  ///
  /// - Throws: `FileError` when it cannot be written.
  public static func write(_ set: CocoAnnotations, to path: String) throws(FileError) {
    try AtomicFile.write(to: path) { (file: inout AtomicFile.Writer) throws(FileError) in
      var text = CocoText()
      text.addTables(images: set.images, categories: set.categories)
      for (index, annotation) in set.annotations.enumerated() {
        text.addAnnotation(
          id: annotation.id, imageID: set.images[annotation.image].id,
          categoryID: set.categories[annotation.category].id, box: annotation.box,
          area: annotation.area, isCrowd: annotation.isCrowd, isIgnored: annotation.isIgnored,
          segmentation: set.segmentations[index], keypoints: set.keypoints[index],
          labelledKeypoints: annotation.labelledKeypoints, isFirst: index == 0)
        try text.flush(to: &file, above: flushBytes)
      }
      text.add("]}\n")
      try text.flush(to: &file)
    }
  }
}

/// JSON text that is handed to a file whenever enough has come together.
package struct CocoText {
  private var bytes: [UInt8] = []

  package init() {}

  package mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

  package mutating func add(_ box: CocoBox) {
    add("[\(box.x),\(box.y),\(box.width),\(box.height)]")
  }

  /// The start of an annotation file, up to the first annotation.
  package mutating func addTables(images: [CocoImage], categories: [CocoCategory]) {
    add("{\"images\":[")
    for (index, image) in images.enumerated() {
      if index > 0 { add(",\n") }
      add(
        "{\"id\":\(image.id),\"file_name\":\(jsonLiteral(image.fileName)),"
          + "\"width\":\(image.width),\"height\":\(image.height)")
      if let ids = image.negativeCategoryIDs { add(",\"neg_category_ids\":\(ids)") }
      if image.negativeCategoryIDs != nil || !image.notExhaustiveCategoryIDs.isEmpty {
        add(",\"not_exhaustive_category_ids\":\(image.notExhaustiveCategoryIDs)")
      }
      add("}")
    }
    add("],\n\"categories\":[")
    for (index, category) in categories.enumerated() {
      if index > 0 { add(",\n") }
      add(
        "{\"id\":\(category.id),\"name\":\(jsonLiteral(category.name)),"
          + "\"supercategory\":\(jsonLiteral(category.supercategory))")
      if let frequency = category.frequency { add(",\"frequency\":\"\(frequency.rawValue)\"") }
      if !category.keypointNames.isEmpty {
        add(",\"keypoints\":[" + category.keypointNames.map(jsonLiteral).joined(separator: ","))
        add("]")
      }
      add("}")
    }
    add("],\n\"annotations\":[")
  }

  package mutating func addAnnotation(
    id: Int, imageID: Int, categoryID: Int, box: CocoBox, area: Double, isCrowd: Bool,
    isIgnored: Bool = false, segmentation: CocoSegmentation,
    keypoints: some Collection<Double> = [], labelledKeypoints: Int = 0, isFirst: Bool
  ) {
    if !isFirst { add(",\n") }
    add("{\"id\":\(id),\"image_id\":\(imageID),\"category_id\":\(categoryID),\"bbox\":")
    add(box)
    add(",\"area\":\(area),\"iscrowd\":\(isCrowd ? 1 : 0)")
    if isIgnored { add(",\"ignore\":1") }
    addMember(segmentation)
    if !keypoints.isEmpty { add(",\"num_keypoints\":\(labelledKeypoints)") }
    addKeypoints(keypoints)
    add("}")
  }

  package mutating func addKeypoints(_ numbers: some Collection<Double>) {
    guard !numbers.isEmpty else { return }
    add(",\"keypoints\":[" + numbers.map { "\($0)" }.joined(separator: ",") + "]")
  }

  package mutating func addMember(_ segmentation: CocoSegmentation) {
    switch segmentation {
    case .none: return
    case .polygons(let polygons):
      add(",\"segmentation\":[")
      for (index, polygon) in polygons.enumerated() {
        add(index == 0 ? "[" : ",[")
        for (at, number) in polygon.enumerated() { add(at == 0 ? "\(number)" : ",\(number)") }
        add("]")
      }
      add("]")
    case .runs(let mask, let isCompressed):
      add(",\"segmentation\":{\"size\":[\(mask.height),\(mask.width)],\"counts\":")
      if isCompressed {
        // Of the characters 48...111 only the backslash has to be escaped.
        bytes.append(UInt8(ascii: "\""))
        for byte in mask.compressedCounts {
          if byte == UInt8(ascii: "\\") { bytes.append(byte) }
          bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
      } else {
        add("[" + mask.runs.map { "\($0)" }.joined(separator: ",") + "]")
      }
      add("}")
    }
  }

  package mutating func flush(
    to file: inout AtomicFile.Writer, above limit: Int = 0
  ) throws(FileError) {
    guard bytes.count > limit else { return }
    try file.append(bytes)
    bytes.removeAll(keepingCapacity: true)
  }
}
