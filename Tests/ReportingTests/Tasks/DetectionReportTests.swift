import CocoFormat
import Evaluation
import FileSupport
import Foundation
import Models
import Reporting
import TestSupport
import Testing
import VisionData

/// Detections that the test decides, matched by the evaluator and compared in a report.
@Suite("Detection in a report", .timeLimit(.minutes(5)))
struct DetectionReportTests {
  private static let imageCount = 40

  /// Two 40-pixel squares an image, of three categories.
  private func truth(_ folder: TemporaryDirectory) throws -> CocoAnnotations {
    let images = (1...Self.imageCount).map {
      "{\"id\":\($0),\"file_name\":\"\($0).png\",\"width\":100,\"height\":100}"
    }
    let objects = (0..<2 * Self.imageCount).map { number in
      "{\"id\":\(number + 1),\"image_id\":\(number / 2 + 1),\"category_id\":\(number % 3 + 1),"
        + "\"bbox\":[\(10 + number % 2 * 45),20,40,40],\"area\":1600,\"iscrowd\":0,"
        + "\"segmentation\":[[\(10 + number % 2 * 45),20,\(50 + number % 2 * 45),20,"
        + "\(50 + number % 2 * 45),60,\(10 + number % 2 * 45),60]]}"
    }
    let path = folder.file("truth.json")
    try AtomicFile.write(
      text: "{\"images\":[\(images.joined(separator: ","))],\"annotations\":"
        + "[\(objects.joined(separator: ","))],\"categories\":[{\"id\":1,\"name\":\"a\"},"
        + "{\"id\":2,\"name\":\"b\"},{\"id\":3,\"name\":\"c\"}]}", to: path)
    return try CocoAnnotations(path: path)
  }

  /// A detector that misplaces every box by what `shift` says of its image.
  private func run(
    _ name: String, in runs: SyntheticRuns, _ truth: CocoAnnotations, shift: (Int) -> Double
  ) throws {
    let results = (0..<2 * Self.imageCount).map { number in
      CocoResult(
        imageID: number / 2 + 1, categoryID: number % 3 + 1,
        box: CocoBox(
          x: Double(10 + number % 2 * 45) + shift(number / 2), y: 20, width: 40, height: 40),
        score: 1 - Double(number) / 200)
    }
    let folder = runs.path + "/coco-" + name.lowercased()
    var result = RunResult(
      task: "coco", backbone: ["name": name, "architecture": "Swin-T", "sha256": name],
      data: ["name": "squares", "test": "t", "test images": String(Self.imageCount)],
      settings: ["recipe": "mask-rcnn-1x"])
    for type in [OverlapType.bbox, .segm] {
      let records = CocoEvaluator.match(
        try CocoDetections(results, groundTruth: truth), to: truth, overlapType: .bbox)
      let file = type.rawValue + ".matches"
      try records.write(to: folder + "/" + file)
      result.files[file] = try SHA256.digest(file: folder + "/" + file)
      for metric in CocoScores(records).metrics() {
        result.metrics["\(type.rawValue)/\(metric.name)"] = MetricValue(
          metric.value, count: Self.imageCount)
      }
    }
    try RunImages(
      root: "val", indices: truth.images.map(\.id), paths: truth.images.map(\.fileName)
    ).write(to: folder)
    try runs.write(result, to: folder, command: "bench-coco --backbone \(name).pth")
  }

  @Test("AP is tested by swapping the stored matches, and the images that changed are shown")
  func compared() throws {
    let runs = try SyntheticRuns()
    let truth = try truth(runs.folder)
    try run("Supervised", in: runs, truth) { $0 % 4 == 0 ? 6 : 1 }
    // Better on image 5, worse on images 8 to 19.
    try run("MoBY", in: runs, truth) { image in
      image == 4 ? 0 : (7..<19).contains(image) ? 14 : image % 4 == 0 ? 6 : 1
    }
    let comparison = try runs.comparison { $0.galleryCount = 3 }
    let section = try #require(comparison.sections.first)
    #expect(section.task.name == "coco" && section.rows.map(\.name) == ["Supervised", "MoBY"])
    let cell = try #require(section.rows[1].cells["bbox/AP"])
    let delta = try #require(cell.delta)
    let files = ["moby", "supervised"].map { runs.path + "/coco-\($0)/bbox.matches" }
    let detectors = try files.map { ResampledDetection([try MatchRecords(path: $0)]) }
    let direct = try #require(
      SwapTest(detectors[0], minus: detectors[1], drawCount: 1000, seed: 0)["bbox/AP"])
    #expect(delta.difference == direct && delta.estimate < -0.05)
    #expect(delta.verdict == .worse)
    let images = try #require(section.details.first?.images)
    #expect(images.count == 4 && images[0].index == 5 && images[0].gain > 0)
    #expect(images.dropFirst().allSatisfy { (8...19).contains($0.index) && $0.gain < 0 })
    #expect(images[0].path == "5.png" && images[0].truth == "box AP of this image")
    #expect(comparison.html.contains("5.png") && comparison.markdown.contains("worse"))
  }

  @Test("Damaged matches leave their run out")
  func damaged() throws {
    let runs = try SyntheticRuns()
    let truth = try truth(runs.folder)
    try run("Supervised", in: runs, truth) { _ in 1 }
    try run("MoBY", in: runs, truth) { _ in 2 }
    let path = runs.path + "/coco-moby/segm.matches"
    try AtomicFile.write(Array(try FileBytes.read(path).dropLast(5)), to: path)
    let comparison = try runs.comparison()
    #expect(comparison.sections.first?.rows.map(\.name) == ["Supervised"])
    #expect(comparison.leftOut.count == 1 && comparison.leftOut[0].path == path)
  }
}
