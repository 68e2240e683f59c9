import FileSupport
import Foundation
import Reporting
import TestSupport
import Testing

/// Files of a run that only add to a report: damage is said, and the rest of the report stands.
@Suite("Damage beside results")
struct RunFaultTests {
  private static let images = RunImages(
    root: "/data", indices: Array(0..<200), paths: (0..<200).map { "\($0).png" })

  /// A report of a run whose folder was changed.
  private func remarks(_ change: (String) throws -> Void) throws -> [String] {
    let runs = try SyntheticRuns()
    let folder = try runs.linear("Supervised") { image, _ in image < 150 }
    try Self.images.write(to: folder)
    try RunPlots().write(to: folder)
    try RunAttention(
      view: .init(shorterSide: 256, crop: 224, filter: "bicubic"),
      images: [.init(index: 1, maps: [])]
    ).write(to: folder)
    for step in 0..<3 {
      let lines = (try? String(contentsOfFile: folder + "/events.jsonl", encoding: .utf8)) ?? ""
      let row = RunEvent(step: step, values: ["loss": 2]).json
      try AtomicFile.write(text: lines + RecordLines.line(row), to: folder + "/events.jsonl")
    }
    try change(folder)
    let comparison = try runs.comparison()
    #expect(comparison.leftOut.isEmpty && comparison.sections.first?.rows.count == 1)
    for remark in comparison.remarks {
      #expect(comparison.markdown.contains(remark), "the report does not say \(remark)")
    }
    return comparison.remarks.map { $0.replacing(folder + "/", with: "") }
  }

  @Test("A sound run gets no remark")
  func sound() throws { #expect(try remarks { _ in }.isEmpty) }

  @Test(
    "Files that are cut off are named",
    arguments: [
      "timing.json", "manifest.json", "images.json", "attention.json", "plots.json", "events.jsonl",
    ])
  func cut(name: String) throws {
    let said = try remarks { folder in
      let path = folder + "/" + name
      let bytes =
        FileManager.default.fileExists(atPath: path)
        ? try FileBytes.read(path) : Array("{\"engine\": {}}".utf8)
      try AtomicFile.write(bytes.dropLast(9), to: path)
    }
    #expect(said.count == 1 && said.first?.hasPrefix(name + ": ") == true, "\(said)")
    #expect(said.first?.contains(name == "events.jsonl" ? "inside of a line" : "cut off") == true)
  }

  @Test(
    "Files that say another thing than the result, or are none of their kind, are named",
    arguments: [
      (
        "images.json", #"{"root": "/", "indices": [1, 2], "paths": ["a", "b"]}"#,
        "lists 2 images, the result is of 200"
      ),
      ("images.json", #"{"root": "/", "indices": [1], "paths": []}"#, "is no list of images"),
      (
        "attention.json",
        #"{"view": {"shorter side": 8, "crop": 8, "filter": "x"}, "images": [{"index": 999, "maps": []}]}"#,
        "has maps of image 999, which images.json does not list"
      ),
      ("attention.json", "{}", "is no file of attention maps"),
      ("plots.json", #"{"heats": [{"title": "t"}]}"#, "has 1 parts that are no drawings"),
      ("plots.json", #"{"heats": 3}"#, "has 1 parts that are no drawings"),
      ("plots.json", "[]", "is no file of drawings"),
      ("timing.json", #"{"seconds": 1, "seconds": 2}"#, "has the key 'seconds' twice"),
    ])
  func contradiction(name: String, text: String, problem: String) throws {
    let said = try remarks { try AtomicFile.write(text: text, to: $0 + "/" + name) }
    #expect(said.count == 1 && said.first?.hasPrefix("\(name): \(problem)") == true, "\(said)")
  }

  @Test("Older files lack what later ones draw, which is no damage")
  func older() throws {
    #expect(
      try remarks { try AtomicFile.write(text: #"{"lines": []}"#, to: $0 + "/plots.json") }.isEmpty)
  }
}
