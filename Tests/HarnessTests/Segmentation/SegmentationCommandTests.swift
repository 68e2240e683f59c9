import FileSupport
import Foundation
import Geometry
import Layers
import Models
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

  @Test("Other names of the classes are another run; those of published tables are none of its key")
  func names() throws {
    let options = [
      "--data", "sample/ade20k", "--backbone", "random", "--preset", "smoke", "--recipe", "knn",
      "--memory", "60", "--seeds", "0", "--resamples", "20", "--quiet", "--output", "runs",
    ]
    func folders() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
        .filter { $0.hasPrefix("ade20k-knn-random") }
    }
    _ = try run(options)
    _ = try run(options)
    #expect(try folders().count == 1)
    let table = folder.file("sample/ade20k/classes.json")
    let text = String(decoding: try FileBytes.read(table), as: UTF8.self)
    let name = try #require(
      try json("sample/ade20k/classes.json").arrayValue?.last?["name"]?.stringValue)
    try AtomicFile.write(text: text.replacing("\"\(name)\"", with: "\"other\""), to: table)
    _ = try run(options)
    #expect(try folders().count == 2)
  }

  @Test("A frozen backbone is scored by nearest cells and by a linear classifier, and reported")
  func frozen() throws {
    let fine = VisionTransformer(
      VisionTransformerConfiguration(patchSize: 8, embeddingSize: 64, depth: 1, headCount: 1),
      inputSize: 32, initializer: Initializer(seed: 1))
    try CheckpointWriter.write(StateDictionary(fine).entries, to: folder.file("fine.pth"))
    let shared = [
      "--data", "sample/ade20k", "--backbone", "random,fine.pth", "--preset", "mini",
      "--crop-size", "48", "--limit", "3", "--seeds", "0,1", "--resamples", "20", "--quiet",
      "--output", "runs",
    ]
    let recipes = [
      ("knn", ["--memory", "60", "--neighbours", "7"], "memory of cells 60 instead of 10240000"),
      ("linear-40k", ["--iterations", "6", "--batch-size", "2"], "iterations 6 instead of 40000"),
    ]
    for (recipe, options, deviation) in recipes {
      let arguments = shared + ["--recipe", recipe] + options
      let first = try run(arguments)
      #expect(first.output.contains("of frozen cells"), "\(first.output)")
      #expect(try run(arguments + ["--threads", "1"]).output == first.output)
      for (backbone, isSwin) in [("random", true), ("fine", false)] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
          .filter { $0.hasPrefix("ade20k-\(recipe)-\(backbone)") }
        let name = try #require(names.count == 1 ? names[0] : nil, "\(names)")
        let result = try json("runs/\(name)/result.json")
        #expect(result["settings"]?["recipe"]?.stringValue == recipe)
        let score = try #require(result["metrics"]?["mIoU"]?["value"]?.doubleValue)
        #expect((0...1).contains(score))
        #expect(result["metrics"]?["mIoU_seed1"] != nil)
        let notes = (result["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
        #expect(notes.contains { $0.contains(deviation) }, "\(notes)")
        #expect(notes.contains { $0.contains("cells of the last stage") } == isSwin, "\(notes)")
        // Four images of 2x2 cells have no 60.
        let cells = isSwin ? "labels of 16 cells" : "labels of 60 cells"
        #expect(notes.contains { $0.hasPrefix(cells) } == (recipe == "knn"), "\(notes)")
        #expect(
          try RecordLines.read(folder.file("runs/\(name)/seed-1/records.jsonl")).rows.count == 3)
      }
    }
    let report = try ChildProgram.run(
      "bench-report", ["--runs", "runs", "--output", "page"], in: folder.path)
    #expect(report.status == 0, "\(report.errors)")
    // A table each, whose rows are compared whatever the network.
    let text = String(
      decoding: try FileBytes.read(folder.file("page/report.md")), as: UTF8.self)
    for measure in ["linear classifier of frozen cells", "nearest neighbours of frozen cells"] {
      #expect(text.contains(", \(measure), 3 images"), "\(text)")
    }
    #expect(!text.contains("another protocol"), "\(text)")
    for (options, words) in [
      (["--recipe", "knn", "--iterations", "3"], "has no use for --iterations"),
      (["--recipe", "linear-40k", "--memory", "3"], "has no use for --memory"),
      (["--memory", "3"], "has no use for --memory"),
      (["--recipe", "knn", "--mode", "whole"], "--mode slide"),
      (["--recipe", "knn", "--evaluate-every", "3"], "has no use for --evaluate-every"),
    ] {
      let refused = try run(shared + options, status: 64)
      #expect(refused.errors.contains(words), "\(refused.errors)")
    }
    let uneven = try run(
      ["--data", "sample/ade20k", "--backbone", "fine.pth", "--preset", "mini", "--recipe", "knn"]
        + ["--crop-size", "50"], status: 64)
    #expect(uneven.errors.contains("fine.pth") && uneven.errors.contains("8"), "\(uneven.errors)")
  }

  @Test("A linear classifier that was killed goes on and ends in the same bytes")
  func frozenKilled() throws {
    let options = [
      "--data", "sample/ade20k", "--backbone", "random", "--preset", "mini", "--crop-size", "48",
      "--recipe", "linear-40k", "--iterations", "60", "--batch-size", "2", "--seeds", "0",
      "--resamples", "20", "--save-minutes", "0", "--evaluate-every", "25",
    ]
    _ = try run(options + ["--quiet", "--output", "whole"])
    let cut = try ChildProgram.run(
      "bench-ade20k", options + ["--output", "killed"], in: folder.path, killAfter: 0.01,
      states: 1, output: "killed")
    #expect(cut.status == SIGKILL, "\(cut.errors)")
    let last = try run(options + ["--output", "killed"])
    #expect(last.errors.contains("going on after step"), "\(last.errors)")
    let expected = try ChildProgram.files(under: folder.file("whole"))
    let found = try ChildProgram.files(under: folder.file("killed"))
    #expect(
      Set(found.keys) == Set(expected.keys) && expected.keys.contains { $0.hasSuffix("head.pth") })
    for (name, bytes) in expected { #expect(found[name] == bytes, "\(name) differs") }
  }

  @Test("Looks at a linear classifier on the way change nothing and are a curve of the result")
  func frozenLooks() throws {
    let options = [
      "--data", "sample/ade20k", "--backbone", "random", "--preset", "mini", "--crop-size", "48",
      "--recipe", "linear-40k", "--iterations", "30", "--batch-size", "2", "--seeds", "0",
      "--resamples", "20", "--quiet",
    ]
    _ = try run(options + ["--output", "plain"])
    _ = try run(
      options + ["--evaluate-every", "12", "--keep-checkpoints", "15", "--output", "watched"])
    func file(_ run: String, _ name: String) throws -> [UInt8] {
      let found = try ChildProgram.files(under: folder.file(run)).first {
        $0.key.hasSuffix("/" + name)
      }
      return Array(try #require(found, "\(run) \(name)").value)
    }
    #expect(try file("plain", "head.pth") == file("watched", "head.pth"))
    #expect(try file("plain", "records.jsonl") == file("watched", "records.jsonl"))
    #expect(try file("watched", "head-iteration-15.pth") != file("watched", "head.pth"))
    let result = try #require(JSONValue(parsing: try file("watched", "result.json")))
    let curve = try #require(result["curves"]?["val_mIoU"]?.arrayValue, "\(result.text())")
    // Two looks and the end.
    #expect(curve.count == 3)
    #expect(
      curve.last?.doubleValue == result["metrics"]?["mIoU"]?["value"]?.doubleValue)
    let left = try ChildProgram.files(under: folder.file("watched")).keys
    #expect(!left.contains { $0.contains("evaluation-") }, "\(left)")
  }

  @Test(
    "Both measurements of a frozen backbone read PASCAL VOC's folders",
    arguments: ["knn", "linear-40k"])
  func frozenVOC(recipe: String) throws {
    let voc = folder.file("VOCdevkit/VOC2012")
    for (split, list) in [(SegmentationFolder.Split.training, "train"), (.validation, "val")] {
      let source = try SegmentationFolder(root: folder.file("sample/ade20k"), split: split)
      var names: [String] = []
      for index in 0..<source.count {
        let name = "2007_\(list)\(index)"
        names.append(name)
        let image = try ImageFile.decode(path: source.imagePath(index))
        try AtomicFile.write(try ImageFile.jpeg(image), to: "\(voc)/JPEGImages/\(name).jpg")
        let labels = try ImageFile.decodeLabels(path: source.labelPath(index))
        // The edges between objects are void in VOC's maps.
        var values = labels.labels.map { min($0, 20) }
        for at in stride(from: 0, to: values.count, by: 7) { values[at] = 255 }
        try AtomicFile.write(
          try ImageFile.png(
            LabelMap(width: labels.width, height: labels.height, labels: values)),
          to: "\(voc)/SegmentationClass/\(name).png")
      }
      try AtomicFile.write(
        text: names.joined(separator: "\n") + "\n",
        to: "\(voc)/ImageSets/Segmentation/\(list).txt")
    }
    let options =
      recipe == "knn"
      ? ["--memory", "60", "--neighbours", "7"] : ["--iterations", "3", "--batch-size", "2"]
    let outcome = try run(
      [
        "--data", "VOCdevkit", "--backbone", "random", "--preset", "mini", "--crop-size", "48",
        "--seeds", "0", "--resamples", "20", "--output", "runs", "--recipe", recipe,
      ] + options)
    #expect(outcome.output.contains("of frozen cells"), "\(outcome.output)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("runs"))
      .filter { $0.hasPrefix("ade20k-\(recipe)-random") }
    let name = try #require(names.count == 1 ? names[0] : nil, "\(names)")
    let result = try json("runs/\(name)/result.json")
    #expect(result["data"]?["classes"]?.stringValue == "21")
    #expect(result["data"]?["test images"]?.stringValue == "4")
    // Those of the 21 that occur.
    let classes = (result["classes"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    #expect(classes.first == "background" && classes.count > 3, "\(result.text())")
    let score = try #require(result["metrics"]?["mIoU"]?["value"]?.doubleValue)
    #expect((0...1).contains(score))
    // The report draws what was found.
    let page = try ChildProgram.run(
      "bench-report", ["--runs", "runs", "--output", "page"], in: folder.path)
    #expect(page.status == 0, "\(page.errors)")
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
