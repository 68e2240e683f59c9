import CocoFormat
import FileSupport
import Foundation
import Models
import SampleData
import TestSupport
import Testing
import VisionData

/// Runs `bench-coco` and its commands as child processes, as a user would.
@Suite("bench-coco from outside", .serialized, .timeLimit(.minutes(3)))
struct DetectionCommandTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    var settings = SampleSettings()
    (settings.trainingImagesPerClass, settings.validationImagesPerClass) = (0, 0)
    settings.sceneSize = 96
    settings.instanceScenes = .init(training: 4, validation: 4)
    settings.segmentationScenes = .init(training: 0, validation: 0)
    try SampleSet(settings).generate(at: folder.file("sample"))
  }

  private func run(_ arguments: [String], status: Int32 = 0) throws -> ChildProgram.Outcome {
    let outcome = try ChildProgram.run("bench-coco", arguments, in: folder.path)
    #expect(outcome.status == status, "\(outcome.errors)")
    return outcome
  }

  private func json(_ path: String) throws -> JSONValue {
    try #require(JSONValue(parsing: try FileBytes.read(path)), "\(path)")
  }

  /// The only run's folder.
  private func runFolder() throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
      .filter { $0.hasPrefix("coco-random") }
    try #require(names.count == 1, "\(names)")
    return folder.file("runs/" + names[0])
  }

  /// Trains a small detector of a recipe.
  private func train(_ recipe: String) throws -> String {
    _ = try run([
      "--data", "sample/coco", "--backbone", "random", "--recipe", recipe, "--preset", "mini",
      "--seeds", "0",
      "--image-scale", "0.5", "--epochs", "1", "--limit", "2", "--resamples", "20", "--quiet",
      "--output", "runs",
    ])
    return try runFolder()
  }

  @Test("A cascade trains three stages, scores as many images as asked for and is drawn")
  func cascade() throws {
    let path = try train("cascade-1x")
    let keys = Set(try CheckpointFile(path: path + "/detector.pth").entries.map(\.key))
    for stage in 0..<3 {
      #expect(keys.contains("roi_head.bbox_head.\(stage).fc_cls.weight"), "stage \(stage)")
    }
    #expect(!keys.contains("roi_head.bbox_head.3.fc_cls.weight"))
    let events = try RecordLines.read(path + "/events.jsonl").rows
    #expect(events.count >= 2)
    for event in events {
      let losses = ["s0.loss_cls", "s1.loss_cls", "s2.loss_cls"].map {
        event[$0]?.doubleValue ?? .nan
      }
      #expect(losses.allSatisfy { $0 > 0 && $0.isFinite }, "\(event.text())")
    }
    #expect(try RecordLines.read(path + "/detections.jsonl").rows.count == 2)
    let result = try json(path + "/result.json")
    #expect(result["data"]?["test images"]?.stringValue == "2")
    for name in ["bbox/AP", "bbox/AP50", "segm/AP"] {
      let value = try #require(result["metrics"]?[name]?["value"]?.doubleValue, "\(name)")
      #expect((0...1).contains(value), "\(name) \(value)")
    }

    let detector = path + "/detector.pth"
    let shown = try run([
      "show", "--detector", detector, "--data", "sample/coco", "--recipe", "cascade-1x", "--preset",
      "mini", "--image-scale", "0.5", "--count", "3", "--score", "0", "--output", "sheet.png",
      "--quiet",
    ])
    #expect(shown.output == "3 images in sheet.png\n")
    let sheet = try ImageFile.decode(path: folder.file("sheet.png"))
    #expect(sheet.width > 3 * 96 && sheet.height >= 96)
    // Detections leave the gray of the scene: many colours, not one.
    #expect(Set(sheet.pixels).count > 50)
    let other = try run(
      ["show", "--detector", "missing.pth", "--data", "sample/coco"], status: 66)
    #expect(other.errors.contains("missing.pth"), "\(other.errors)")
  }

  @Test("Finished detectors are compared by swaps; trained once not judged, trained twice they are")
  func differences() throws {
    let path = try train("mask-rcnn-1x")
    for name in ["a.pth", "b.pth"] {
      try FileManager.default.copyItem(
        atPath: path + "/detector.pth", toPath: folder.file(name))
    }
    let shared = [
      "--data", "sample/coco", "--detector", "a.pth,b.pth", "--recipe", "mask-rcnn-1x", "--preset",
      "mini", "--image-scale", "0.5", "--epochs", "1", "--train-limit", "2", "--limit", "3",
      "--resamples", "20", "--quiet", "--output", "compared",
    ]
    let scored = try run(shared + ["--eval-only"])
    #expect(scored.output.contains("n too small for an interval"), "\(scored.output)")
    #expect(scored.output.contains("undecided") && scored.output.contains("mmdetection issue 3496"))
    let once = try run(shared + ["--seeds", "0"])
    #expect(once.output.contains("not judged") && once.output.contains("one training of b"))
    let twice = try run(shared + ["--seeds", "0,1", "--margin", "AP=99"])
    #expect(!twice.output.contains("not judged"), "\(twice.output)")
    #expect(twice.output.contains("undecided") && twice.output.contains("(exploratory)"))
    #expect(twice.output.contains("is equivalent within ± 99.00 points: --margin"))
  }

  @Test("evaluate scores perfect detections 1, half of them less, and writes what it prints")
  func evaluate() throws {
    let path = folder.file("sample/coco/annotations/instances_val2017.json")
    let truth = try CocoAnnotations(path: path)
    let all = truth.asResults()
    try CocoWriter.write(all, to: folder.file("all.json"))
    // Every second object of the first images: a known part of the recall is lost.
    let some = all.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    try CocoWriter.write(some, to: folder.file("some.json"))
    let outcome = try run([
      "evaluate", "--ground-truth", path, "--detections", "all.json", "--versus", "some.json",
      "--resamples", "50", "--errors", "--per-class", "--output", "out.json", "--records",
      "matches", "--quiet",
    ])
    let results = try json(folder.file("out.json"))
    #expect(results["images"]?.intValue == 4)
    #expect(results["objects"]?.intValue == truth.annotations.count)
    for type in ["bbox", "segm"] {
      let part = try #require(results["results"]?[type], "\(type)")
      #expect(part["metrics"]?["AP"]?.doubleValue == 1)
      #expect(part["metrics"]?["AR100"]?.doubleValue == 1)
      #expect(part["errors"]?["AP"]?.doubleValue == 1)
      #expect(part["perClass"]?.arrayValue?.isEmpty == false)
      let difference = try #require(part["versus"], "\(part.text())")
      #expect(difference.text().contains("some.json"), "\(difference.text())")
      for suffix in ["matches", "versus.matches"] {
        #expect(try FileBytes.read(folder.file("matches/\(type).\(suffix)")).count > 50)
      }
    }
    #expect(outcome.output.contains("4 images, \(truth.annotations.count) objects"))
    #expect(outcome.output.contains("bbox by class") && outcome.output.contains("segm errors"))

    let less = try run([
      "evaluate", "--ground-truth", path, "--detections", "some.json", "--iou-type", "bbox",
      "--output", "less.json", "--quiet",
    ])
    #expect(!less.output.contains("segm"))
    let metrics = try #require(
      try json(folder.file("less.json"))["results"]?["bbox"]?["metrics"])
    let precision = try #require(metrics["AP"]?.doubleValue)
    #expect(precision > 0.2 && precision < 0.9, "\(metrics.text())")
  }

  @Test("Detections of images that the annotations lack are refused")
  func foreign() throws {
    let path = folder.file("sample/coco/annotations/instances_val2017.json")
    try AtomicFile.write(
      text: #"[{"image_id": 987654, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]"#,
      to: folder.file("foreign.json"))
    let outcome = try ChildProgram.run(
      "bench-coco", ["evaluate", "--ground-truth", path, "--detections", "foreign.json"],
      in: folder.path)
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains("foreign.json") && outcome.errors.contains("987654"))
  }
}
