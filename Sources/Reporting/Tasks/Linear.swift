import Evaluation
import FileSupport
import Foundation

extension TaskDescription {
  /// The numbers of corrupted images, whose intervals come with them.
  static let corruptionMetrics = ["mce", "corruption_error"]

  /// A linear classifier and nearest neighbours on frozen features.
  public static let linear = {
    var task = TaskDescription(
      "linear", "Linear probe and kNN",
      ClassificationScore.numbers.map { metric in
        MetricDescription(metric).with {
          $0.isOnDemand = !metric.isShown
          guard metric.name == "top1" else { return }
          $0.margin = Margin(
            0.005, source: "range of 50 seeds on ImageNet, Picard 2021, arXiv:2109.08203")
        }
      }
        + [20, 10, 100, 200].map { k in
          MetricDescription("knn_\(k)", "kNN \(k)", .paired).with {
            $0.family = "knn"
            $0.dependsOnSeed = false
          }
        }
        + [
          MetricDescription("mce", "mCE", .resampled).with {
            ($0.isOnDemand, $0.moreIsBetter) = (true, false)
          },
          MetricDescription("corruption_error", "error on corruptions", .resampled).with {
            ($0.isOnDemand, $0.moreIsBetter) = (true, false)
          },
        ]
        + [("rankme", "RankMe", 1), ("feature_spread", "spread", 2)].map { key, title, decimals in
          MetricDescription(key, title, .none).with {
            $0.unit = MetricUnit(decimals: decimals, name: "")
            $0.dependsOnSeed = false
          }
        })
    task.curves += [
      CurveDescription("val_top1", "top-1 on validation images, %", isFraction: true),
      CurveDescription(
        "held_out_top1", "top-1 on held-out training images, %", isFraction: true),
    ]
    task.limits = [
      "learning rate and epoch of a probe are chosen on held-out training images; that choice is not "
        + "resampled",
      "a seed is one of the probe, not of the pretraining",
    ]
    task.costPhases = ["probe"]
    task.questionSettings = ["recipe", "shots", "train list", primarySetting, scopeSetting]
    task.classMetric = "top-1"
    task.references = ["imagenet_linear.json", "imagenet_reruns.json"]
    task.recordFiles = [LinearRecords.answers, LinearRecords.neighbours]
    task.otherRecordFiles = [CorruptionErrors.file]
    task.records = { LinearRecords(folder: $0) }
    return task
  }()
}

/// The answers of a run's classifiers and neighbours.
final class LinearRecords: RunRecords {
  static let answers = "records.jsonl", neighbours = "knn.jsonl"

  private let folder: String
  private var columns: ClassificationColumns?
  private var votes: [String: PairedOutcomes?] = [:]

  init(folder: String) { self.folder = folder }

  private func answers() throws(FileError) -> ClassificationColumns? {
    let path = folder + "/" + Self.answers
    guard columns == nil, FileManager.default.fileExists(atPath: path) else { return columns }
    columns = try ClassificationColumns(path: path)
    return columns
  }

  private func vote(_ metric: String) throws(FileError) -> PairedOutcomes? {
    if let known = votes[metric] { return known }
    let path = folder + "/" + Self.neighbours
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let read = try NeighbourRecords.read(path, metric: metric)
    let outcomes = read.flatMap {
      PairedOutcomes(images: $0.images, seeds: $0.images.map { _ in 0 }, right: $0.right)
    }
    votes[metric] = outcomes
    return outcomes
  }

  func paired(_ metric: String) throws(FileError) -> PairedOutcomes? {
    if metric.hasPrefix("knn_") { return try vote(metric) }
    guard let limit = ClassificationScore.places(of: metric), let read = try answers() else {
      return nil
    }
    return PairedOutcomes(
      images: read.images, seeds: read.seeds, right: read.ranks.map { $0 < limit })
  }

  func resampled() throws(FileError) -> (any ResampledMetric)? {
    if FileManager.default.fileExists(atPath: folder + "/" + CorruptionErrors.file) {
      return try corrupted()
    }
    guard let read = try answers() else { return nil }
    let seeds = Set(read.seeds).sorted().map { seed in
      let rows = read.images.indices.filter { read.seeds[$0] == seed }
        .sorted { read.images[$0] < read.images[$1] }
      return MeanClassAccuracy(
        images: rows.map { read.images[$0] }, labels: rows.map { read.labels[$0] },
        right: rows.map { read.ranks[$0] == 0 })
    }
    guard let first = seeds.first, seeds.allSatisfy({ $0.images == first.images }) else {
      return nil
    }
    return seeds.count == 1 ? first : MeanOfSeeds(seeds)
  }

  /// The mean error on corruptions, and the mCE where all strengths and the errors are there that it is
  /// relative to.
  private func corrupted() throws(FileError) -> (any ResampledMetric)? {
    let path = SuppliedFiles.path("reports/reference/imagenet_c.json")
    let reference =
      FileManager.default.fileExists(atPath: path)
      ? CorruptionErrors.reference(try PublishedFigures(path: path)) : [:]
    let seeds = try CorruptionErrors.read(folder + "/" + CorruptionErrors.file).map { errors in
      let terms = errors.terms(reference: reference)
      return MeanOverImages(
        (terms.map { [("mce", $0)] } ?? []) + [("corruption_error", errors.errorTerms)],
        of: errors.images)
    }
    guard let first = seeds.first, seeds.allSatisfy({ $0.images == first.images }) else {
      return nil
    }
    return seeds.count == 1 ? first : MeanOfSeeds(seeds)
  }

  func classified() throws(FileError) -> ClassifiedImages? {
    guard let read = try answers(), let seed = read.seeds.first else { return nil }
    let rows = read.images.indices.filter { read.seeds[$0] == seed }
    return ClassifiedImages(
      images: rows.map { read.images[$0] }, labels: rows.map { read.labels[$0] },
      predictions: rows.map { read.predictions[$0] }, ranks: rows.map { read.ranks[$0] })
  }
}

extension CorruptionErrors {
  /// The errors that mCE is relative to, by corruption.
  public static func reference(_ figures: PublishedFigures) -> [String: Double] {
    Dictionary(
      figures.figures.map { (String($0.metric.dropFirst("error_".count)), $0.value) }
    ) { first, _ in first }
  }
}
