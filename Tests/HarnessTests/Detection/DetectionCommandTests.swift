import CocoFormat
import FileSupport
import Foundation
import Models
import SampleData
import TestSupport
import Testing
import VisionData

/// Runs `bench-coco` and its commands as child processes, as a user would.
@Suite("bench-coco from outside", .serialized, .timeLimit(.minutes(5)))
struct DetectionCommandTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    try SampleSet(.small(instances: (4, 4))).generate(at: folder.file("sample"))
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

    let notes = (result["notes"]?.arrayValue ?? []).compactMap(\.stringValue).joined(
      separator: "\n")
    for words in ["batch norms of the box heads over images 2 instead of 16", "2 of 4 test images"]
    {
      #expect(notes.contains(words), "\(notes)")
    }

    let detector = path + "/detector.pth"
    // Trained on under another recipe it would become something between the two.
    let trained = try run(
      ["--data", "sample/coco", "--detector", detector, "--preset", "mini", "--output", "other"],
      status: 65)
    #expect(trained.errors.contains("use --recipe cascade-1x"), "\(trained.errors)")
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

  /// Changes the annotations of a split.
  private func rewrite(_ split: String, _ change: (inout [String: JSONValue]) -> Void) throws {
    let path = folder.file("sample/coco/annotations/instances_\(split).json")
    guard case .object(var members) = try json(path) else { return }
    change(&members)
    try AtomicFile.write(text: JSONValue.object(members).text(), to: path)
  }

  private static func changed(
    _ value: JSONValue?, _ change: (Int, inout [String: JSONValue]) -> Void
  ) -> JSONValue {
    .array(
      (value?.arrayValue ?? []).enumerated().map { place, entry in
        guard case .object(var members) = entry else { return entry }
        change(place, &members)
        return .object(members)
      })
  }

  private let quick = [
    "--data", "sample/coco", "--backbone", "random", "--preset", "mini", "--image-scale", "0.5",
    "--epochs", "1", "--seeds", "0", "--resamples", "20", "--quiet", "--output", "runs",
  ]

  @Test(
    "Annotations of any names are trained on and scored; options that make no sense are refused")
  func namedFiles() throws {
    for (split, name) in [("train2017", "my train.json"), ("val2017", "b/val.json")] {
      try AtomicFile.write(
        try FileBytes.read(folder.file("sample/coco/annotations/instances_\(split).json")),
        to: folder.file("named/" + name))
    }
    let files = [
      "--train-annotations", "named/my train.json", "--val-annotations", "named/b/val.json",
    ]
    let images = ["--images", "sample/coco/train2017,sample/coco/val2017"]
    _ = try run(Array(quick.dropFirst(2)) + files + images + ["--limit", "2"])
    let data = try json(try runFolder() + "/result.json")["data"]
    #expect(data?["name"]?.stringValue == "val" && data?["train"]?.stringValue != nil)
    for (options, words) in [
      (["--images", "a"], "--images goes with"),
      (["--data", "sample/coco"] + files, "not both"),
      (Array(files.prefix(2)), "needs --val-annotations"),
      (Array(files.suffix(2)), "needs --train-annotations"),
      (files + ["--images", "a,b,c"], "one folder, or two"),
    ] {
      let outcome = try run(Array(quick.dropFirst(2)) + options, status: 64)
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    let missing = try run(Array(quick.dropFirst(2)) + files + ["--images", "nowhere"], status: 66)
    #expect(missing.errors.contains("nowhere/"), "\(missing.errors)")
  }

  @Test("Categories that differ are refused, whatever --no-check says")
  func categories() throws {
    try rewrite("val2017") { members in
      let extra = JSONValue.object(["id": .integer(0), "name": .string("root")])
      members["categories"] = .array([extra] + (members["categories"]?.arrayValue ?? []))
    }
    for options in [[], ["--no-check"]] {
      let outcome = try run(quick + options, status: 65)
      #expect(outcome.errors.contains("has category 0 'root'"), "\(outcome.errors)")
      #expect(!outcome.errors.contains("or take the rest"), "\(outcome.errors)")
    }
  }

  @Test("Records that are dropped stop a run, or are marked in its result and table")
  func dropped() throws {
    try rewrite("train2017") { members in
      members["annotations"] = Self.changed(members["annotations"]) { place, annotation in
        if place < 2 { annotation["bbox"] = .string("wide") }
      }
    }
    let refused = try run(quick, status: 65)
    #expect(refused.errors.contains("the text 'wide' as its bbox"), "\(refused.errors)")
    #expect(refused.errors.contains("--no-check"), "\(refused.errors)")
    let told = try run(quick + ["--no-check"])
    let words = "2 records of instances_train2017.json had errors and were left out"
    #expect(told.output.contains(words), "\(told.output)")
    let result = try json(try runFolder() + "/result.json")
    #expect(result["notes"]?.text().contains(words) == true)
  }

  @Test("Data of boxes train boxes only, and no masks are scored, unless the user says so")
  func boxes() throws {
    for split in ["train2017", "val2017"] {
      try rewrite(split) { members in
        members["annotations"] = Self.changed(members["annotations"]) { place, annotation in
          // One mask to be scored against.
          if split == "train2017" || place > 0 { annotation["segmentation"] = nil }
        }
      }
    }
    let plain = try run(quick)
    #expect(plain.errors.contains("objects are without a mask"), "\(plain.errors)")
    #expect(plain.output.contains("trained boxes only, and masks are not scored"))
    let path = try runFolder()
    let result = try json(path + "/result.json")
    #expect(result["metrics"]?["bbox/AP"] != nil && result["metrics"]?["segm/AP"] == nil)
    let events = try RecordLines.read(path + "/events.jsonl").rows
    #expect(events.allSatisfy { $0["loss_mask"]?.doubleValue == 0 })
    try FileManager.default.removeItem(atPath: folder.file("runs"))
    let filled = try run(quick + ["--masks-from-boxes"])
    #expect(filled.output.contains("their boxes were trained as masks"), "\(filled.output)")
    let other = try runFolder()
    #expect(try json(other + "/result.json")["metrics"]?["segm/AP"] != nil)
    let losses = try RecordLines.read(other + "/events.jsonl").rows
    #expect(losses.contains { $0["loss_mask"]?.doubleValue ?? 0 > 0 })
  }

  @Test("Masks from boxes where all have masks, and files that are not there, are said first")
  func without() throws {
    let dry = try run(["--data", "sample/coco", "--backbone", "none.pth", "--dry-run"], status: 66)
    #expect(dry.errors.contains("none.pth: does not exist"), "\(dry.errors)")
    let masks = try run(quick.filter { $0 != "--quiet" } + ["--masks-from-boxes"])
    #expect(masks.errors.contains("--masks-from-boxes changes nothing"), "\(masks.errors)")
  }

  @Test("Where nothing is left to score, the reason is said and no table of -1")
  func nothing() throws {
    let path = folder.file("sample/coco/annotations/instances_val2017.json")
    let all = try CocoAnnotations(path: path).asResults()
    try CocoWriter.write(all, to: folder.file("all.json"))
    try rewrite("val2017") { members in
      members["annotations"] = Self.changed(members["annotations"]) { _, annotation in
        annotation["iscrowd"] = .integer(1)
      }
    }
    let outcome = try run(
      ["evaluate", "--ground-truth", path, "--detections", "all.json", "--iou-type", "bbox"],
      status: 65)
    #expect(!outcome.output.contains("-1.000") && outcome.errors.contains("crowds"))
    try AtomicFile.write(
      text: #"[{"image_id":\#(all[0].imageID),"category_id":1,"bbox":[1,1,5,5],"score":"high"}]"#,
      to: folder.file("broken.json"))
    let none = try run(
      ["evaluate", "--ground-truth", path, "--detections", "broken.json"], status: 65)
    #expect(none.errors.contains("has no detection that can be scored"), "\(none.errors)")
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
      "mini", "--image-scale", "0.5", "--limit", "3", "--resamples", "20", "--quiet", "--output",
      "compared",
    ]
    let short = shared + ["--epochs", "1", "--train-limit", "2"]
    let scored = try run(shared + ["--eval-only"])
    #expect(scored.output.contains("n too small for an interval"), "\(scored.output)")
    #expect(scored.output.contains("undecided") && scored.output.contains("mmdetection issue 3496"))
    let once = try run(short + ["--seeds", "0"])
    #expect(once.output.contains("not judged") && once.output.contains("one training of b"))
    let twice = try run(short + ["--seeds", "0,1", "--margin", "AP=99"])
    #expect(!twice.output.contains("not judged"), "\(twice.output)")
    #expect(twice.output.contains("undecided") && twice.output.contains("(exploratory)"))
    #expect(twice.output.contains("counts as equivalent within ± 99.00 points: --margin"))
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
