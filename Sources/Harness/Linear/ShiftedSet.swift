import CommandLine
import Evaluation
import FileSupport
import Foundation
import Inspection
import Loading
import VisionData

/// Images from elsewhere that a probe is tried on: ImageNet-V2, -A, -R, -Sketch, ObjectNet, ReaL's labels
/// of the validation images, or those images corrupted.
///
/// The classes of such a set are folders, and each is one or several of the classifier's classes:
///
///     class_map.json in the folder   {"classes": {"folder": ["class", …]}}; folders it lacks are left out;
///                                    "border": pixels that are cut off on every side
///     folders named as the classes   themselves, all or a part of them (-A, -R, -Sketch)
///     folders named 0, 1, 2, …       the classes in their order (ImageNet-V2)
///
/// The answer is the best of the classes that the set has, as the official scores of -A and -R have it;
/// a class of several has the best of their numbers.
struct ShiftedSet {
  /// What is tried.
  enum Truth {
    /// Images of a folder, and of each of its classes the classifier's.
    case images(ImageFolder, order: [Int], places: [[Int]])
    /// Corrupted images in parts, and of each class the classifier's.
    case corrupted(CorruptedImages, places: [[Int]])
    /// Some of the validation images, corrupted on the way.
    case made(MadeCorruptions, of: ImageFolder, order: [Int])
    /// Other labels of the validation images, by their positions.
    case labels([Int: [Int]], order: [Int])
  }

  /// The name in tables.
  let name: String
  /// Where it lies.
  let path: String
  let truth: Truth
  /// Pixels on every side of its images that are no part of them.
  private(set) var border = 0
  /// The classes in the order of records.
  let classNames: [String]

  /// What stands for a folder where images are corrupted on the way.
  static let made = "made"

