import FileSupport
import Foundation
import Geometry
import Reporting
import SampleData
import TestSupport
import Testing
import VisionData

/// Predictions made elsewhere: scored, kept as runs, and compared by a report.
@Suite("Predictions made elsewhere", .serialized, .timeLimit(.minutes(5)))
struct PredictedRunTests {
  private let folder: TemporaryDirectory
  private let classes: [String]
  private let images: [(path: String, label: Int)]

  init() throws {
    folder = try TemporaryDirectory()
    try SampleSet(.small(images: (1, 6), side: 32, instances: (0, 4), labels: (0, 4))).generate(
      at: folder.file("sample"))
    let root = folder.file("sample/classification/val")
    classes = try FileManager.default.contentsOfDirectory(atPath: root).sorted()
    images = try classes.enumerated().flatMap { label, name in
      try FileManager.default.contentsOfDirectory(atPath: root + "/" + name).sorted()
        .map { (name + "/" + $0, label) }
    }
  }

  /// Logits that are right where `isRight` says so.
  private func write(_ name: String, isRight: (Int) -> Bool) throws {
    var text = "image," + classes.joined(separator: ",") + "\n"
    for (index, image) in images.enumerated() {
      let answer = isRight(index) ? image.label : (image.label + 1) % classes.count
      text +=
        image.path + ","
        + classes.indices.map { $0 == answer ? "3" : "0" }
        .joined(separator: ",") + "\n"
    }
    try AtomicFile.write(text: text, to: folder.file(name))
  }

  private func run(
    _ program: String, _ arguments: [String], status: Int32 = 0
  ) throws -> ChildProgram.Outcome {
    let outcome = try ChildProgram.run(program, arguments, in: folder.path)
    #expect(outcome.status == status, "\(outcome.errors)")
    return outcome
  }

  @Test("Two classifiers are scored, kept, and told apart by the report")
  func classifiers() throws {
    try write("good.csv") { $0 % 10 != 0 }
    try write("bad.csv") { $0 % 2 == 0 }
    let base = ["evaluate", "--ground-truth", "sample/classification", "--runs", "runs"]
    let good = try run(
      "bench-linear",
      base + ["--predictions", "good.csv", "--name", "Good", "--per-class", "--json"])
    let json = try #require(JSONValue(parsing: Array(good.output.utf8)))
    #expect(json["top1"]?.doubleValue == 0.9 && json["images"]?.intValue == images.count)
    let loss = try #require(json["crossEntropy"]?.doubleValue)
    #expect(abs(loss - (log(exp(3) + Double(classes.count) - 1) - 0.9 * 3)) < 1e-9)
    let matrix = try #require(json["confusionMatrix"]?.arrayValue)
    let first = matrix[0].arrayValue?.compactMap(\.intValue) ?? []
    #expect(matrix.count == classes.count && first.reduce(0, +) == 6 && first[0] >= 5)
    _ = try run(
      "bench-linear",
      base + ["--predictions", "bad.csv", "--name", "Bad", "--method", "supervised"])
    let report = try run(
      "bench-report", ["--runs", "runs", "--references", "none", "--output", "report", "--quiet"])
    #expect(report.output.contains("| Bad (baseline)"))
    #expect(report.output.contains(#/\| Good +\| top-1 .* better/#), "\(report.output)")
  }

