import Evaluation
import FileSupport
import Foundation

extension TaskDescription {
  /// Boxes and masks of objects, as COCO scores them.
  public static let coco = {
    var task = TaskDescription(
      "coco", "Detection and instance segmentation",
      ["bbox", "segm"].flatMap { kind in
        (CocoScores.headlines.map(\.name) + ["APs", "APm", "APl"]).map { name in
          // Numbers by size are shown; testing them, too, would cost the headlines their power.
          MetricDescription(
            "\(kind)/\(name)", "\(kind == "bbox" ? "box" : "mask") \(name)",
            name.last?.isLowercase == true ? .none : .resampled
          ).with {
            $0.hasInterval = name == "AP"
            guard name == "AP" else { return }
            $0.margin = Margin(
              0.003,
              source: "\"less than 0.3 mAP\" between trainings on COCO, mmdetection issue 3496")
          }
        }
      })
    task.curveUnit = "step"
    task.trainsNetwork = true
    task.costPhases = ["training"]
    task.classMetric = "AP"
    task.references = ["coco.json"]
    task.recordFiles = CocoRecords.files
    task.records = { CocoRecords(folder: $0) }
    return task
  }()
}

/// How the detections of a run were matched.
final class CocoRecords: RunRecords {
  static let files = ["bbox.matches", "segm.matches"]

  private let folder: String
  private var detection: ResampledDetection?
  private var boxes: MatchRecords?
  private var scores: ImageScores?

  init(folder: String) { self.folder = folder }

  private func matches(_ file: String) throws(FileError) -> MatchRecords? {
    if file == Self.files[0], let boxes { return boxes }
    let path = folder + "/" + file
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let records = try MatchRecords(path: path)
    if file == Self.files[0] { boxes = records }
    return records
  }

  func resampled() throws(FileError) -> (any ResampledMetric)? {
    if let detection { return detection }
    var records: [MatchRecords] = []
    for file in Self.files {
      if let matches = try matches(file) { records.append(matches) }
    }
    guard !records.isEmpty, records.allSatisfy({ $0.imageIDs == records[0].imageIDs }) else {
      return nil
    }
    detection = ResampledDetection(records)
    return detection
  }

  func imageScores() throws(FileError) -> ImageScores? {
    guard scores == nil else { return scores }
    scores = try matches(Self.files[0]).map {
      ImageScores(measure: "box AP", images: $0.imageIDs, values: $0.imagePrecisions())
    }
    return scores
  }
}
