import CocoFormat
import CommandLine
import Evaluation
import FileSupport
import Foundation
import VisionData

/// The images and classes of an annotation file that are scored.
struct DetectionSelection {
  /// Indices of the images; nil is all.
  let images: [Int]?
  /// Ids of the classes; nil is all.
  let categories: Set<Int>?

  /// Looks up what the user names.
  ///
  /// - Throws: `DatasetError` for a class or image that the file lacks, `FileError` for a list that
  ///   cannot be read.
  init(_ options: DetectionEvaluationOptions, of truth: CocoAnnotations) throws {
    categories =
      options.classes.isEmpty
      ? nil : Set(try options.classes.map { try Self.category($0, truth) })
    images = try options.images.map { try Self.images($0, truth) }
  }

  private static func category(
    _ text: String, _ truth: CocoAnnotations
  ) throws(DatasetError) -> Int {
    let text = text.trimmingCharacters(in: .whitespaces)
    let named = truth.categories.filter { $0.name == text }
    guard named.count < 2 else {
      throw DatasetError(
        path: truth.path,
        problem: "has \(named.count) classes called '\(text)', of ids "
          + named.map { String($0.id) }.joined(separator: ", "),
        remedy: "name them by id with --classes")
    }
    if let one = named.first { return one.id }
    if let id = Int(text), truth.categoryIndex(id: id) != nil { return id }
    throw DatasetError(
      path: truth.path, problem: "has no class '\(text)', neither by name nor by id",
      remedy: "name classes of the file with --classes")
  }

  private static func images(_ path: String, _ truth: CocoAnnotations) throws -> [Int] {
    var byName: [String: [Int]] = [:]
    for (index, image) in truth.images.enumerated() {
      byName[image.fileName, default: []].append(index)
    }
    var chosen: Set<Int> = []
    let lines = String(decoding: try FileBytes.readText(path), as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() {
      let text = line.trimmingCharacters(in: .whitespaces)
      guard !text.isEmpty else { continue }
      let byID = Int(text).flatMap { truth.imageIndex(id: $0) }
      let all = Set(byName[text] ?? []).union([byID].compactMap { $0 })
      guard let index = all.first else {
        throw DatasetError(
          path: path, problem: "names '\(text)' in line \(number + 1), which \(truth.path) lacks",
          remedy: "name images by their file_name or id")
      }
      guard all.count == 1 else {
        let ids = all.map { truth.images[$0].id }.sorted().map(String.init)
        throw DatasetError(
          path: path,
          problem: "names '\(text)' in line \(number + 1), which may be the image of id "
            + ids.joined(separator: " or "),
          remedy: "give each image of \(truth.path) a file name of its own that is no id")
      }
      chosen.insert(index)
    }
    guard !chosen.isEmpty else {
      throw DatasetError(
        path: path, problem: "names no image", remedy: "write a file name or id a line")
    }
    return chosen.sorted()
  }

  /// The scored images, in the file's order.
  func imageIndices(of truth: CocoAnnotations) -> [Int] { images ?? Array(truth.images.indices) }

  /// Whether what is of an image and a category, given by their indices, is scored.
  func scope(of truth: CocoAnnotations) -> (_ image: Int, _ category: Int) -> Bool {
    let chosen = images.map { Set($0) }
    return { image, category in
      (chosen?.contains(image) ?? true)
        && (categories?.contains(truth.categories[category].id) ?? true)
    }
  }

  /// How many detections there are of the scored images and classes.
  func count(of detections: CocoDetections, _ truth: CocoAnnotations) -> Int {
    let isScored = scope(of: truth)
    return detections.detections.count { isScored($0.image, $0.category) }
  }

  /// Objects of the scored images and classes, and how many of them are crowds.
  func objectCounts(of truth: CocoAnnotations) -> (all: Int, crowds: Int) {
    let isScored = scope(of: truth)
    var counts = (all: 0, crowds: 0)
    for object in truth.annotations where isScored(object.image, object.category) {
      counts.all += 1
      if object.isCrowd { counts.crowds += 1 }
    }
    return counts
  }
}

extension DetectionEvaluationOptions {
  /// The types of overlap that are scored: those that were named, or what both files hold.
  ///
  /// - Throws: `DatasetError` where a file lacks what is to be compared.
  func types(
    _ detections: CocoDetections, _ truth: CocoAnnotations, _ selection: DetectionSelection
  ) throws(DatasetError) -> [OverlapType] {
    let haveKeypoints = !detections.keypoints.isEmpty && !truth.keypoints.isEmpty
    let wanted = OverlapType.allCases.filter { type in
      guard types.isEmpty else { return types.contains(type) }
      return switch type {
      case .bbox: detections.areBoxes || !detections.haveMasks && !haveKeypoints
      case .segm: detections.haveMasks
      case .keypoints: haveKeypoints && rules == .coco && !classAgnostic
      case .boundary: false
      }
    }
    if wanted.contains(.keypoints) { try checkKeypoints(detections, truth) }
    if wanted.contains(where: \.needsMasks) { try checkSizes(detections, truth, selection) }
    let bare = detections.detections.count - detections.maskCount
    if bare > 0, wanted.contains(where: \.needsMasks) {
      Console.error(
        "\(detections.path): \(bare) of \(detections.detections.count) detections have no mask; their boxes are "
          + "taken for masks, as pycocotools does.")
    }
    if rules == .lvis { try checkFederation(truth) }
    if sizes == .mask, !detections.haveMasks, wanted.contains(where: \.needsMasks) {
      throw DatasetError(
        path: detections.path, problem: "has no masks whose sizes could be taken",
        remedy: "leave --detection-sizes out")
    }
    return try withMasks(wanted, truth)
  }