  @Test("Images packed in tar archives are scored as the unpacked ones, and the report shows them")
  func archives() throws {
    func members(_ split: String, _ name: String) throws -> [(String, [UInt8])] {
      let root = folder.file("sample/classification/\(split)/\(name)")
      return try FileManager.default.contentsOfDirectory(atPath: root).sorted().map {
        ("\(name)/\($0)", try FileBytes.read(root + "/" + $0))
      }
    }
    for split in ["train", "val"] {
      var whole = TarWriter()
      for name in classes {
        var own = TarWriter()
        for (path, bytes) in try members(split, name) {
          whole.add(path, bytes)
          own.add((path as NSString).lastPathComponent, bytes)
        }
        if split == "val" { try AtomicFile.write(own.whole, to: folder.file("alone/\(name).tar")) }
      }
      try AtomicFile.write(whole.whole, to: folder.file("packed/\(split).tar"))
    }
    try write("good.csv") { $0 % 10 != 0 }
    try write("bad.csv") { $0 % 2 == 0 }
    for truth in ["packed", "alone"] {
      let runs = ["--runs", "runs-\(truth)", "--json"]
      for (file, method) in [("good.csv", "moby"), ("bad.csv", "supervised")] {
        let scored = try run(
          "bench-linear",
          [
            "evaluate", "--ground-truth", truth, "--predictions", file, "--name", method,
            "--method", method,
          ] + runs)
        #expect(
          JSONValue(parsing: Array(scored.output.utf8))?["top1"]?.doubleValue
            == (method == "moby" ? 0.9 : 0.5))
      }
      _ = try run(
        "bench-report",
        [
          "--runs", "runs-\(truth)", "--references", "none", "--output", "report-\(truth)",
          "--quiet",
        ])
      let page = String(
        decoding: try FileBytes.read(folder.file("report-\(truth)/report.html")), as: UTF8.self)
      #expect(page.contains("src=\"data:image/jpeg;base64,"), "\(truth)")
    }
  }

  @Test("A part of the classifier's classes is scored by a class map")
  func classMap() throws {
    try write("some.csv") { _ in true }
    // The classifier knows two more classes, and its numbers come in another order.
    let known = ["unseen"] + classes.reversed() + ["other"]
    var lines: [String] = []
    for image in images {
      let scores = known.map { $0 == classes[image.label] ? 2 : $0 == "unseen" ? 9 : 0 }
      lines.append(#"{"image": "\#(image.path)", "logits": \#(scores)}"#)
    }
    try AtomicFile.write(text: lines.joined(separator: "\n"), to: folder.file("all.jsonl"))
    try AtomicFile.write(text: known.joined(separator: "\n"), to: folder.file("known.txt"))
    let base = [
      "evaluate", "--ground-truth", "sample/classification/val", "--predictions", "all.jsonl",
    ]
    let scored = try run("bench-linear", base + ["--class-map", "known.txt", "--json"])
    #expect(JSONValue(parsing: Array(scored.output.utf8))?["top1"]?.doubleValue == 1)
    let refused = try run("bench-linear", base, status: 65)
    #expect(refused.errors.contains("name the classifier's classes with --class-map"))
  }

  @Test("Missing, foreign and repeated images are named")
  func faults() throws {
    try write("p.csv") { _ in true }
    let text = String(decoding: try FileBytes.read(folder.file("p.csv")), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    let base = ["evaluate", "--ground-truth", "sample/classification", "--predictions", "q.csv"]
    func expect(_ lines: [String], _ problem: String) throws {
      try AtomicFile.write(text: lines.joined(separator: "\n"), to: folder.file("q.csv"))
      let refused = try run("bench-linear", base, status: 65)
      #expect(refused.errors.contains(problem), "\(refused.errors)")
    }
    try expect(Array(lines.dropLast(2)), "and 1 more of \(images.count) images")
    try expect(lines + [lines[1]], "names \(images[0].path) in lines 2 and \(lines.count + 1)")
    try expect(
      lines + ["nowhere.png" + lines[1].drop { $0 != "," }], "names nowhere.png, which")
    let broken = try run("bench-linear", base + ["--name", "a\nb"], status: 64)
    #expect(broken.errors.contains("--name holds a line end or another control character"))
    let lonely = try run("bench-linear", base + ["--method", "moby"], status: 64)
    #expect(lonely.errors.contains("give it a --name"))
  }

  @Test("Detections and label maps are kept with their records and intervals")
  func dense() throws {
    let truth = try #require(
      JSONValue(
        parsing: try FileBytes.read(
          folder.file("sample/coco/annotations/instances_val2017.json"))))
    let results = try #require(truth["annotations"]?.arrayValue).map { object -> JSONValue in
      .object([
        "image_id": object["image_id"] ?? .null, "category_id": object["category_id"] ?? .null,
        "bbox": object["bbox"] ?? .null, "score": .number(0.9),
      ])
    }
    try AtomicFile.write(text: JSONValue.array(results).text(), to: folder.file("boxes.json"))
    _ = try run(
      "bench-coco",
      [
        "evaluate", "--ground-truth", "sample/coco/annotations/instances_val2017.json",
        "--detections", "boxes.json", "--name", "perfect", "--runs", "runs", "--quiet",
      ])
    _ = try run(
      "bench-ade20k",
      [
        "evaluate", "--ground-truth", "sample/ade20k", "--predictions",
        "sample/ade20k/annotations/validation", "--name", "truth", "--runs", "runs",
        "--resamples", "20", "--quiet",
      ])
    let runs = try RunCatalogue(paths: [folder.file("runs")]).runs
    let boxes = try #require(runs.first { $0.result.task == "coco" })
    #expect(boxes.result.metrics["bbox/AP"]?.value == 1 && boxes.isMadeElsewhere)
    #expect(boxes.result.metrics["segm/AP"] == nil && boxes.result.files["bbox.matches"] != nil)
    let maps = try #require(runs.first { $0.result.task == "ade20k" })
    #expect(maps.result.metrics["mIoU"]?.value == 1 && maps.result.files["records.jsonl"] != nil)
    // The data are those of the suite's own runs on the same folder.
    let set = try SegmentationFolder(root: folder.file("sample/ade20k"), split: .validation)
    #expect(maps.dataIdentity["test"] == set.manifestHash())
    // What was predicted is kept to be drawn, as class indices.
    let classes = try SegmentationTruth(folder.file("sample/ade20k")).classes()
    let (_, labels) = try set.load(0, classes.encoding)
    let kept = try ImageFile.decodeLabels(
      path: RunImages.predictedMap(of: set.name(0), in: maps.path))
    #expect(zip(kept.labels, labels.labels).allSatisfy { $0 == $1 })
  }

  @Test("A report draws what was predicted elsewhere beside what is annotated")
  func gallery() throws {
    let annotations = "sample/coco/annotations/instances_val2017.json"
    let truth = try #require(JSONValue(parsing: try FileBytes.read(folder.file(annotations))))
    let objects = try #require(truth["annotations"]?.arrayValue)
    for (name, step, method) in [("all", 1, "moby"), ("some", 2, "supervised")] {
      let results = stride(from: 0, to: objects.count, by: step).map { at -> JSONValue in
        .object([
          "image_id": objects[at]["image_id"] ?? .null,
          "category_id": objects[at]["category_id"] ?? .null,
          "bbox": objects[at]["bbox"] ?? .null, "score": .number(0.9),
        ])
      }
      try AtomicFile.write(text: JSONValue.array(results).text(), to: folder.file("\(name).json"))
      _ = try run(
        "bench-coco",
        [
          "evaluate", "--ground-truth", annotations, "--detections", "\(name).json", "--name", name,
          "--method", method, "--runs", "seen", "--quiet",
        ])
    }
    _ = try run(
      "bench-report",
      ["--runs", "seen", "--references", "none", "--output", "report", "--quiet"])
    let page = String(
      decoding: try FileBytes.read(folder.file("report/report.html")), as: UTF8.self)
    #expect(page.contains(#/<small>annotated: \d+</small>/#))
    #expect(page.contains(#/<small>all: \d+ from score 0.3 on</small>/#))
    #expect(page.contains(#/<small>some: (\d+ from score 0.3 on|nothing found)</small>/#))
    #expect(page.contains("src=\"data:image/jpeg;base64,"))
    #expect(!page.contains("not at hand"))
  }
}
