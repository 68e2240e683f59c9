import FileSupport
import Foundation
import Models
import Reporting
import TestSupport
import Testing

@Suite("Run results", .timeLimit(.minutes(5)))
struct RunResultTests {
  private func sample() -> RunResult {
    var result = RunResult(
      task: "linear", backbone: ["name": "MoBY", "sha256": "ab"], data: ["name": "sample"],
      settings: ["epochs": "100"])
    result.metrics = [
      "top1": MetricValue(successes: 753, of: 1000), "all": MetricValue(successes: 5, of: 5),
      "none": MetricValue(.nan, count: 0),
    ]
    result.curves = ["val_top1": [0.1, 0.5, 1, .nan]]
    result.classes = [
      ("swan", MetricValue(successes: 1, of: 3)), ("goose", MetricValue(0.5, count: 2)),
    ]
    result.notes = ["short training"]
    return result
  }

  private func write(_ text: String) throws -> (TemporaryDirectory, String) {
    let folder = try TemporaryDirectory()
    try AtomicFile.write(text: text, to: folder.file("result.json"))
    return (folder, folder.file("result.json"))
  }

  @Test("A result reads back as it was written, and writes the same bytes again")
  func roundTrip() throws {
    let text = sample().json.text(isPretty: true)
    let (folder, path) = try write(text)
    let read = try RunResult(path: path)
    #expect(read == sample())
    #expect(read.json.text(isPretty: true) == text)
    #expect(read.metrics["top1"]?.interval == sample().metrics["top1"]?.interval)
    #expect(read.metrics["none"]?.value.isNaN == true)
    withExtendedLifetime(folder) {}
  }

  @Test("A result that differs in one number is another result")
  func difference() {
    var other = sample()
    other.curves["val_top1"]?[1] = 0.5000000000000001
    #expect(other != sample())
  }

  @Test("A file cut off anywhere is refused in one sentence")
  func truncated() throws {
    let bytes = Array(sample().json.text().utf8)
    for length in stride(from: 0, to: bytes.count, by: 37) {
      let (folder, path) = try write(String(decoding: bytes.prefix(length), as: UTF8.self))
      let error = #expect(throws: FileError.self) { try RunResult(path: path) }
      #expect(error?.description == "\(path): is cut off or no JSON; run the benchmark again.")
      #expect(error?.exitCode == .badData)
      withExtendedLifetime(folder) {}
    }
  }

  @Test("An edited file is refused, and one without a digest is read and says so")
  func seal() throws {
    let text = sample().json.text()
    let (folder, path) = try write(text.replacing("\"short training\"", with: "\"long training\""))
    let error = #expect(throws: FileError.self) { try RunResult(path: path) }
    #expect(error?.problem == "was edited after it was written")
    let (other, old) = try write(sample().contents.text())
    let read = try RunResult(path: old)
    #expect(!read.isSealed && read == sample())
    let (third, sealed) = try write(text)
    #expect(try RunResult(path: sealed).isSealed)
    withExtendedLifetime((folder, other, third)) {}
  }

  @Test("Costs of errors, confusions and files come back")
  func furtherParts() throws {
    var result = sample()
    result.task = "coco"
    result.errorCosts = ["Cls": 0.031]
    result.confusions = [Confusion(label: "swan", prediction: "goose", count: 3)]
    result.files = ["records.jsonl": "ab"]
    let (folder, path) = try write(result.json.text(isPretty: true))
    let read = try RunResult(path: path)
    #expect(read == result && read.confusions == result.confusions && read.files == result.files)
    #expect(read.errorCosts == result.errorCosts && read.classes[0].name == "swan")
    withExtendedLifetime(folder) {}
  }

  @Test("A newer schema, another document and an unreadable part are told apart")
  func refusals() throws {
    let text = sample().json.text()
    for (changed, problem) in [
      (
        text.replacing("\"schema\":2", with: "\"schema\":3"),
        "has schema 3, this program reads up to 2"
      ),
      ("{\"a\":1}", "is no result of this suite"),
      ("[]", "is no result of this suite"),
      (text.replacing("\"metrics\":{", with: "\"metrics\":{\"x\":5,"), "has no readable 'metrics'"),
      (text.replacing("\"notes\"", with: "\"nots\""), "has no readable 'notes'"),
      (text.replacing("\"swan\"", with: "7"), "has no readable 'classes'"),
      (text.replacing("\"MoBY\"", with: "null"), "has no readable 'backbone'"),
    ] {
      #expect(changed != text)
      let (folder, path) = try write(changed)
      let error = #expect(throws: FileError.self) { try RunResult(path: path) }
      #expect(error?.problem == problem)
      withExtendedLifetime(folder) {}
    }
    let missing = #expect(throws: FileError.self) { try RunResult(path: "no/result.json") }
    #expect(missing?.exitCode == .missingFile)
  }
}
