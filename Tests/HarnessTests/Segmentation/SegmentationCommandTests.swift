import FileSupport
import Foundation
import Geometry
import SampleData
import TestSupport
import Testing
import VisionData

/// Runs `bench-ade20k` and its commands as child processes, as a user would.
@Suite("bench-ade20k from outside", .serialized, .timeLimit(.minutes(5)))
struct SegmentationCommandTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
    try SampleSet(.small(labels: (4, 4))).generate(at: folder.file("sample"))
  }

  private func run(_ arguments: [String], status: Int32 = 0) throws -> ChildProgram.Outcome {
    let outcome = try ChildProgram.run("bench-ade20k", arguments, in: folder.path)
    #expect(outcome.status == status, "\(outcome.errors)")
    return outcome
  }

  private func json(_ path: String) throws -> JSONValue {
    try #require(JSONValue(parsing: try FileBytes.read(folder.file(path))), "\(path)")
  }

  @Test("A limit scores the first images only, and the result says how many")
  func limit() throws {
    _ = try run([
      "--data", "sample/ade20k", "--backbone", "random", "--preset", "mini", "--seeds", "0",
      "--crop-size", "48",
      "--batch-size", "2", "--iterations", "2", "--limit", "3", "--resamples", "20", "--quiet",
      "--output", "runs",
    ])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
      .filter { $0.hasPrefix("ade20k-random") }
    let name = try #require(names.count == 1 ? names[0] : nil, "\(names)")
    let result = try json("runs/\(name)/result.json")
    #expect(result["data"]?["test images"]?.stringValue == "3", "\(result.text())")
    #expect(try RecordLines.read(folder.file("runs/\(name)/records.jsonl")).rows.count == 3)
    let accuracy = try #require(result["metrics"]?["aAcc"]?["value"]?.doubleValue)
    #expect((0...1).contains(accuracy))
  }

  @Test("Several scales have their own names, and a segmentor meets only its own classes")
  func scales() throws {
    let options = [
      "--data", "sample/ade20k", "--preset", "mini", "--crop-size", "48", "--resamples", "20",
      "--quiet",
    ]
    let outcome = try run(
      options + [
        "--backbone", "random", "--mode", "ms-flip", "--output", "runs", "--batch-size", "2",
        "--iterations", "2", "--seeds", "0",
      ])
    #expect(outcome.output.contains("mIoU ms+flip"), "\(outcome.output)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
      .filter { $0.hasPrefix("ade20k-random") }
    let name = try #require(names.count == 1 ? names[0] : nil, "\(names)")
    let metrics = try #require(try json("runs/\(name)/result.json")["metrics"])
    #expect(metrics["mIoU_ms"]?["value"] != nil && metrics["mIoU"] == nil && metrics["aAcc"] == nil)
    #expect(outcome.output.contains("deviates from the published recipe"))
    let report = try ChildProgram.run(
      "bench-report", ["--runs", "runs", "--output", "page"], in: folder.path)
    #expect(report.status == 0, "\(report.errors)")

    guard case .array(let rows) = try json("sample/ade20k/classes.json") else { return }
    let renamed = rows.enumerated().map { place, row -> JSONValue in
      guard case .object(var members) = row else { return row }
      members["name"] = .string("class \(place)")
      return .object(members)
    }
    try AtomicFile.write(text: JSONValue.array(renamed).text(), to: folder.file("classes.json"))
    let scored =
      options + ["--segmentor", "runs/\(name)/segmentor.pth", "--eval-only", "--output", "scored"]
    _ = try run(scored)
    let other = try run(scored + ["--classes", "classes.json"], status: 65)
    #expect(other.errors.contains("was trained for the classes"), "\(other.errors)")
  }

  @Test("evaluate scores the ground truth 1, a shifted map less, and compares both")
  func evaluate() throws {
    let truth = folder.file("sample/ade20k/annotations/validation")
    let files = try FileManager.default.contentsOfDirectory(atPath: truth).sorted()
    #expect(files.count == 4)
    for file in files {
      let map = try ImageFile.decodeLabels(path: truth + "/" + file)
      // The map moved down by eight rows: right inside regions, wrong at their borders.
      let moved = map.labels.prefix(8 * map.width) + map.labels.dropLast(8 * map.width)
      try AtomicFile.write(
        try ImageFile.png(
          LabelMap(
            width: map.width, height: map.height,
            // What is no class cannot be predicted.
            labels: moved.map { $0 == 0 ? 1 : $0 })),
        to: folder.file("moved/" + file))
    }
    let outcome = try run([
      "evaluate", "--ground-truth", "sample/ade20k", "--predictions", "\(truth),moved",
      "--per-class", "--resamples", "50", "--output", "out.json", "--records", "records.jsonl",
      "--quiet",
    ])
    let document = try json("out.json")
    let results = try #require(document["results"]?.arrayValue)
    try #require(results.count == 2)
    #expect(results[0]["mIoU"]?.doubleValue == 1 && results[0]["aAcc"]?.doubleValue == 1)
    let moved = try #require(results[1]["mIoU"]?.doubleValue)
    #expect(moved > 0.2 && moved < 0.95, "\(moved)")
    let difference = try #require(document["mIoUDifference"]?["value"]?.doubleValue)
    #expect(abs(difference - (1 - moved)) < 1e-12)
    #expect(outcome.output.contains("100.00"), "\(outcome.output)")
    let written = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasPrefix("records") }
    #expect(!written.isEmpty)
    for name in written {
      #expect(try RecordLines.read(folder.file(name)).rows.count >= 4, "\(name)")
    }
    try FileManager.default.removeItem(atPath: folder.file("moved/" + files[0]))
    let lacking = try run(
      ["evaluate", "--ground-truth", "sample/ade20k", "--predictions", "moved"], status: 66)
    #expect(lacking.errors.contains("moved: lacks "), "\(lacking.errors)")
  }

  @Test("show draws image, truth and prediction side by side")
  func show() throws {
    let maps = "sample/ade20k/annotations/validation"
    let arguments = [
      "show", "--images", "sample/ade20k/images/validation", "--labels", maps, "--count", "2",
      "--quiet", "--output",
    ]
    let alone = try run(arguments + ["alone"])
    #expect(alone.output == "alone: 2 of 4 images\n")
    _ = try run(arguments + ["both", "--predictions", maps])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("alone")).sorted()
    #expect(names.count == 2)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("both")).sorted() == names)
    for name in names {
      let one = try ImageFile.decode(path: folder.file("alone/" + name))
      let two = try ImageFile.decode(path: folder.file("both/" + name))
      #expect(one.width >= 2 * 96 && two.width >= one.width + 96, "\(one.width), \(two.width)")
      #expect(Set(one.pixels).count > 20)
    }
  }
}
