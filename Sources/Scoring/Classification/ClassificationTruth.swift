import Evaluation
import FileSupport
import Foundation
import Reporting
import VisionData

/// The true classes of images, from a folder or from a file, and how predictions name both.
struct ClassificationTruth {
  /// The classes in the order of their indices.
  let classNames: [String]
  /// The class of every image.
  let labels: [Int]
  /// The images as the truth names them.
  let images: [String]
  /// What tells these images and labels from others; reads them all.
  let hash: () throws -> String
  /// The name in tables, and the folder of the images where there is one.
  let name: String
  let root: String?
  private let known: [String: Int]
  private let path: String

  /// Reads a folder or a file.
  ///
  /// - Parameter classes: The classifier's classes, for label files that hold indices.
  /// - Throws: `DatasetError` or `FileError` that says what is wrong.
  init(path: String, classes: [String]?) throws {
    self.path = path
    name = (path as NSString).lastPathComponent
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if exists, isFolder.boolValue {
      let folder = try Self.split(path, classes: classes)
      (classNames, labels) = (folder.classNames, folder.labels.map(Int.init))
      images = (0..<folder.count).map { folder.relativePath($0) }
      (hash, root) = ({ folder.manifestHash() }, folder.root)
    } else {
      (classNames, labels, images) = try Self.read(path, classes: classes)
      (hash, root) = ({ try SHA256.digest(file: path) }, nil)
    }
    known = Self.names(of: images)
  }

  /// The validation images of a data set, or those of a folder or archives that are one split.
  private static func split(_ path: String, classes: [String]?) throws(DatasetError) -> ImageFolder
  {
    let hasSplits = ["val", "validation"].contains { FileTree.isFolder("\(path)/\($0)") }
    let layout = try ClassificationLayout.find(path)
    if hasSplits || layout?.source == .archives {
      // Nothing is trained, so that training images need not be there.
      return try ClassificationData(ClassificationLayout.scored(path)).validation
    }
    let part = try ClassificationLayout.part(of: path)
    // What archives hold side by side is told apart by a list of their classes.
    if case .archives = part { return try ImageFolder(part, classNames: classes) }
    return try ImageFolder(part)
  }

  /// Every image by its path, and by its name with and without extension where that is unique.
  private static func names(of images: [String]) -> [String: Int] {
    var names: [String: Int] = [:]
    var repeated: Set<String> = []
    for (index, image) in images.enumerated() {
      let file = (image as NSString).lastPathComponent
      for name in Set([image, file, (file as NSString).deletingPathExtension]) {
        if let other = names.updateValue(index, forKey: name), other != index {
          repeated.insert(name)
        }
      }
    }
    for name in repeated { names[name] = nil }
    return names
  }

