import Evaluation
import FileSupport
import Foundation

extension TaskDescription {
  /// A class for every pixel.
  public static let ade20k = {
    var task = TaskDescription(
      "ade20k", "Semantic segmentation",
      [("", ""), (SegmentationScore.multiScaleSuffix, " ms+flip")].flatMap { suffix, words in
        SegmentationScore.numbers.filter(\.isShown).map { metric in
          MetricDescription(metric.name + suffix, metric.title + words, metric.test).with {
            $0.moreIsBetter = metric.moreIsBetter
            $0.hasInterval = metric.name == "mIoU"
            guard metric.name == "mIoU" else { return }
            $0.margin = Margin(
              0.005,
              source:
                "half of the smaller spread of seeds on ADE20K, 1 to 2 points, SegNeXt issue 48"
            )
          }
        }
      })
    task.curveUnit = "step"
    task.curves += ["", SegmentationScore.multiScaleSuffix].map {
      .watched("mIoU" + $0, $0.isEmpty ? "mIoU" : "mIoU ms+flip")
    }
    task.trainsNetwork = true
    task.costPhases = ["training"]
    task.classMetric = "IoU"
    task.references = ["ade20k.json"]
    task.questionSettings = ["measure"]
    task.recordFiles = [SegmentedRecords.file]
    task.records = { SegmentedRecords(folder: $0) }
    return task
  }()
}

/// The pixel counts of a run's images.
final class SegmentedRecords: RunRecords {
  static let file = "records.jsonl"

  private let folder: String
  private var counts: ResampledSegmentation?

  init(folder: String) { self.folder = folder }

  private func read() throws(FileError) -> ResampledSegmentation? {
    let path = folder + "/" + Self.file
    guard counts == nil, FileManager.default.fileExists(atPath: path) else { return counts }
    var read = ResampledSegmentation(try SegmentationRecordFile.read(path).records.map(\.record))
    // The records of one scale and of several look alike; the result names its numbers.
    let result = try? RunResult(path: folder + "/result.json")
    if result?.metrics["mIoU" + SegmentationScore.multiScaleSuffix] != nil {
      read.suffix = SegmentationScore.multiScaleSuffix
    }
    counts = read
    return counts
  }

  func resampled() throws(FileError) -> (any ResampledMetric)? { try read() }

  func imageScores() throws(FileError) -> ImageScores? {
    try read().map { counts in
      ImageScores(
        measure: "mIoU", images: counts.images,
        values: counts.images.indices.map { counts.meanIoU(at: $0) })
    }
  }
}
