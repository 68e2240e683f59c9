import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing

/// Runs that the programs of schema 1 stored, as small as they go.
@Suite("Stored runs of an older schema", .timeLimit(.minutes(5)))
struct SchemaMigrationTests {
  private func run(_ task: String) throws -> StoredRun {
    try StoredRun(folder: SourceTree.fixture("Reporting/schema-1/\(task)"))
  }

  /// Tags and steps of the points of an event file, frame by frame.
  private func points(_ file: EventFile) -> [(tag: String, step: Int)] {
    var at = 0
    var points: [(String, Int)] = []
    while at + 12 <= file.bytes.count {
      let length = (0..<8).reversed().reduce(0) { $0 << 8 | Int(file.bytes[at + $1]) }
      let message = Array(file.bytes[at + 12..<at + 12 + length])
      at += length + 16
      // Event { wall_time: 9 bytes, step: varint where it is not 0, summary or file_version }
      var place = 9
      var step = 0
      if message[place] == 0x10 {
        step = Int(message[place + 1])
        place += 2
      }
      guard message[place] == 0x2A else { continue }
      let start = place + 5
      let end = start + 1 + Int(message[start])
      points.append((String(decoding: message[start + 1..<end], as: UTF8.self), step))
    }
    return points
  }

  @Test("Rows that say update give the points of their steps")
  func events() throws {
    let run = try run("ade20k")
    let rows = try RecordLines.read(run.path + "/events.jsonl").rows
    #expect(rows.count == 12 && rows.allSatisfy { $0["update"] != nil && $0["step"] == nil })
    let own = points(run.eventFile)
    #expect(own.filter { $0.tag == "loss" }.map(\.step) == Array(0..<12))
    #expect(
      Set(own.map(\.tag).filter { !$0.hasPrefix("final/") })
        == ["loss", "decode_loss", "auxiliary_loss", "learning_rate"])
  }

  @Test("Classes that say top1 have their accuracies, and the digest of the old bytes holds")
  func classes() throws {
    let result = try run("linear").result
    #expect(result.classes.count == 10 && result.isSealed)
    #expect(result.classes.map(\.measurement.count).reduce(0, +) == 60)
    let right = result.classes.map { $0.measurement.value * Double($0.measurement.count) }
    let top1 = try #require(result.metrics["top1"]?.value)
    #expect(abs(right.reduce(0, +) / 60 - top1) < 1e-12)
    #expect(result.json["schema"]?.intValue == 2)
    #expect(result.json["classes"]?.arrayValue?.first?["value"] != nil)
  }

  @Test("An old run that was edited is refused all the same")
  func edited() throws {
    let folder = try TemporaryDirectory()
    let path = SourceTree.fixture("Reporting/schema-1/linear/result.json")
    let text = String(decoding: try FileBytes.read(path), as: UTF8.self)
    let changed = text.replacing("\"n\": 60", with: "\"n\": 61")
    #expect(changed != text)
    try AtomicFile.write(text: changed, to: folder.file("result.json"))
    let error = #expect(throws: FileError.self) { try RunResult(path: folder.file("result.json")) }
    #expect(error?.problem == "was edited after it was written")
  }

  @Test("Old and new runs make one report, with tests on the old records")
  func report() throws {
    let paths = ["ade20k", "linear"].map { SourceTree.fixture("Reporting/schema-1/\($0)") }
    let comparison = try ComparisonBuilder().comparison(RunCatalogue(paths: paths))
    #expect(comparison.sections.map(\.task.name) == ["linear", "ade20k"])
    #expect(comparison.leftOut.isEmpty && comparison.sections.allSatisfy { $0.rows.count == 1 })
  }

  @Test("An event reads back as it was written, whichever way its step is spelled")
  func codec() throws {
    let event = RunEvent(step: 7, seed: 1, values: ["loss": 2.5])
    #expect(event.json.text() == #"{"loss":2.5,"seed":1,"step":7}"#)
    #expect(RunEvent(event.json) == event && event.position == 7)
    let old: JSONValue = .object([
      "update": .integer(7), "loss": .number(2.5), "seed": .integer(1),
    ])
    #expect(RunEvent(old) == event)
    #expect(RunEvent(epoch: 3, values: [:]).position == 3)
    #expect(RunEvent(.array([])) == nil)
  }

  @Test("Numbers of several scales that were called as those of one have their own names")
  func scales() throws {
    let folder = try TemporaryDirectory()
    var result = RunResult(
      task: "ade20k", backbone: ["name": "x"], data: [:],
      settings: ["test": "ms-flip, short side 512"])
    for name in ["mIoU", "mAcc", "aAcc", "IoU/sky"] { result.metrics[name] = .init(0.5, count: 3) }
    for (name, isOld) in [("old", true), ("one", false)] {
      if !isOld { result.settings["test"] = "whole, short side 512" }
      try AtomicFile.write(
        text: result.json.text(), to: folder.file("\(name)/result.json"))
      let read = try RunResult(path: folder.file("\(name)/result.json"))
      #expect(
        Set(read.metrics.keys)
          == (isOld
            ? ["mIoU_ms", "mAcc_ms", "aAcc_ms", "IoU/sky"] : ["mIoU", "mAcc", "aAcc", "IoU/sky"]))
      #expect(read.isSealed)
    }
  }
}
