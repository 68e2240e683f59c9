import FileSupport
import Foundation
import Harness
import Models
import Reporting
import TestSupport
import Testing

/// Runs the program as a child process on small runs, as a user would.
@Suite("bench-report", .timeLimit(.minutes(5)))
struct ReportCommandTests {
  private func run(
    _ arguments: [String], in folder: TemporaryDirectory
  ) throws -> (status: Int32, output: String, errors: String) {
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: SourceTree.root.path + "/.build/debug/bench-report")
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let (out, errors) = (folder.file("stdout"), folder.file("stderr"))
    for path in [out, errors] { try AtomicFile.write(text: "", to: path) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: out))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
    process.waitUntilExit()
    return (
      process.terminationStatus, String(decoding: try FileBytes.read(out), as: UTF8.self),
      String(decoding: try FileBytes.read(errors), as: UTF8.self)
    )
  }

  /// Two runs that differ in 40 of 200 images.
  private func prepare() throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for (name, count) in [("Supervised", 160), ("MoBY", 120)] {
      let path = folder.file("reports/runs/linear-\(name)")
      var result = RunResult(
        task: "linear", backbone: ["name": name, "architecture": "Swin-T", "sha256": "abc"],
        data: ["name": "sample", "validation": "v", "validation images": "200"],
        settings: ["epochs": "100", "seeds": "0"])
      result.metrics["top1"] = MetricValue(successes: count, of: 200)
      let lines = (0..<200).map { image in
        RecordLines.line(
          .object([
            "index": .integer(image), "label": .integer(0), "seed": .integer(0),
            "rank": .integer(image < count ? 0 : 3), "top5": .array([.integer(1)]),
          ]))
      }
      try AtomicFile.write(text: lines.joined(), to: path + "/records.jsonl")
      try AtomicFile.write(text: result.json.text(), to: path + "/result.json")
    }
    return folder
  }

  @Test("Figures of a folder that is not there are not passed by in silence")
  func missingReferences() throws {
    let folder = try prepare()
    let refused = try run(["--references", "nowhere"], in: folder)
    #expect(refused.status == 66 && refused.errors.contains("nowhere: is no folder of published"))
    #expect(try run(["--references", "none"], in: folder).status == 0)
  }

  @Test("Without arguments it compares reports/runs and writes every format")
  func build() throws {
    let folder = try prepare()
    let result = try run([], in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("MoBY is worse than Supervised, −20.00 points"))
    for name in ["html", "md", "csv", "json", "tex"] {
      let path = folder.file("reports/comparison/report.\(name)")
      #expect(FileManager.default.fileExists(atPath: path), "no \(path)")
    }
    #expect(
      FileManager.default.fileExists(
        atPath: folder.file(
          "reports/comparison/events/linear-moby/events.out.tfevents.0.swinbench")))
    let again = try run(["--json", "--quiet", "--formats", "md"], in: folder)
    #expect(JSONValue(parsing: Array(again.output.utf8)) != nil && again.errors.isEmpty)
  }

  @Test("explain gives the source of a cell, and a near name for a wrong one")
  func explain() throws {
    let folder = try prepare()
    let result = try run(["explain", "linear/moby/top1"], in: folder)
    #expect(result.status == 0 && result.output.contains("exact McNemar test on 200 images"))
    #expect(result.output.contains("weights") && result.output.contains("abc"))
    let wrong = try run(["explain", "linear/moby/top2"], in: folder)
    #expect(wrong.status == 64 && wrong.errors.contains("Did you mean 'linear/moby/top1'?"))
    #expect(try run(["explain", "all"], in: folder).output.split(separator: "\n").count == 2)
  }

  @Test("diff names what differs and then tests; the same folder twice is refused")
  func difference() throws {
    let folder = try prepare()
    let runs = ["reports/runs/linear-Supervised", "reports/runs/linear-MoBY"]
    let result = try run(["diff"] + runs, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.output.contains("| backbone | name"))
    #expect(result.output.contains("−20.00") && result.output.contains("worse"))
    #expect(try run(["diff", runs[0], runs[0]], in: folder).status == 64)
    #expect(try run(["diff", runs[0], "none"], in: folder).status == 66)
  }

  @Test("check ends with 1 outside the room or when nothing matches, with 0 inside")
  func check() throws {
    let folder = try prepare()
    for (value, images, status) in [(0.61, 200, 0), (0.75, 200, 1), (0.61, 300, 1)] {
      try AtomicFile.write(
        text: """
          {"schema": 1, "title": "t", "check": {"task": "linear", "images": \(images),
          "tolerance": 0.02}, "figures": [{"method": "MoBY", "architecture": "Swin-T",
          "epochs": null, "metric": "top1", "value": \(value), "source": "s", "protocol": "p",
          "verified": true}]}
          """, to: folder.file("reports/reference/f.json"))
      #expect(try run(["check"], in: folder).status == Int32(status))
    }
  }

  @Test("Where no run can be read, the report that is there stays")
  func nothing() throws {
    let folder = try prepare()
    #expect(try run(["--quiet"], in: folder).status == 0)
    let page = try FileBytes.read(folder.file("reports/comparison/report.html"))
    for name in ["Supervised", "MoBY"] {
      try AtomicFile.write(text: "{", to: folder.file("reports/runs/linear-\(name)/result.json"))
    }
    let refused = try run(["--quiet"], in: folder)
    #expect(refused.status == 66 && refused.output.isEmpty, "\(refused)")
    #expect(refused.errors.contains("reports/runs: holds no finished run, so no report is made"))
    #expect(refused.errors.contains("left out: reports/runs/linear-MoBY/result.json: is cut off"))
    #expect(try FileBytes.read(folder.file("reports/comparison/report.html")) == page)
  }

  @Test("What an earlier report left goes, what others wrote stays")
  func stale() throws {
    let folder = try prepare()
    #expect(try run(["--quiet"], in: folder).status == 0)
    let place = folder.file("reports/comparison")
    let kept = ["config.json", "events/linear-moby/own.txt", "events/mine/notes.txt"]
    for name in kept { try AtomicFile.write(text: "mine", to: place + "/" + name) }
    let csv = try run(["--formats", "csv"], in: folder)
    #expect(csv.status == 0, "\(csv.errors)")
    #expect(
      csv.errors.contains(
        "removed from reports/comparison, where an earlier report left them: report.html, report.md, "
          + "report.json, report.tex, events/linear-moby, events/linear-supervised"),
      "\(csv.errors)")
    let left = (FileManager.default.subpaths(atPath: place) ?? []).filter { $0.contains(".") }
    #expect(left.sorted() == (kept + ["report.csv"]).sorted())
    // A file of that name that is no report.
    try AtomicFile.write(text: "# Comparison of mine", to: place + "/report.md")
    #expect(try run(["--formats", "csv"], in: folder).status == 0)
    #expect(FileManager.default.fileExists(atPath: place + "/report.md"))
    // Of a run that is gone the events go, too.
    #expect(try run(["--quiet", "--formats", "events"], in: folder).status == 0)
    try FileManager.default.removeItem(atPath: folder.file("reports/runs/linear-MoBY"))
    #expect(try run(["--quiet", "--formats", "events"], in: folder).status == 0)
    let events = try FileManager.default.contentsOfDirectory(atPath: place + "/events")
    #expect(events.sorted() == ["linear-moby", "linear-supervised", "mine"])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: place + "/events/linear-moby")
        == ["own.txt"])
  }

  @Test("A disk that has no room for all of a report keeps the earlier one")
  func room() throws {
    let folder = try prepare()
    #expect(try run(["--quiet", "--formats", "csv"], in: folder).status == 0)
    let place = folder.file("reports/comparison/report.csv")
    let before = try FileBytes.read(place)
    try FileManager.default.removeItem(atPath: folder.file("reports/runs/linear-MoBY"))
    // The probe takes all that the forms take together.
    try AtomicFile.makeFolder(folder.file("reports/comparison/report.partial"))
    let refused = try run(["--quiet"], in: folder)
    #expect(refused.status == 73 && refused.errors.contains("reports/comparison: "))
    #expect(try FileBytes.read(place) == before)
  }

  @Test("Options that would change nothing are refused")
  func idle() throws {
    let folder = try prepare()
    let margin = try run(["--margin", "AP=0.3"], in: folder)
    #expect(
      margin.status == 64 && margin.errors.contains("--margin names AP, which is not compared"))
    #expect(try run(["--margin", "top1=0.3", "--quiet"], in: folder).status == 0)
    let gallery = try run(["--gallery", "3", "--formats", "csv"], in: folder)
    #expect(gallery.status == 64 && gallery.errors.contains("--gallery is for the page"))
    let check = try run(["check", "--configuration", "Bogus"], in: folder)
    #expect(check.status == 66, "\(check.errors)")
  }

  @Test("Names of any length have event files of their own")
  func longNames() throws {
    let folder = try prepare()
    let path = folder.file("reports/runs/linear-Supervised")
    for ending in ["a", "b"] {
      var result = try RunResult(path: path + "/result.json")
      result.backbone["name"] = String(repeating: "y", count: 250) + ending
      let own = folder.file("reports/runs/long-\(ending)")
      try AtomicFile.write(try FileBytes.read(path + "/records.jsonl"), to: own + "/records.jsonl")
      try AtomicFile.write(text: result.json.text(), to: own + "/result.json")
    }
    let made = try run(["--quiet"], in: folder)
    #expect(made.status == 0, "\(made.errors)")
    let events = try FileManager.default.contentsOfDirectory(
      atPath: folder.file("reports/comparison/events"))
    #expect(events.count == 4 && events.allSatisfy { $0.utf8.count < 200 })
  }

  @Test("Where one form cannot be written, or a path is no folder, nothing is")
  func unwritable() throws {
    let folder = try prepare()
    try AtomicFile.makeFolder(folder.file("out/report.csv"))
    let half = try run(["--output", "out"], in: folder)
    #expect(half.status == 73 && half.errors.contains("out/report.csv: is a folder where a file"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("out")) == ["report.csv"])
    try AtomicFile.write(text: "", to: folder.file("file"))
    for option in ["--cache", "--output"] {
      let refused = try run([option, "file/x"], in: folder)
      #expect(refused.status == 64, "\(refused.errors)")
      #expect(refused.errors.contains("\(option) file/x: file is no folder."), "\(refused.errors)")
    }
    let plain = try run(["--runs", "file"], in: folder)
    #expect(plain.errors.contains("file: is neither a folder nor a result.json"))
    #expect(!plain.errors.contains("left out"), "\(plain.errors)")
  }

  @Test("A folder without runs and an unknown word are answered in a sentence")
  func mistakes() throws {
    let folder = try TemporaryDirectory()
    let missing = try run([], in: folder)
    #expect(missing.status == 66 && missing.errors.contains("reports/runs: does not exist"))
    let word = try run(["dif"], in: folder)
    #expect(word.status == 64 && word.errors.contains("Did you mean 'diff'?"))
    let few = try run(["--resamples", "3"], in: folder)
    #expect(few.status == 64 && few.errors.contains("option '--resamples' got '3'"))
  }
}
