import Evaluation
import FileSupport
import Foundation
import Geometry
import Inspection
import Loading
import TestSupport
import Testing
import VisionData

@testable import Harness
@testable import Inspection

/// What stops a run before anything is trained.
@Suite("The gate of bench-ade20k")
struct SegmentationGateTests {
  @Test("The gate stops at wrong labels before anything is trained, and keeps its report")
  func gate() throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    for top in ["images", "annotations"] {
      try FileManager.default.createDirectory(
        atPath: directory.file("\(top)/validation"), withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: directory.file("\(top)/training/0.png"),
        toPath: directory.file("\(top)/validation/0.png"))
    }
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    let kept = try TemporaryDirectory()
    func pass() throws {
      try DatasetGate(root: directory.path, policy: .fail).pass(
        try SegmentationCheck(SegmentationLayout.expect(directory.path), depth: .quick)
          .run(cachedIn: kept.path, threadCount: 2))
    }
    try pass()
    try AtomicFile.write(text: #"["a", "b", "c"]"#, to: directory.file("classes.json"))
    do {
      try pass()
      Issue.record("labels outside of the classes passed the gate")
    } catch {
      #expect("\(error)".contains("holds the value 4"))
    }
  }
}

/// Whole commands in processes of their own.
@Suite("bench-ade20k as a process", .timeLimit(.minutes(5)))
struct SegmentationProcessTests {
  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test("Ground truth scores 100 % against itself, and a missing prediction is named")
  func evaluate() async throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    let truth = directory.file("annotations/training")
    let output = directory.file("out/scores.json")
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    // Predictions have no "other"; it is labelled nowhere.
    let predicted = directory.file("predicted")
    for index in 0..<5 {
      let map = try ImageFile.decodeLabels(path: "\(truth)/\(index).png")
      let filled = LabelMap(
        width: map.width, height: map.height, labels: map.labels.map { $0 == 0 ? 1 : $0 })
      try AtomicFile.write(try ImageFile.png(filled), to: "\(predicted)/\(index).png")
    }
    let result = try await #require(
      processExitsWith: .success, observing: [\.standardOutputContent]
    ) { [truth = truth as String, predicted = predicted as String, output = output as String] in
      SegmentationCommands.run([
        "evaluate", "--ground-truth", truth, "--predictions", predicted, "--per-class",
        "--output", output, "--records", output + ".records", "--quiet",
      ])
    }
    #expect(text(result.standardOutputContent).contains("| 100.00 |"))
    #expect(try SegmentationRecordFile.read(output + ".records", classCount: 4).records.count == 5)
    #expect(String(decoding: try FileBytes.read(output), as: UTF8.self).contains("\"mIoU\": 1"))
    try FileManager.default.removeItem(atPath: predicted + "/3.png")
    let missing = try await #require(
      processExitsWith: .exitCode(66), observing: [\.standardErrorContent]
    ) { [truth = truth as String, predicted = predicted as String] in
      SegmentationCommands.run([
        "evaluate", "--ground-truth", truth, "--predictions", predicted, "--quiet",
      ])
    }
    #expect(text(missing.standardErrorContent).contains("lacks 3.png of 5 predictions"))
  }

  @Test("show writes one picture an image; check finds a wrong map and fails its gate")
  func showAndCheck() async throws {
    let directory = try TemporaryDirectory()
    _ = try makeSegmentationSet(in: directory)
    try AtomicFile.write(text: #"["a", "b", "c", "d"]"#, to: directory.file("classes.json"))
    let root = directory.path
    _ = try await #require(processExitsWith: .success) { [root = root as String] in
      SegmentationCommands.run([
        "show", "--images", root + "/images/training", "--labels", root + "/annotations/training",
        "--output", root + "/shown", "--count", "2", "--quiet",
      ])
    }
    let shown = try FileManager.default.contentsOfDirectory(atPath: root + "/shown").sorted()
    #expect(shown == ["0.png", "2.png"])
    #expect(try ImageFile.inspect(path: root + "/shown/0.png").width == 2 * 40 + 12)
    let checked = try await #require(
      processExitsWith: .exitCode(1), observing: [\.standardOutputContent]
    ) { [root = root as String] in
      DataCommands.run(["check", "--data", root, "--cache", root + "/cache", "--quiet"])
    }
    #expect(text(checked.standardOutputContent).contains("layout/missing  images/validation"))
  }
}
