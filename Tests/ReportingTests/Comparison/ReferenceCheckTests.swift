import FileSupport
import Reporting
import TestSupport
import Testing

@Suite("Checks against figures")
struct ReferenceCheckTests {
  /// Figures of two schedules and of a detector that nothing here trains.
  private func references(_ folder: TemporaryDirectory) throws -> String {
    let figures = [("Mask R-CNN 1x", 0.437), ("Mask R-CNN 3x", 0.46), ("RepPoints V2 3x", 0.5)].map
    {
      """
      {"method": "MoBY", "architecture": "Swin-T", "epochs": 300, "metric": "bbox/AP",
      "configuration": "\($0)", "value": \($1), "source": "s", "protocol": "p", "verified": true}
      """
    }
    let path = folder.file("reference")
    try AtomicFile.write(
      text: """
        {"schema": 1, "title": "t", "check": {"task": "coco", "images": 50, "tolerance": 0.006,
        "evaluation": {"corrected": "false"},
        "configurations": {
        "Mask R-CNN 1x": {"detector": "Mask R-CNN", "epochs": "12", "test size": "800"},
        "Mask R-CNN 3x": {"detector": "Mask R-CNN", "epochs": "36", "test size": "800"}}},
        "figures": [\(figures.joined(separator: ","))]}
        """, to: path + "/coco.json")
    return path
  }

  private func check(
    _ settings: [String: String], boxAP: Double = 0.46, declared: String? = nil
  ) throws -> ReferenceCheck {
    let runs = try SyntheticRuns()
    try runs.detection("MoBY", boxAP: boxAP, settings: settings)
    return try ReferenceCheck(
      try runs.comparison(), folder: try references(runs.folder), declared: declared)
  }

  private let trained = [
    "detector": "Mask R-CNN", "epochs": "36", "test size": "800", "seeds": "0",
  ]

  @Test("A configuration that no figure has is told from one that it is not held against")
  func unknown() throws {
    let error = try #require(throws: FileError.self) { try check(trained, declared: "Bogus") }
    #expect(error.path == "Bogus" && error.exitCode == .usage)
    #expect(error.remedy.contains("Mask R-CNN 1x; Mask R-CNN 3x; RepPoints V2 3x"))
    _ = try check(trained, declared: "mask r-cnn 3X")
  }

  @Test("A run is held against the figure of its own configuration only")
  func configurations() throws {
    let right = try check(trained)
    #expect(right.passes && right.findings.map(\.expected) == [0.46])
    #expect(right.findings[0].expectation.contains("Mask R-CNN 3x"))
    #expect(right.unlike.count == 2)
    #expect(right.unlike.contains { $0.contains("epochs 36 instead of 12") })
    #expect(right.unlike.contains { $0.contains("RepPoints V2 3x: nothing here is trained so") })
    #expect(right.table.notes.contains(right.unlike[0]))
    #expect(try check(trained.merging(["epochs": "12"]) { $1 }, boxAP: 0.437).passes)
    for (name, value) in [("epochs", "13"), ("test size", "96"), ("detector", "Mask R-CNN (mini)")]
    {
      let other = try check(trained.merging([name: value]) { $1 })
      #expect(other.findings.isEmpty && !other.passes, "\(name)")
    }
    // One that says less than the figure needs is not taken on trust.
    let silent = try check(trained.filter { $0.key != "epochs" })
    #expect(silent.findings.isEmpty)
    #expect(silent.unlike.contains { $0.contains("the run does not say its epochs") })
  }

  @Test("What was only scored is held against the configuration that is named, and no other")
  func onlyScored() throws {
    let scored = ["detector": "Mask R-CNN", "test size": "800"]
    let unnamed = try check(scored)
    #expect(unnamed.findings.isEmpty)
    #expect(unnamed.unlike.contains { $0.contains("--configuration") })
    #expect(try check(scored, declared: "mask r-cnn 3x").findings.map(\.expected) == [0.46])
    #expect(try check(scored, boxAP: 0.437, declared: "Mask R-CNN 1x").passes)
    #expect(!(try check(scored, declared: "Mask R-CNN 1x").passes))
    // What it says is held against the name all the same.
    let small = scored.merging(["test size": "96"]) { $1 }
    #expect(try check(small, declared: "Mask R-CNN 3x").findings.isEmpty)
  }

  @Test("Predictions made elsewhere can be checked, also of detectors that are not here")
  func elsewhere() throws {
    let made = ["made": RunResult.madeElsewhere, "corrected": "false"]
    #expect(try check(made, boxAP: 0.5, declared: "RepPoints V2 3x").passes)
    #expect(try check(made, declared: "Mask R-CNN 3x").passes)
    #expect(try check(made).findings.isEmpty)
    let corrected = try check(
      made.merging(["corrected": "true"]) { $1 }, declared: "Mask R-CNN 3x")
    #expect(corrected.findings.isEmpty)
    #expect(corrected.unlike.contains { $0.contains("corrected true instead of false") })
  }

  @Test("The figures that are shipped name the settings that the recipes store")
  func shipped() throws {
    for file in ["coco.json", "ade20k.json", "imagenet_linear.json"] {
      let figures = try PublishedFigures(path: SyntheticRuns.references + "/" + file)
      let scope = try #require(figures.scope)
      #expect(!scope.configurations.isEmpty)
      let known = Set(figures.figures.flatMap { [$0.configuration, $0.protocolSummary] })
      for name in scope.configurations.keys { #expect(known.contains(name), "\(name)") }
    }
  }
}
