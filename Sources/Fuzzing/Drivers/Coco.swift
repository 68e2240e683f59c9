import CocoFormat
import CounterRandom
import Evaluation
import FileSupport
import Foundation
import VisionData

/// Annotations and results in COCO's format, and everything that is computed from them.
struct CocoDriver: FuzzDriver {
  static let name = "coco"
  private let folder: String
  private let annotations: JSONMutation
  private let results: JSONMutation

  private static let annotationText = """
    {"info":{"year":2017},"licenses":[],"images":[
    {"id":1,"file_name":"a.jpg","width":40,"height":30,"neg_category_ids":[18],
    "not_exhaustive_category_ids":[1]},
    {"id":2,"file_name":"b/c.jpg","width":64,"height":64},
    {"id":7,"file_name":"d.png","width":3,"height":200}],
    "categories":[{"id":1,"name":"cat","supercategory":"animal",
    "keypoints":["nose","tail"]},{"id":18,"name":"dog","frequency":"r"},
    {"id":90,"name":"brush","supercategory":"x"}],"annotations":[
    {"id":1,"image_id":1,"category_id":1,"bbox":[2,3,20,10],"area":200,"iscrowd":0,
    "num_keypoints":1,"keypoints":[3,4,2,0,0,0],
    "segmentation":[[2,3,22,3,22,13,2,13]]},
    {"id":2,"image_id":1,"category_id":18,"bbox":[0.5,0.5,39,29],"area":500.5,"iscrowd":0,
    "segmentation":[[0,0,39,0,39,29],[1,1,5,1,5,5,1,5]]},
    {"id":3,"image_id":2,"category_id":1,"bbox":[0,0,64,64],"area":4096,"iscrowd":1,
    "segmentation":{"counts":[100,200,300,3496],"size":[64,64]}},
    {"id":4,"image_id":2,"category_id":90,"bbox":[10,10,10,10],"area":100,"iscrowd":0,
    "segmentation":{"counts":"0P4","size":[64,64]}},
    {"id":5,"image_id":7,"category_id":90,"bbox":[0,0,3,200],"area":600,"iscrowd":0,"ignore":0},
    {"id":6,"image_id":7,"category_id":18,"bbox":[1,5,1,5],"area":5,"iscrowd":0,
    "segmentation":[]}]}
    """
  private static let resultText = """
    [{"image_id":1,"category_id":1,"bbox":[2,3,20,10],"score":0.9,"keypoints":[3,5,1,9,9,1]},
    {"image_id":1,"category_id":18,"bbox":[1,1,38,28],"score":0.8,
    "segmentation":{"counts":[10,20,30,1140],"size":[30,40]}},
    {"image_id":2,"category_id":1,"bbox":[0,0,30,30],"score":0.7,
    "segmentation":{"counts":"0P4","size":[64,64]}},
    {"image_id":2,"category_id":90,"bbox":[10,10,10,10],"score":0.6},
    {"image_id":7,"category_id":90,"bbox":[0,0,3,150],"score":0.55},
    {"image_id":7,"category_id":90,"bbox":[0,0,3,200],"score":0.55}]
    """

  init(folder: String) throws {
    self.folder = folder
    annotations = JSONMutation(Array(Self.annotationText.utf8))
    results = JSONMutation(Array(Self.resultText.utf8))
  }

  /// Writes sound annotations and results into a folder.
  static func sound(_ folder: String) throws {
    try AtomicFile.write(text: annotationText, to: folder + "/annotations.json")
    try AtomicFile.write(text: resultText, to: folder + "/results.json")
  }

  mutating func read(_ random: inout RandomStream) throws {
    let paths = ["annotations", "results"].map { folder + "/\($0).json" }
    let changesBoth = random.once(in: 3)
    let first = random.once(in: 2)
    func text(_ source: JSONMutation, changes: Bool) -> [UInt8] {
      guard changes else { return source.text }
      let text = source.changed(&random)
      return random.once(in: 12) ? ByteMutation.changed(text, &random) : text
    }
    try AtomicFile.write(text(annotations, changes: changesBoth || first), to: paths[0])
    try AtomicFile.write(text(results, changes: changesBoth || !first), to: paths[1])
    let truth = try CocoAnnotations(path: paths[0])
    _ = truth.findings.text()
    for index in truth.annotations.indices { _ = try? truth.mask(of: index) }
    if let set = try? DetectionDataset(
      annotations: truth, folder: folder, use: random.once(in: 2) ? .training : .testing)
    {
      _ = DetectionCheck(root: folder, sets: [set], depth: .quick).run(threadCount: 1).text
    }
    let detections = try CocoDetections(path: paths[1], groundTruth: truth)
    _ = detections.findings.text()
    var settings = CocoProtocol(maxDetections: random.once(in: 4) ? [1] : [1, 10, 100])
    settings.usesCategories = !random.once(in: 4)
    settings.missesZeroID = random.once(in: 2)
    settings.detectionSize = DetectionSize.allCases[random.below(DetectionSize.allCases.count)]
    settings.keypointSigmas = [0.05, 0.1]
    settings.ignoresMarked = random.once(in: 2)
    settings.imageLimit = random.once(in: 3) ? 3 : nil
    settings.isFederated = random.once(in: 2)
    for type in OverlapType.allCases where type != .keypoints || settings.usesCategories {
      let records = CocoEvaluator.match(
        detections, to: truth, overlapType: type, settings: settings)
      _ = CocoScores(records).metrics()
      _ = records.bestPoint()
      _ = records.calibration().expectedError
      if type != .keypoints {
        _ = DetectionErrors(
          detections, groundTruth: truth, overlapType: type, isFederated: settings.isFederated)
        _ = DetectionConfusion(
          detections, groundTruth: truth, overlapType: type, isFederated: settings.isFederated)
      }
      _ = records.imagePrecisions()
      let path = folder + "/input.matches"
      try records.write(to: path)
      _ = try MatchRecords(path: path)
    }
    if random.once(in: 4) {
      try CocoWriter.write(truth, to: folder + "/written.json")
      _ = try CocoAnnotations(path: folder + "/written.json")
    }
  }
}
