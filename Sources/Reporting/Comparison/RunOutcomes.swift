import Evaluation
import FileSupport
import Foundation

/// Right or wrong of every image, one list a seed.
public struct PairedOutcomes: Sendable, Equatable {
  /// The images by their positions in the data set, ascending.
  public let images: [Int]
  /// Whether each image was right, one list a seed.
  public let seeds: [[Bool]]

  /// The part of the images that each seed got right.
  public var accuracies: [Double] {
    seeds.map { Double($0.count { $0 }) / Double(max(1, $0.count)) }
  }

  /// The mean over seeds of each image.
  var means: [Double] {
    images.indices.map { at in
      Double(seeds.count { $0[at] }) / Double(seeds.count)
    }
  }
}

/// What a classifier said of each image, of the first seed.
public struct ClassifiedImages: Sendable, Equatable {
  /// Positions in the data set, true classes, best classes, and ranks of the true class.
  public let images: [Int], labels: [Int], predictions: [Int], ranks: [Int]
}

/// Outcomes of single images, read from a run's records when they are first needed.
public final class RunOutcomes {
  private var classifications: [String: ClassificationColumns] = [:]
  private var neighbours: [String: [[Int]]] = [:]
  private var detections: [String: ResampledDetection] = [:]
  private var precisions: [String: (images: [Int], values: [Double])] = [:]
  private var segmentations: [String: ResampledSegmentation] = [:]

  /// Nothing read yet.
  public init() {}

  private struct ClassificationColumns {
    let indices: [Int], labels: [Int], ranks: [Int], seeds: [Int], predictions: [Int]
  }

  private func classification(_ path: String) throws(FileError) -> ClassificationColumns {
    if let known = classifications[path] { return known }
    let read = try IntegerColumns(path: path, names: ["index", "label", "rank", "seed", "top5"])
    let columns = ClassificationColumns(
      indices: read.columns[0], labels: read.columns[1], ranks: read.columns[2],
      seeds: read.columns[3], predictions: read.columns[4])
    classifications[path] = columns
    return columns
  }

  /// Right or wrong by a paired metric: `top1`, `top5`, `knn_20`.
  ///
  /// - Returns: nil when the run kept no such records.
  /// - Throws: `FileError` when a file of records is damaged.
  public func paired(
    _ run: StoredRun, metric: String
  ) throws(FileError) -> PairedOutcomes? {
    if metric.hasPrefix("knn_") {
      let path = run.path + "/knn.jsonl"
      guard FileManager.default.fileExists(atPath: path) else { return nil }
      let key = path + "#" + metric
      let read: [[Int]]
      if let known = neighbours[key] {
        read = known
      } else {
        read = try IntegerColumns(path: path, names: ["index", "label", metric]).columns
        neighbours[key] = read
      }
      guard !read[2].contains(IntegerColumns.absent) else { return nil }
      return outcomes(
        images: read[0], seeds: read[0].map { _ in 0 },
        right: zip(read[1], read[2]).map { $0 == $1 })
    }
    let path = run.path + "/records.jsonl"
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let read = try classification(path)
    guard !read.ranks.contains(IntegerColumns.absent) else { return nil }
    let limit = metric == "top5" ? 5 : 1
    return outcomes(images: read.indices, seeds: read.seeds, right: read.ranks.map { $0 < limit })
  }

  private func outcomes(
    images: [Int], seeds: [Int], right: [Bool]
  ) -> PairedOutcomes? {
    var lists: [Int: [(image: Int, isRight: Bool)]] = [:]
    for at in images.indices { lists[seeds[at], default: []].append((images[at], right[at])) }
    let sorted = lists.sorted { $0.key < $1.key }.map { $0.value.sorted { $0.image < $1.image } }
    guard let first = sorted.first?.map(\.image), Set(first).count == first.count,
      sorted.allSatisfy({ $0.map(\.image) == first })
    else { return nil }
    return PairedOutcomes(images: first, seeds: sorted.map { $0.map(\.isRight) })
  }

  /// Classes of every image by the first seed's classifier; nil when the run kept no such records.
  ///
  /// - Throws: `FileError` when the file of records is damaged.
  public func classified(_ run: StoredRun) throws(FileError) -> ClassifiedImages? {
    let path = run.path + "/records.jsonl"
    guard run.result.task == "linear", FileManager.default.fileExists(atPath: path) else {
      return nil
    }
    let read = try classification(path)
    guard let seed = read.seeds.first, !read.ranks.contains(IntegerColumns.absent) else {
      return nil
    }
    let rows = read.indices.indices.filter { read.seeds[$0] == seed }
    return ClassifiedImages(
      images: rows.map { read.indices[$0] }, labels: rows.map { read.labels[$0] },
      predictions: rows.map { read.predictions[$0] }, ranks: rows.map { read.ranks[$0] })
  }

  /// Outcomes of a task whose numbers are no means over images.
  ///
  /// - Returns: nil when the run kept no such records.
  /// - Throws: `FileError` when a file of records is damaged.
  public func resampled(_ run: StoredRun) throws(FileError) -> (any ResampledMetric)? {
    let files = Self.files(run)
    guard !files.isEmpty else { return nil }
    switch run.result.task {
    case "ade20k": return try segmentation(files[0])
    case "coco":
      if let known = detections[run.path] { return known }
      var records: [MatchRecords] = []
      for file in files { records.append(try MatchRecords(path: file)) }
      guard records.allSatisfy({ $0.imageIDs == records[0].imageIDs }) else { return nil }
      let outcomes = ResampledDetection(records)
      detections[run.path] = outcomes
      return outcomes
    default: return nil
    }
  }

  /// The box AP of every image alone, of a detection run; nil when the run kept no such records.
  ///
  /// - Throws: `FileError` when the file of records is damaged.
  func imagePrecisions(
    _ run: StoredRun
  ) throws(FileError) -> (images: [Int], values: [Double])? {
    let path = run.path + "/bbox.matches"
    if let known = precisions[path] { return known }
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let records = try MatchRecords(path: path)
    let outcome = (images: records.imageIDs, values: records.imagePrecisions())
    precisions[path] = outcome
    return outcome
  }

  /// Files with the outcomes of single images that a run of a resampled task has.
  static func files(_ run: StoredRun) -> [String] {
    let names =
      switch run.result.task {
      case "coco": ["bbox.matches", "segm.matches"]
      case "ade20k": ["records.jsonl"]
      default: [String]()
      }
    return names.map { run.path + "/" + $0 }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }

  /// Pixel counts of every image, as `SegmentationRecord` writes them.
  func segmentation(_ path: String) throws(FileError) -> ResampledSegmentation {
    if let known = segmentations[path] { return known }
    var outcomes = ResampledSegmentation()
    for (number, row) in try RecordLines.read(path).rows.enumerated() {
      func list(_ key: String) -> [Int] { row[key]?.arrayValue?.compactMap(\.intValue) ?? [] }
      guard let index = row["index"]?.intValue,
        outcomes.add(
          image: index, classes: list("classes"), intersections: list("intersections"),
          predicted: list("predicted"), labelled: list("labelled"))
      else {
        throw FileError(
          path: path, problem: "line \(number + 1) is no record of a segmented image",
          remedy: "run the benchmark again", exitCode: .badData)
      }
    }
    segmentations[path] = outcomes
    return outcomes
  }
}
