import Evaluation
import FileSupport
import Foundation

extension TaskDescription {
  /// Boxes and masks of objects, as COCO scores them.
  public static let coco = {
    var task = TaskDescription(
      "coco", "Detection and instance segmentation",
      OverlapType.allCases.flatMap { type in
        let (kind, title) = (type.rawValue, type.title)
        return (CocoScores.headlines.map(\.name) + ["APs", "APm", "APl"]).map { name in
          // Numbers by size are shown; testing them, too, would cost the headlines their power.
          MetricDescription(
            "\(kind)/\(name)", "\(title) \(name)",
            name.last?.isLowercase == true ? .none : .resampled
          ).with {
            $0.hasInterval = name == "AP"
            guard name == "AP", type == .bbox || type == .segm else { return }
            $0.margin = Margin(
              0.003,
              source: "\"less than 0.3 mAP\" between trainings on COCO, mmdetection issue 3496")
          }
        }
      })
    task.curveUnit = "step"
    task.curves += [OverlapType.bbox, .segm].map { .watched("\($0.rawValue)/AP", "\($0.title) AP") }
    task.trainsNetwork = true
    task.costPhases = ["training"]
    task.classMetric = "AP"
    task.references = ["coco.json"]
    task.recordFiles = CocoRecords.files
    task.otherRecordFiles = CocoRecords.otherFiles
    task.records = { CocoRecords(folder: $0) }
    return task
  }()
}

extension OverlapType {
  /// What it compares, in headings.
  public var title: String {
    switch self {
    case .bbox: "box"
    case .segm: "mask"
    case .boundary: "boundary"
    case .keypoints: "keypoint"
    }
  }
}

/// How the detections of a run were matched.
final class CocoRecords: RunRecords {
  static let files = ["bbox.matches", "segm.matches"]
  static let otherFiles = ["boundary.matches", "keypoints.matches"]

  private let folder: String
  private var detection: ResampledDetection?
  private var known: [String: MatchRecords] = [:]
  private var scores: ImageScores?

  init(folder: String) { self.folder = folder }

  private func matches(_ file: String) throws(FileError) -> MatchRecords? {
    if let matches = known[file] { return matches }
    let path = folder + "/" + file
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    let records = try MatchRecords(path: path)
    // Only the first are asked for twice.
    if known.isEmpty { known[file] = records }
    return records
  }

  func resampled() throws(FileError) -> (any ResampledMetric)? {
    if let detection { return detection }
    var records: [MatchRecords] = []
    for file in Self.files + Self.otherFiles {
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
    for file in Self.files + Self.otherFiles {
      guard let records = try matches(file) else { continue }
      scores = ImageScores(
        measure: "\(records.overlapType.title) AP", images: records.imageIDs,
        values: records.imagePrecisions())
      break
    }
    return scores
  }
}