  /// Opens a set.
  ///
  /// - Parameters:
  ///   - option: `name=folder`, `name=file` for other labels, or `name=made`.
  ///   - data: What the classifier learned from, and its validation images.
  ///   - corruptions: What is made, where that is asked for.
  /// - Throws: `UsageError` for what is no such pair; `DatasetError` and `FileError` for what does not
  ///   fit.
  init(_ option: String, beside data: FrozenData, _ corruptions: CorruptionOptions) throws {
    let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw UsageError.conflict(
        "--shifts got '\(option)'; give a name and a folder or file, as imagenet-a=/data/imagenet-a."
      )
    }
    (name, path) = (parts[0], parts[1])
    let known = data.classNames
    if path == Self.made {
      classNames = known
      let made = try corruptions.made()
      try CorruptedImages.requireReference(
        strengths: made.severities.count, or: ", or make fewer --severities")
      truth = .made(made, of: data.images.validation, order: data.validationOrder)
      return
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw DatasetError(
        path: path, problem: "does not exist", remedy: "give where \(name) lies",
        exitCode: .missingFile)
    }
    guard isFolder.boolValue else {
      classNames = known
      truth = .labels(
        try Self.realLabels(path, of: data.images.validation, known.count),
        order: data.validationOrder)
      return
    }
    if let corrupted = try CorruptedImages(path) {
      try CorruptedImages.requireReference(strengths: corrupted.strengths)
      let images = corrupted.parts[0].images
      let places = try Self.places(of: images, known, path)
      truth = .corrupted(corrupted, places: places)
      classNames = images.classNames
      return
    }
    let images = try ImageFolder(ClassificationLayout.part(of: path))
    let places = try Self.places(of: images, known, path)
    var kept: [Int: Int] = [:]
    for label in places.indices where !places[label].isEmpty { kept[label] = kept.count }
    let order = (0..<images.count).filter { kept[Int(images.labels[$0])] != nil }
    guard !order.isEmpty else {
      throw DatasetError(
        path: path, problem: "has no image of a class that the classifier knows",
        remedy: "correct class_map.json")
    }
    classNames = places.indices.filter { kept[$0] != nil }.map { images.classNames[$0] }
    truth = .images(images, order: order, places: places)
    border = try Self.border(of: name, path)
  }

  /// The border of a set's images: what its class_map.json says; without a word ObjectNet's, which is red
  /// and told by the set's name.
  ///
  /// The border is a pixel wide, and JPEG smears it into a second; the published loaders cut off two.
  private static func border(of name: String, _ path: String) throws(FileError) -> Int {
    let map = path + "/class_map.json"
    let usual = name.lowercased().hasPrefix("objectnet") ? 2 : 0
    guard FileManager.default.fileExists(atPath: map),
      let said = try Self.map(map)["border"]
    else { return usual }
    guard let border = said.intValue, (0...100).contains(border) else {
      throw FileError(
        path: map, problem: "has a 'border' that is no number of pixels from 0 to 100",
        remedy: "give how many are cut off on every side", exitCode: .badData)
    }
    return border
  }

  private static func map(_ path: String) throws(FileError) -> JSONValue {
    try JSONValue(
      FileBytes.readText(path), of: path, remedy: "give {\"classes\": {\"folder\": [\"class\"]}}")
  }

  /// Of every folder the classifier's classes that it stands for; none where it is left out.
  private static func places(
    of images: ImageFolder, _ known: [String], _ path: String
  ) throws -> [[Int]] {
    let index = Dictionary(known.enumerated().map { ($1, $0) }) { first, _ in first }
    let map = path + "/class_map.json"
    if FileManager.default.fileExists(atPath: map) {
      guard case .object(let members)? = try Self.map(map)["classes"] else {
        throw FileError(
          path: map, problem: "is no JSON object with 'classes'",
          remedy: "give {\"classes\": {\"folder\": [\"class\"]}}", exitCode: .badData)
      }
      return try images.classNames.map { folder in
        guard let entry = members[folder] else { return [] }
        let names = entry.arrayValue?.compactMap(\.stringValue) ?? entry.stringValue.map { [$0] }
        return try (names ?? []).map { name in
          guard let place = index[name] else {
            throw FileError(
              path: map, problem: "maps '\(folder)' to '\(name)', which is no class of train",
              remedy: "name the classes as the folders of train are", exitCode: .badData)
          }
          return place
        }
      }
    }
    let unknown = images.classNames.filter { index[$0] == nil }
    guard let first = unknown.first else { return images.classNames.map { [index[$0] ?? 0] } }
    let numbers = images.classNames.compactMap { Int($0) }
    if unknown.count == images.classNames.count, numbers.count == unknown.count,
      numbers.allSatisfy(known.indices.contains)
    {
      return numbers.map { [$0] }
    }
    throw DatasetError(
      path: path + "/" + first,
      problem: "is no class of the training images"
        + (unknown.count > 1 ? " (nor are \(unknown.count - 1) more folders)" : ""),
      remedy: "put a class_map.json into \(path) that says which classes its folders are")
  }

  /// ReaL's file: a list of labels for every validation image in the order of their file names.
  private static func realLabels(
    _ path: String, of images: ImageFolder, _ classCount: Int
  ) throws -> [Int: [Int]] {
    func fault(_ problem: String, _ remedy: String) -> FileError {
      FileError(path: path, problem: problem, remedy: remedy, exitCode: .badData)
    }
    let remedy = "give ReaL's real.json: a list of labels an image"
    guard let rows = try JSONValue(FileBytes.readText(path), of: path, remedy: remedy).arrayValue
    else { throw fault("is no JSON list", remedy) }
    guard rows.count == images.count else {
      throw fault(
        "has labels of \(rows.count) images, the validation images are \(images.count)",
        "use it with the images that it was made for")
    }
    let order = (0..<images.count).map {
      (name: (images.relativePath($0) as NSString).lastPathComponent, index: $0)
    }.sorted { ($0.name, $0.index) < ($1.name, $1.index) }
    var labels: [Int: [Int]] = [:]
    for (row, place) in zip(rows, order) {
      let own = row.arrayValue?.compactMap(\.intValue) ?? []
      guard row.arrayValue?.count == own.count, own.allSatisfy((0..<classCount).contains) else {
        throw fault(
          "has for \(place.name) what are no labels below \(classCount)",
          "give classes by their order in train")
      }
      labels[place.index] = own
    }
    guard labels.values.contains(where: { !$0.isEmpty }) else {
      throw fault("has no label of any image", "give ReaL's real.json: a list of labels an image")
    }
    return labels
  }

  /// Images that have to go through a backbone for it.
  var imageCount: Int {
    switch truth {
    case .images(_, let order, _): order.count
    case .corrupted(let corrupted, _): corrupted.parts.reduce(0) { $0 + $1.images.count }
    case .made(let made, _, let order): made.parts.count * order.count
    case .labels: 0
    }
  }

  /// What tells the set from others: images and labels, or the file of labels.
  func manifest(_ digests: FileDigests) throws -> String {
    switch truth {
    case .images(let images, _, let places):
      SHA256.digest(images.manifestHash(digests) + "\n\(places)")
    case .corrupted(let corrupted, let places):
      SHA256.digest(
        corrupted.parts.map { "\($0.corruption) \($0.severity) " + $0.images.manifestHash(digests) }
          .joined(separator: "\n") + "\n\(places)")
    case .made(let made, let images, let order):
      CorruptionRecord(made, images: images.manifestHash(digests), of: order).manifest
    case .labels: try SHA256.digest(file: path)
    }
  }

  // MARK: Answers

  /// The answers of a classifier on the features of the set's images.
  ///
  /// Images without a true class, as some of ReaL, are left out.
  func records(_ classifier: ProbeClassifier, _ features: FeatureMatrix) -> [ClassificationRecord] {
    var records: [ClassificationRecord] = []
    switch truth {
    case .images(_, _, let places), .corrupted(_, let places):
      let present = places.indices.filter { !places[$0].isEmpty }
      let rank = Dictionary(present.enumerated().map { ($1, $0) }) { first, _ in first }
      classifier.forEachRow(features) { row, scores in
        guard let label = rank[Int(features.labels[row])] else { return }
        let own = present.map { folder in
          places[folder].map { scores[$0] }.max { $0.isNaN ? false : $1.isNaN ? true : $0 < $1 }
            ?? -.infinity
        }
        records.append(
          own.withUnsafeBufferPointer {
            ClassificationRecord(index: Int(features.indices[row]), label: label, scores: $0)
          })
      }
    case .labels(let labels, _):
      classifier.forEachRow(features) { row, scores in
        let index = Int(features.indices[row])
        // Right is whoever answers one of the true classes: the one that ranks best counts.
        let answers = (labels[index] ?? []).map {
          ClassificationRecord(index: index, label: $0, scores: scores)
        }
        if let best = answers.min(by: { ($0.rank, $0.label) < ($1.rank, $1.label) }) {
          records.append(best)
        }
      }
    case .made: break  // Answered image by image.
    }
    return records
  }
}