  /// Refuses to take scores of another kind for probabilities.
  ///
  /// - Throws: `DatasetError` where something asks for them.
  func checkScores(of detections: CocoDetections) throws(DatasetError) {
    let option = calibration ? "calibration" : confusion ? "confusion" : nil
    guard let option,
      let other = detections.detections.first(where: { !(0...1).contains($0.score) })
    else { return }
    throw DatasetError(
      path: detections.path,
      problem: "has scores beyond 0 to 1, such as \(other.score), which are no probabilities",
      remedy: "leave --\(option) out, or give scores as probabilities")
  }

  /// Makes sure that polygons, and boxes that stand for masks, can be drawn.
  private func checkSizes(
    _ detections: CocoDetections, _ truth: CocoAnnotations, _ selection: DetectionSelection
  ) throws(DatasetError) {
    let isScored = selection.scope(of: truth)
    let objects = truth.annotations.indices.filter {
      let object = truth.annotations[$0]
      return truth.segmentations.isUnsized($0) && isScored(object.image, object.category)
    }.map { truth.annotations[$0].image }
    let found = detections.detections.indices.filter {
      let one = detections.detections[$0]
      return truth.images[one.image].height == 0 && !detections.segmentations.hasMask($0)
        && isScored(one.image, one.category)
    }.map { detections.detections[$0].image }
    guard let image = objects.first ?? found.first else { return }
    let (count, what) =
      objects.isEmpty ? (found.count, "detection") : (objects.count, "object")
    throw DatasetError(
      path: groundTruth,
      problem: "does not say how large image \(truth.images[image].id) is, so masks of "
        + "\(count) \(what)\(count == 1 ? "" : "s") cannot be drawn",
      remedy: "write width and height of every image, or score boxes with --iou-type bbox")
  }