  private static func read(
    _ path: String, classes: [String]?
  ) throws -> (names: [String], labels: [Int], images: [String]) {
    let rows = try LabelFile.rows(path)
    let numbers = rows.map(\.label.wholeNumber)
    let areIndices = numbers.allSatisfy { $0 != nil }
    func fault(_ row: LabelFile.Row, _ problem: String, _ remedy: String) -> DatasetError {
      DatasetError(
        path: path, problem: "line \(row.line) has the label '\(row.label.prefix(40))'\(problem)",
        remedy: remedy)
    }
    // Where numbers stand, one that none can have is no name either: -1 marks images without a class.
    for (row, number) in zip(rows, numbers) {
      let isNumber = number != nil || !row.label.isEmpty && row.label.allSatisfy(\.isNumber)
      guard isNumber, !(0..<1 << 20).contains(number ?? -1) else { continue }
      guard classes?.contains(row.label) != true else { continue }
      throw fault(row, "", "count classes from 0, and leave images without a class out")
    }
    let names =
      classes
      ?? (areIndices
        ? (0...(numbers.compactMap { $0 }.max() ?? 0)).map(String.init)
        : Set(rows.map(\.label)).sorted())
    let places = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    // As of answers, all are names or all are places.
    let areNames = rows.allSatisfy { places[$0.label] != nil }
    let labels = try zip(rows, numbers).map { row, number in
      if areNames || !areIndices, let place = places[row.label] { return place }
      if areIndices, let number, names.indices.contains(number) { return number }
      throw fault(row, ", which is no class", "name the classes with --class-map")
    }
    var lines: [String: Int] = [:]
    for row in rows {
      if let other = lines.updateValue(row.line, forKey: row.image) {
        throw DatasetError(
          path: path, problem: "names \(row.image) in lines \(other) and \(row.line)",
          remedy: "keep one of them")
      }
    }
    guard classes != nil else { return (names, labels, rows.map(\.image)) }
    // As of a folder: the classes of the classifier that images have, in the order of their names.
    let present = Set(labels).sorted { names[$0] < names[$1] }
    let indices = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, $0) })
    return (present.map { names[$0] }, labels.compactMap { indices[$0] }, rows.map(\.image))
  }

  /// The row of every image, in the truth's order.
  ///
  /// - Throws: `DatasetError` when an image has no row or two, or a row names no image.
  func rows(of predictions: ClassificationPredictions) throws(DatasetError)
    -> [ClassificationPredictions.Row]
  {
    var rows = [ClassificationPredictions.Row?](repeating: nil, count: images.count)
    func fault(_ problem: String, _ remedy: String) -> DatasetError {
      DatasetError(path: predictions.path, problem: problem, remedy: remedy)
    }
    for row in predictions.rows {
      guard let index = place(of: row.image) else {
        throw fault(
          "line \(row.line) names \(row.image), which \(path) does not have",
          "score it with the images that it was made for")
      }
      if let other = rows[index] {
        throw fault(
          "names \(images[index]) in lines \(other.line) and \(row.line)", "keep one of them")
      }
      rows[index] = row
    }
    let missing = rows.indices.filter { rows[$0] == nil }
    if let first = missing.first {
      throw fault(
        "lacks \(images[first])" + (missing.count > 1 ? " and \(missing.count - 1) more" : "")
          + " of \(images.count) images", "predict every image")
    }
    return rows.compactMap { $0 }
  }

  /// The image that a name means: by as much of its path as is known here.
  private func place(of name: String) -> Int? {
    if let index = known[name] { return index }
    // Paths of other machines; where Windows wrote them, there is no other slash.
    let slash: Character = name.contains("/") ? "/" : "\\"
    var parts = name.split(separator: slash)[...]
    while !parts.isEmpty {
      if let index = known[parts.joined(separator: "/")] { return index }
      parts.removeFirst()
    }
    return nil
  }

  /// Where the images lie; nil where only labels are known.
  var runImages: RunImages? {
    root.map { RunImages(root: $0, indices: Array(images.indices), paths: images) }
  }
}

/// A file of images and their labels.
private enum LabelFile {
  typealias Row = (image: String, label: String, line: Int)

  private static let remedy =
    "give CSV with the columns image and label, or JSON lines of both"

  static func rows(_ path: String) throws(FileError) -> [Row] {
    func fault(_ line: Int, _ problem: String) -> FileError {
      NamedRecords.fault(path, line, problem, remedy)
    }
    var rows: [Row] = []
    switch try NamedRecords(path: path, remedy: remedy) {
    case .objects(let objects):
      for (line, value) in objects {
        guard let image = value["image"]?.stringValue,
          let label = value["label"]?.stringValue ?? value["label"]?.intValue.map(String.init)
        else { throw fault(line, "is no JSON object with 'image' and 'label'") }
        rows.append((image, label, line))
      }
    case .columns(let names, let table):
      let header = names.map { $0.lowercased() }
      guard let image = header.firstIndex(of: "image"), let label = header.firstIndex(of: "label")
      else { throw fault(1, "is no header with 'image' and 'label'") }
      rows = table.map { ($0.fields[image], $0.fields[label], $0.line) }
    }
    guard !rows.isEmpty else { throw fault(1, "is followed by no image") }
    if let empty = rows.first(where: { $0.image.isEmpty || $0.label.isEmpty }) {
      throw fault(empty.line, "has no " + (empty.image.isEmpty ? "image" : "label"))
    }
    return rows
  }
}
