import Evaluation
import FileSupport
import Foundation

/// What the files of one run say of single images, each read when it is first needed.
///
/// A task gives what its records hold; the rest stays nil and is left out of a report.
public protocol RunRecords: AnyObject {
  /// Right or wrong of every image by a paired number.
  func paired(_ metric: String) throws(FileError) -> PairedOutcomes?
  /// The numbers that are no means over images.
  func resampled() throws(FileError) -> (any ResampledMetric)?
  /// What a classifier said of each image, of the first seed.
  func classified() throws(FileError) -> ClassifiedImages?
  /// A number of each image alone, for galleries.
  func imageScores() throws(FileError) -> ImageScores?
}

extension RunRecords {
  public func paired(_ metric: String) throws(FileError) -> PairedOutcomes? { nil }
  public func resampled() throws(FileError) -> (any ResampledMetric)? { nil }
  public func classified() throws(FileError) -> ClassifiedImages? { nil }
  public func imageScores() throws(FileError) -> ImageScores? { nil }
}

/// The records of a task that keeps none.
final class NoRecords: RunRecords {}

/// Right or wrong of every image, one list a seed.
public struct PairedOutcomes: Sendable, Equatable {
  /// The images by their positions in the data set, ascending.
  public let images: [Int]
  /// Whether each image was right, one list a seed.
  public let seeds: [[Bool]]

  init(images: [Int], seeds: [[Bool]]) {
    self.images = images
    self.seeds = seeds
  }

  /// Sorts rows of several seeds; nil when the seeds are not of the same images, each once.
  public init?(images: [Int], seeds: [Int], right: [Bool]) {
    var lists: [Int: [(image: Int, isRight: Bool)]] = [:]
    for at in images.indices { lists[seeds[at], default: []].append((images[at], right[at])) }
    let sorted = lists.sorted { $0.key < $1.key }.map { $0.value.sorted { $0.image < $1.image } }
    guard let first = sorted.first?.map(\.image), Set(first).count == first.count,
      sorted.allSatisfy({ $0.map(\.image) == first })
    else { return nil }
    self.init(images: first, seeds: sorted.map { $0.map(\.isRight) })
  }
}

/// What a classifier said of each image, of the first seed.
public struct ClassifiedImages: Sendable, Equatable {
  /// Positions in the data set, true classes, best classes, and ranks of the true class.
  public let images: [Int], labels: [Int], predictions: [Int], ranks: [Int]
}

/// A number of each image alone; NaN where an image has none.
public struct ImageScores: Sendable, Equatable {
  /// What the number is: `mIoU`.
  public let measure: String
  /// Positions in the data set, and one number each.
  public let images: [Int], values: [Double]
}

/// The records of runs, each opened once.
public final class RunOutcomes {
  private var records: [String: any RunRecords] = [:]

  /// Nothing read yet.
  public init() {}

  /// The records of a run.
  public func of(_ run: StoredRun) -> any RunRecords {
    if let known = records[run.path] { return known }
    let opened = run.result.description.records(run.path)
    records[run.path] = opened
    return opened
  }
}

extension StoredRun {
  /// Files with the outcomes of single images that the run has.
  var recordFiles: [String] {
    (result.description.recordFiles + result.description.otherRecordFiles)
      .map { path + "/" + $0 }
      .filter { FileManager.default.fileExists(atPath: $0) }
  }
}