  /// What is left where objects lack masks.
  private func withMasks(
    _ wanted: [OverlapType], _ truth: CocoAnnotations
  ) throws(DatasetError) -> [OverlapType] {
    let (without, count) = (truth.objectsWithoutMask, truth.annotations.count)
    guard wanted.contains(where: \.needsMasks), without > 0 else { return wanted }
    if without < count {
      let classes = truth.categoriesWithoutMask.map { truth.categories[$0].name }
      Console.error(
        "\(groundTruth): \(without) of \(count) objects have no mask; in mask AP they count "
          + "as missed"
          + (classes.isEmpty
            ? "."
            : ", but for the classes without any, which have none: "
              + classes.sorted().joined(separator: ", ") + "."))
      return wanted
    }
    guard types.isEmpty else {
      throw DatasetError(
        path: groundTruth,
        problem: "has no mask of any of its \(count) objects, so masks cannot be scored",
        remedy: "use --iou-type bbox, or annotations with masks")
    }
    Console.error(
      "\(groundTruth): has no masks, all \(count) objects are without a mask; boxes are "
        + "scored and masks are not.")
    return [.bbox]
  }

  /// Makes sure that all keypoints can be compared.
  private func checkKeypoints(
    _ detections: CocoDetections, _ truth: CocoAnnotations
  ) throws(DatasetError) {
    for (path, isEmpty, findings) in [
      (truth.path, truth.keypoints.isEmpty, truth.findings),
      (detections.path, detections.keypoints.isEmpty, detections.findings),
    ] where isEmpty {
      let fault = findings.described.first { $0.rule.hasPrefix("keypoints/") }
      throw DatasetError(
        path: path,
        problem: fault.map { "has no keypoints without errors; the first: \($0.problem)" }
          ?? "has no keypoints, so they cannot be scored",
        remedy: (fault == nil ? "name a file with keypoints" : "correct them")
          + ", or leave --iou-type keypoints out")
    }
    let count = settings(.keypoints).keypointSigmas.count
    for (path, points, indices) in [
      (truth.path, truth.keypoints, truth.annotations.indices),
      (detections.path, detections.keypoints, detections.detections.indices),
    ] {
      guard let other = indices.first(where: { ![0, 3 * count].contains(points[$0].count) })
      else { continue }
      throw DatasetError(
        path: path,
        problem: "has an object of \(points[other].count / 3) keypoints, where there are "
          + "\(count) sigmas",
        remedy: "give --keypoint-sigmas one number a keypoint")
    }
  }

  /// Makes sure that the annotations say what LVIS's rules ask.
  private func checkFederation(_ truth: CocoAnnotations) throws(DatasetError) {
    if truth.categories.contains(where: { $0.frequency != nil }),
      let category = truth.categories.first(where: { $0.frequency == nil })
    {
      throw DatasetError(
        path: truth.path,
        problem: "does not say how frequent class \(category.id) is, as it says of others",
        remedy: "give every class its frequency: r, c or f")
    }
    guard let image = truth.images.first(where: { $0.negativeCategoryIDs == nil }) else { return }
    throw DatasetError(
      path: truth.path,
      problem: "does not say which classes are absent: image \(image.id) has no neg_category_ids",
      remedy: "name annotations of LVIS, or leave --protocol lvis out")
  }

  /// Says what LVIS's rules leave out, or cannot tell apart, in these files.
  func noteFederation(
    _ truth: CocoAnnotations, _ sets: [CocoDetections], _ selection: DetectionSelection
  ) {
    guard rules == .lvis else { return }
    if truth.categories.allSatisfy({ $0.frequency == nil }) {
      Console.error(
        "\(truth.path): says of no class how frequent it is, so that APr, APc and APf are -1; give "
          + "every class its frequency: r, c or f.")
    }
    let isScored = selection.scope(of: truth)
    func note(_ path: String, _ count: Int, _ what: String) {
      guard count > 0 else { return }
      Console.error(
        "\(path): \(count) \(what)\(count == 1 ? " has" : "s have") no area; left out, as lvis-api "
          + "does.")
    }
    note(
      truth.path,
      truth.annotations.count { isScored($0.image, $0.category) && $0.area <= 0 }, "object")
    for set in sets {
      note(
        set.path, set.detections.count { isScored($0.image, $0.category) && $0.area <= 0 },
        "detection")
    }
  }
}
